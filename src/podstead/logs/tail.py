"""Where in a log file the last lines, or the lines since a time, begin. Blocking; reads blocks, never the whole file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from podstead.logs import format as log_format

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK = 64 << 10
HEAD = 80
"""Bytes at an entry's beginning that surely hold its time, stream and tags."""
JITTER_NS = 2 * 10**9
"""stdout and stderr are written by two threads: an entry may stand before one that is a little older."""


def tail_offset(descriptor: int, size: int, lines: int) -> int:
    """Return the offset at which the last `lines` lines of the first `size` bytes begin.

    A line that the runtime split into partial entries counts once, one that is still unfinished too.
    """
    found, begin = 0, size
    for offset, head in _entries_backwards(descriptor, size):
        entry = log_format.decode(head)
        if begin == size or entry is None or not entry.partial:
            if found == lines:
                return begin
            found += 1
        begin = offset
    return begin


def since_offset(descriptor: int, size: int, since: int) -> int:
    """Return an offset before which every entry is older than `since` (Unix nanoseconds).

    Found by halving: times rise through the file, but for JITTER_NS. The caller still compares each entry.
    """
    low, high = 0, size
    while high - low > BLOCK:
        middle = (low + high) // 2
        begin, time = _entry_after(descriptor, middle)
        if begin >= high:
            high = middle
        elif time is None or time < since - JITTER_NS:
            low = begin
        else:
            high = middle
    return low


def _entries_backwards(descriptor: int, size: int) -> Iterator[tuple[int, bytes]]:
    """Yield offset and first bytes of each entry, the last one first."""
    end = size
    while end > 0:
        start = max(0, end - BLOCK)
        chunk = os.pread(descriptor, min(end + HEAD, size) - start, start)
        at = end - start
        while (newline := chunk.rfind(b"\n", 0, at)) >= 0:
            if start + newline + 1 < size:
                yield start + newline + 1, _head(chunk, newline + 1)
            at = newline
        end = start
    if size:
        yield 0, _head(os.pread(descriptor, min(HEAD, size), 0), 0)


def _head(chunk: bytes, at: int) -> bytes:
    return chunk[at : at + HEAD].partition(b"\n")[0]


def _entry_after(descriptor: int, offset: int) -> tuple[int, int | None]:
    """Return offset and time of the first entry that begins after `offset`; the time is None when it has none."""
    begin = offset
    while block := os.pread(descriptor, BLOCK, begin):
        newline = block.find(b"\n")
        if newline >= 0:
            begin += newline + 1
            break
        begin += len(block)
    entry = log_format.decode(_head(os.pread(descriptor, HEAD, begin), 0))
    return begin, log_format.nanoseconds(entry.time) if entry is not None else None
