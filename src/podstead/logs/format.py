"""One entry of a CRI log: `TIME STREAM TAGS CONTENT`, content being raw bytes (spec/cri.md 7). Pure."""

from __future__ import annotations

import functools
import re
from datetime import datetime
from typing import NamedTuple

STREAMS = frozenset({b"stdout", b"stderr"})

_TIME = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)")


class Entry(NamedTuple):
    """A decoded entry; a tuple, because a log has millions. A `partial` one is continued by the next of its stream."""

    time: bytes
    stream: bytes
    partial: bool
    content: bytes


def decode(line: bytes) -> Entry | None:
    """Return the entry in a line without its newline, None when it is not one (a torn write, a foreign file)."""
    parts = line.split(b" ", 3)
    if len(parts) == 3:
        parts.append(b"")
    if len(parts) != 4 or parts[1] not in STREAMS:
        return None
    tag = parts[2].partition(b":")[0]
    if tag not in {b"F", b"P"}:
        return None
    return Entry(parts[0], parts[1], tag == b"P", parts[3])


def nanoseconds(time: bytes) -> int | None:
    """Return an entry's time in Unix nanoseconds, None when it is none.

    The fraction has up to nine digits: the runtime drops zeros at its end.
    """
    match = _TIME.fullmatch(time)
    if match is None:
        return None
    whole = _unix_seconds(match[1], match[3])
    return None if whole is None else whole * 10**9 + int((match[2] or b"").ljust(9, b"0"))


def padded(time: bytes) -> bytes:
    """Return an entry's time with all nine digits, as kubectl prints it; what is no time is returned as it is."""
    match = _TIME.fullmatch(time)
    return b"%s.%s%s" % (match[1], (match[2] or b"").ljust(9, b"0"), match[3]) if match is not None else time


# Consecutive entries mostly share their second.
@functools.lru_cache(maxsize=64)
def _unix_seconds(seconds: bytes, zone: bytes) -> int | None:
    offset = "+00:00" if zone == b"Z" else zone.decode("ascii")
    try:
        return int(datetime.fromisoformat(seconds.decode("ascii") + offset).timestamp())
    except ValueError:
        return None
