"""The kernel's bytes, as recorded, cut short and made up."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from podstead.attribution.events import Event, Mask, parse_events

HANDLE = bytes(8) + struct.pack("=Ii", 8, 1) + b"\x01\x02\x03\x04\x05\x06\x07\x08"


def recorded(mask: int, name: bytes, pid: int, pidfd: int | None = None) -> bytes:
    """Return one event as Linux 6 writes it."""
    body = HANDLE + name + b"\0"
    body += bytes(-(len(body) + 4) % 4)
    info = struct.pack("=BBH", 2, 0, len(body) + 4) + body
    if pidfd is not None:
        info += struct.pack("=BBHi", 4, 0, 8, pidfd)
    return struct.pack("=IBBHQii", 24 + len(info), 3, 0, 24, mask, -1, pid) + info


def test_events_in_a_row() -> None:
    data = recorded(0x108, b"a.yaml", 7, 5) + recorded(0x80, b"\xff.yaml", 8, -1) + recorded(0x200, b"b.yaml", 9)
    assert list(parse_events(data)) == [
        Event(mask=Mask.CREATE | Mask.CLOSE_WRITE, name="a.yaml", pid=7, pidfd=5),
        Event(mask=Mask.MOVED_TO, name="\udcff.yaml", pid=8, pidfd=-1),
        Event(mask=Mask.DELETE, name="b.yaml", pid=9, pidfd=None),
    ]


def test_an_overflow_has_no_name() -> None:
    data = struct.pack("=IBBHQii", 24, 3, 0, 24, 0x4000, -1, 0)
    assert [(event.mask, event.name) for event in parse_events(data)] == [(Mask.OVERFLOW, "")]


@given(st.binary(max_size=200), st.integers(0, 160))
def test_bytes_that_nobody_writes_end_the_reading(data: bytes, cut: int) -> None:
    for event in parse_events(data):
        assert "\0" not in event.name
    whole = recorded(0x8, b"a.yaml", 7, 5) * 2
    assert len(list(parse_events(whole[:cut]))) <= 2
