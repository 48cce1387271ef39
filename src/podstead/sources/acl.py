"""POSIX ACLs as the kernel hands them out (linux/posix_acl_xattr.h): who besides the owner may write."""

from __future__ import annotations

import errno
import os
import struct
from dataclasses import dataclass

ACCESS = "system.posix_acl_access"
DEFAULT = "system.posix_acl_default"
"""What files and directories get that are made in a directory."""

_VERSION = struct.Struct("<I")
_ENTRY = struct.Struct("<HHI")
_USER, _OWNING_GROUP, _GROUP, _MASK, _OTHER = 0x02, 0x04, 0x08, 0x10, 0x20
_WRITE = 0x2
_KINDS = {_USER: "user", _GROUP: "group", _OWNING_GROUP: "its group", _OTHER: "everybody"}
_NONE = (errno.ENODATA, errno.EOPNOTSUPP, errno.EPERM, errno.ENOSYS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """Somebody whom an ACL lets write: `kind` says who, `number` is the user's or the group's, -1 without one."""

    kind: str
    number: int = -1


def writers(descriptor: int, attribute: str) -> tuple[Writer, ...] | None:
    """Return whom an ACL of an open file (also one opened as a path only) lets write; None without such an ACL.

    Raises OSError.
    """
    try:
        data = os.getxattr(f"/proc/self/fd/{descriptor}", attribute)
    except OSError as error:
        if error.errno in _NONE:
            return None
        raise
    return parse(data)


def parse(data: bytes) -> tuple[Writer, ...]:
    """Return whom the attribute's bytes let write, as far as the mask does not take it away."""
    body = data[_VERSION.size :]
    entries = list(_ENTRY.iter_unpack(body[: len(body) - len(body) % _ENTRY.size]))
    mask = next((permissions for tag, permissions, _ in entries if tag == _MASK), 0o7)
    found = []
    for tag, permissions, number in entries:
        effective = permissions if tag == _OTHER else permissions & mask
        if tag in _KINDS and effective & _WRITE:
            found.append(Writer(kind=_KINDS[tag], number=number if tag in (_USER, _GROUP) else -1))
    return tuple(found)
