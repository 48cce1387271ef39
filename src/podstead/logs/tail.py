"""Where in a log the last lines, or the lines since a time, begin. Blocking; reads blocks, never the whole into memory.

A log is several files (`segments`). They are looked at from the newest back, no further than is needed: a compressed
one has to be read from its beginning, a plain one is not.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from podstead.logs import format as log_format

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from podstead.logs.segments import Segment

BLOCK = 64 << 10
HEAD = 80
"""Bytes at an entry's beginning that surely hold its time, stream and tags."""
JITTER_NS = 2 * 10**9
"""stdout and stderr are written by two threads: an entry may stand before one that is a little older."""


class Place(NamedTuple):
    """Where reading begins: in which of the files, and at which offset of its log."""

    segment: int
    offset: int


def tail_place(segments: Sequence[Segment], lines: int) -> Place:
    """Return where the last `lines` lines of all files begin."""
    left = lines
    continued = False
    last = len(segments) - 1
    place = Place(last, 0)
    for index in range(last, -1, -1):
        segment = segments[index]
        if segment.file.compressed:
            offset, found = _tail_of_compressed(segment, left, continued=continued)
            size = segment.offset
        else:
            size = segment.size
            offset, found = tail_offset(segment.number, size, left, continued=continued)
        left -= found
        if offset < size or index == last:
            place = Place(index, offset)
        continued = continued or offset < size
        if offset > 0:
            break
    return place


def since_place(segments: Sequence[Segment], since: int) -> Place:
    """Return a place before which every entry is older than `since` (Unix nanoseconds)."""
    for index in range(len(segments) - 1, -1, -1):
        segment = segments[index]
        first = _first_time(segment)
        if index > 0 and (first is None or first >= since - JITTER_NS):
            continue
        if segment.file.compressed:
            return Place(index, 0)
        return Place(index, since_offset(segment.number, segment.size, since))
    return Place(0, 0)


def tail_offset(descriptor: int, size: int, lines: int, *, continued: bool = False) -> tuple[int, int]:
    """Return the offset at which the last `lines` lines of the first `size` bytes begin, and how many there are.

    A line that the runtime split into partial entries counts once, one that is still unfinished too, unless it is
    `continued` in the next file and was counted there.
    """
    found, begin = 0, size
    for offset, head in _entries_backwards(descriptor, size):
        entry = log_format.decode(head)
        if (begin == size and not continued) or entry is None or not entry.partial:
            if found == lines:
                return begin, found
            found += 1
        begin = offset
    return begin, found


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


def _tail_of_compressed(segment: Segment, lines: int, *, continued: bool) -> tuple[int, int]:
    """Return what `tail_offset` does; read twice rather than kept, and left at its end."""
    count, unfinished = 0, False
    for _, begins, partial in _entries_forward(segment):
        count += begins
        unfinished = partial
    whole = count - 1 if unfinished and continued else count
    first = max(0, whole - lines)
    if first == 0:
        return 0, whole
    place, number = segment.offset, -1
    for offset, begins, _ in _entries_forward(segment):
        number += begins
        if begins and number == first:
            place = offset
    return place, whole - first


def _entries_forward(segment: Segment) -> Iterator[tuple[int, bool, bool]]:
    """Yield of each entry its offset, whether it begins a line, and whether it leaves its line unfinished."""
    segment.seek(0)
    at, rest, partial = 0, b"", False
    while data := segment.read(BLOCK):
        lines = (rest + data).split(b"\n")
        rest = lines.pop()
        for line in lines:
            entry = log_format.decode(line[:HEAD])
            begins, partial = not partial, entry is not None and entry.partial
            yield at, begins, partial
            at += len(line) + 1
    if rest:
        entry = log_format.decode(rest[:HEAD])
        yield at, not partial, entry is not None and entry.partial


def _first_time(segment: Segment) -> int | None:
    """Return the time of a file's first entry, None when it has none."""
    segment.seek(0)
    entry = log_format.decode(_head(segment.read(HEAD), 0))
    return log_format.nanoseconds(entry.time) if entry is not None else None


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
