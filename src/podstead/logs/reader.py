"""Reads one container log as `kubectl logs` shows it, and follows it while the container runs."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.logs import tail
from podstead.logs.rendering import Rendering

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

PIECE_BYTES = 64 << 10
"""Read at once: some milliseconds of work in a thread, so that following a busy log delays nobody."""
POLL_SECONDS = 0.2
"""How late a followed line may be shown; a look costs two calls on an open file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogQuery:
    """How much of a log. `since` is Unix seconds; `tail` counts lines from the end; `limit_bytes` ends the output."""

    tail: int | None = None
    since: float | None = None
    timestamps: bool = False
    limit_bytes: int | None = None
    follow: bool = False


async def read_log(
    path: Path,
    query: LogQuery,
    *,
    ended: Callable[[], bool] = lambda: True,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> AsyncIterator[bytes]:
    """Yield the log in pieces of some ten kilobytes; a very long line comes in several.

    With `follow` it goes on, over rotations, until `ended` says that the container has ended and the rest is read.
    Raises OSError when the file cannot be opened.
    """
    source = _Source(path, query)
    await asyncio.to_thread(source.open)
    last_look = False
    while True:
        while not source.finished:
            piece = await asyncio.to_thread(source.read)
            if piece is None:
                break
            if piece:
                yield piece
        if source.finished:
            return
        if query.follow and await asyncio.to_thread(source.rotated):
            continue
        if not query.follow or last_look:
            if rest := source.flush():
                yield rest
            return
        # The runtime may still be writing what the container said last: one more look after it has ended.
        last_look = ended()
        await sleep(POLL_SECONDS)


async def last_lines(path: Path, lines: int, limit_bytes: int) -> bytes:
    """Return the end of a log for a termination message: at most so many lines and bytes; empty without a log."""
    try:
        pieces = [piece async for piece in read_log(path, LogQuery(tail=lines))]
    except OSError:
        return b""
    return b"".join(pieces)[-limit_bytes:]


class _Descriptor:
    """An open file that closes when its last user lets go: a thread may outlive the reader that was cancelled."""

    __slots__ = ("number",)

    def __init__(self, path: Path) -> None:
        self.number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)

    def __del__(self) -> None:
        if hasattr(self, "number"):
            os.close(self.number)


class _Source:
    """The file under its path, whichever it is by now. All methods block."""

    def __init__(self, path: Path, query: LogQuery) -> None:
        self._path = path
        self._query = query
        since = int(query.since * 10**9) if query.since is not None else None
        self._since = since
        self._rendering = Rendering(timestamps=query.timestamps, since=since, limit=query.limit_bytes)
        self._file: _Descriptor | None = None
        self._offset = 0
        self._end: int | None = None
        """Without following, the size at the beginning: a log that grows faster than it is read ends all the same."""

        self._left_over = b""
        """The unfinished last entry of a file that was rotated away."""

    @property
    def finished(self) -> bool:
        """Whether nothing more is wanted."""
        return self._rendering.finished

    def open(self) -> None:
        """Open the file and find the place to begin."""
        self._file = _Descriptor(self._path)
        number = self._file.number
        size = os.fstat(number).st_size
        self._end = None if self._query.follow else size
        if self._query.tail is not None:
            self._offset = tail.tail_offset(number, size, self._query.tail)
        if self._since is not None:
            self._offset = max(self._offset, tail.since_offset(number, size, self._since))

    def read(self) -> bytes | None:
        """Return the output of the next piece, None at the end of what is there."""
        if self._left_over:
            left_over, self._left_over = self._left_over, b""
            return left_over
        if self._file is None:
            return None
        wanted = PIECE_BYTES if self._end is None else min(PIECE_BYTES, self._end - self._offset)
        data = os.pread(self._file.number, wanted, self._offset) if wanted > 0 else b""
        if not data:
            return None
        self._offset += len(data)
        return self._rendering.feed(data)

    def flush(self) -> bytes:
        """Return what an entry without a newline holds."""
        return self._rendering.flush()

    def rotated(self) -> bool:
        """Go on with the new file when the path leads to another one, or from the start when it was cut short."""
        if self._file is None:
            return False
        ours = os.fstat(self._file.number)
        try:
            theirs = self._path.stat(follow_symlinks=False)
            if (ours.st_dev, ours.st_ino) != (theirs.st_dev, theirs.st_ino):
                if ours.st_size > self._offset:
                    return True  # written between our last read and the rotation: read that first
                self._file = _Descriptor(self._path)
                self._left_over = self._rendering.flush()
                self._offset = 0
                return True
        except OSError:
            return False  # renamed, and the new one is not there yet
        if ours.st_size < self._offset:
            self._offset = 0
            return True
        return False
