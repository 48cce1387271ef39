"""The kernel's answers to fanotify(7), as values; pure."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntFlag
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_METADATA = struct.Struct("=IBBHQii")  # struct fanotify_event_metadata
_HEADER = struct.Struct("=BBH")  # struct fanotify_event_info_header
_HANDLE = struct.Struct("=8sIi")  # fsid, then struct file_handle
_PIDFD = struct.Struct("=i")
_DFID_NAME, _PIDFD_INFO = 2, 4
_VERSION = 3
NO_PIDFD = -1
"""FAN_NOPIDFD: the process had ended before anybody asked. Other negative numbers: there is none to be had."""


class Mask(IntFlag):
    """What happened (linux/fanotify.h)."""

    CLOSE_WRITE = 0x8
    MOVED_FROM = 0x40
    MOVED_TO = 0x80
    CREATE = 0x100
    DELETE = 0x200
    OVERFLOW = 0x4000
    ONDIR = 0x40000000
    ON_CHILD = 0x08000000


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event. `pidfd` is the reader's to close; None where the kernel gives none, `NO_PIDFD` where nobody is left."""

    mask: Mask
    name: str
    pid: int
    pidfd: int | None


def parse_events(data: bytes) -> Iterator[Event]:
    """Give the events of one read; what has no name, as an overflow, has an empty one."""
    offset = 0
    while offset + _METADATA.size <= len(data):
        length, version, _, header, mask, _, pid = _METADATA.unpack_from(data, offset)
        if version != _VERSION or length < _METADATA.size:
            return
        name, pidfd = _details(data[offset + header : offset + length])
        yield Event(mask=Mask(mask), name=name, pid=pid, pidfd=pidfd)
        offset += length


def _details(data: bytes) -> tuple[str, int | None]:
    name, pidfd, offset = "", None, 0
    while offset + _HEADER.size <= len(data):
        kind, _, length = _HEADER.unpack_from(data, offset)
        if length < _HEADER.size:
            break
        body = data[offset + _HEADER.size : offset + length]
        if kind == _DFID_NAME and len(body) >= _HANDLE.size:
            size = _HANDLE.unpack_from(body)[1]
            name = body[_HANDLE.size + size :].split(b"\0", 1)[0].decode("utf-8", "surrogateescape")
        elif kind == _PIDFD_INFO and len(body) >= _PIDFD.size:
            (pidfd,) = _PIDFD.unpack_from(body)
        offset += length
    return name, pidfd
