"""Reads the log of one attempt of a container over its rotations, and follows it while the container runs.

The kubelet's `logs` ends at the last rotation; here what was rotated away, compressed or not, is part of the log.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.logs.rendering import Rendering
from podstead.logs.segments import open_segments
from podstead.logs.tail import Place, since_place, tail_place

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from podstead.logs.segments import Segment

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
    end = b""
    try:
        async for piece in read_log(path, LogQuery(tail=lines)):
            end = (end + piece)[-limit_bytes:]  # a line may be as long as the log
    except OSError:
        return b""
    return end


class _Source:
    """The files of the log at a path, as they follow one another. All methods block."""

    def __init__(self, path: Path, query: LogQuery) -> None:
        self._path = path
        self._query = query
        since = int(query.since * 10**9) if query.since is not None else None
        self._since = since
        self._rendering = Rendering(timestamps=query.timestamps, since=since, limit=query.limit_bytes)
        self._files: list[Segment] = []
        """Those that are still to be read; the first is being read."""
        self._read: frozenset[str] = frozenset()
        """Plain names of the files that were rotated away and read, or older than what is asked for."""
        self._end: int | None = None
        """Without following, the size at the beginning: a log that grows faster than it is read ends all the same."""

        self._left_over = b""
        """The unfinished last entry of a file that was rotated away."""

    @property
    def finished(self) -> bool:
        """Whether nothing more is wanted."""
        return self._rendering.finished

    def open(self) -> None:
        """Open the files and find the place to begin."""
        opened = open_segments(self._path)
        self._end = opened[-1].size if opened[-1].file.written and not self._query.follow else None
        places = []
        if self._query.tail is not None:
            places.append(tail_place(opened, self._query.tail))
        if self._since is not None:
            places.append(since_place(opened, self._since))
        begin = max(places, default=Place(0, 0))
        for segment in opened:
            segment.seek(0)
        self._files = opened[begin.segment :]
        self._files[0].seek(begin.offset)
        self._read = frozenset(s.file.plain for s in opened if not s.file.written)

    def read(self) -> bytes | None:
        """Return the output of the next piece, None at the end of what is there."""
        while True:
            if self._left_over:
                left_over, self._left_over = self._left_over, b""
                return left_over
            if not self._files:
                return None
            if data := self._files[0].read(self._wanted()):
                return self._rendering.feed(data)
            if len(self._files) == 1:
                return None
            self._next()

    def flush(self) -> bytes:
        """Return what an entry without a newline holds."""
        return self._rendering.flush()

    def rotated(self) -> bool:
        """Go on with what came after the file that is read to its end, or from its start when it was cut short."""
        ours = self._files[0]
        try:
            found = self._path.stat(follow_symlinks=False)
            if ours.identity == (found.st_dev, found.st_ino):
                if found.st_size >= ours.offset:
                    return False
                ours.seek(0)
                return True
            if ours.size > ours.offset and not ours.file.compressed:
                return True  # written between our last read and the rotation: read that first
            newer = open_segments(self._path, self._read)
        except OSError:
            return False  # renamed, and the new one is not there yet
        first = newer[0]
        renamed = first.identity == ours.identity or (first.file.compressed and ours.file.written)
        unread = newer[1:] if renamed else newer
        if not unread:
            return False
        self._read |= {s.file.plain for s in newer if not s.file.written}
        self._files += unread
        self._next()
        return True

    def _wanted(self) -> int:
        if self._end is None or len(self._files) > 1:
            return PIECE_BYTES
        return max(0, min(PIECE_BYTES, self._end - self._files[0].offset))

    def _next(self) -> None:
        del self._files[0]
        self._left_over = self._rendering.flush()
