"""Turns the bytes of a log file into what people asked to see. Pure, and bounded however long a line is."""

from __future__ import annotations

from podstead.logs import format as log_format

MAX_ENTRY = 1 << 20
"""Longest entry waited for: runtimes split at 16 KiB, so a longer one is no log and is passed on in pieces."""


class Rendering:
    """Joins partial entries, drops what is too old, puts times before lines, stops at a limit.

    What is no entry (a torn write) is shown as it stands rather than hidden. `since` is Unix nanoseconds, `limit`
    bytes of output.
    """

    def __init__(self, *, timestamps: bool = False, since: int | None = None, limit: int | None = None) -> None:
        self._timestamps = timestamps
        self._since = since
        self._left = limit
        self._rest = b""
        self._open: bytes = b""
        """The stream whose line is unfinished; its output went out already."""
        self._skipping: set[bytes] = set()
        """Streams whose unfinished line began before `since`."""

    @property
    def finished(self) -> bool:
        """Whether the limit is reached."""
        return self._left is not None and self._left <= 0

    def feed(self, data: bytes) -> bytes:
        """Return the output of the next bytes of the file; an unfinished entry at their end is kept for later."""
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        out: list[bytes] = []
        for line in lines:
            self._line(line, out)
        if len(self._rest) > MAX_ENTRY:
            out.append(self._rest)
            self._rest = b""
        return self._limited(b"".join(out))

    def flush(self) -> bytes:
        """Return the output of an entry that has no newline: the file's last one after a crash."""
        out: list[bytes] = []
        if self._rest:
            self._line(self._rest, out)
            self._rest = b""
        return self._limited(b"".join(out))

    def _line(self, line: bytes, out: list[bytes]) -> None:
        entry = log_format.decode(line)
        if entry is None:
            if line:
                out += (self._break(b""), line, b"\n")
            return
        if self._too_old(entry):
            return
        out.append(self._break(entry.stream))
        if self._timestamps and self._open != entry.stream:
            out += (log_format.padded(entry.time), b" ")
        out.append(entry.content)
        if entry.partial:
            self._open = entry.stream
        else:
            self._open = b""
            out.append(b"\n")

    def _break(self, stream: bytes) -> bytes:
        """End an unfinished line of another stream, so that two streams never share a line."""
        if self._open and self._open != stream:
            self._open = b""
            return b"\n"
        return b""

    def _too_old(self, entry: log_format.Entry) -> bool:
        """Return whether the line of this entry began before `since`."""
        if self._since is None:
            return False
        if entry.stream in self._skipping:
            old = True
        elif self._open == entry.stream:
            return False
        else:
            at = log_format.nanoseconds(entry.time)
            old = at is not None and at < self._since
        if old and entry.partial:
            self._skipping.add(entry.stream)
        elif old:
            self._skipping.discard(entry.stream)
        return old

    def _limited(self, out: bytes) -> bytes:
        if self._left is None:
            return out
        out = out[: max(0, self._left)]
        self._left -= len(out)
        return out
