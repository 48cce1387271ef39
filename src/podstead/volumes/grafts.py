"""Copies of a part of the mount tree, made from an open file and put where the agent wants them.

The calls are those of the new mount interface (open_tree(2), move_mount(2), mount_setattr(2)): the copy is whole, and
has the propagation that it is to have, before anybody can see it. With mount(8) it would for a moment be a peer of what
it shows, and a crash in that moment would let its removal unmount the original as well.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# The numbers are the same on every architecture that Python's `sys.platform == "linux"` is built for, but for alpha.
_OPEN_TREE, _MOVE_MOUNT, _MOUNT_SETATTR = 428, 429, 442
_OPEN_TREE_CLONE = 1
_AT_FDCWD, _AT_EMPTY_PATH, _AT_RECURSIVE = -100, 0x1000, 0x8000
_MOVE_MOUNT_F_EMPTY_PATH = 4
_ATTR = struct.Struct("<QQQQ")  # struct mount_attr
_ATTR_READ_ONLY = 1
_MS_PRIVATE, _MS_SLAVE = 1 << 18, 1 << 19
_MS_COVER = 0x1 | 0x2 | 0x4 | 0x8  # read-only, no setuid, no devices, no programs
_MNT_DETACH, _UMOUNT_NOFOLLOW = 2, 8


class UnsupportedError(OSError):
    """The kernel has no such calls (before 5.12), or the agent may not use them."""


def graft(descriptor: int, target: Path, *, recursive: bool, follows: bool, read_only: bool = False) -> None:
    """Put a copy of what the descriptor (O_PATH will do) stands for on `target`, which is of the same kind.

    `recursive`: with what is mounted below it. `follows`: what is mounted there later appears in the copy; nothing that
    becomes of the copy ever reaches the original. Raises UnsupportedError and other OSErrors.
    """
    flags = _AT_EMPTY_PATH | (_AT_RECURSIVE if recursive else 0)
    tree = _call(_OPEN_TREE, descriptor, b"", flags | _OPEN_TREE_CLONE | os.O_CLOEXEC)
    try:
        propagation = _MS_SLAVE if follows else _MS_PRIVATE
        attributes = _ATTR.pack(_ATTR_READ_ONLY if read_only else 0, 0, propagation, 0)
        _call(_MOUNT_SETATTR, tree, b"", _AT_EMPTY_PATH | _AT_RECURSIVE, attributes, len(attributes))
        _call(_MOVE_MOUNT, tree, b"", _AT_FDCWD, os.fsencode(target), _MOVE_MOUNT_F_EMPTY_PATH)
    finally:
        os.close(tree)


def cover(target: Path) -> None:
    """Hide what is in a directory below an empty one that nobody may enter or write. Raises OSError."""
    done = _libc().mount(b"tmpfs", os.fsencode(target), b"tmpfs", ctypes.c_ulong(_MS_COVER), b"size=4k,mode=0000")
    if done != 0:
        raise _error()


def detach(target: Path) -> None:
    """Take everything that is mounted on `target` out of the tree, with what is mounted below it.

    At once and without asking the file systems: one whose server is away takes no longer. Raises OSError.
    """
    while _libc().umount2(os.fsencode(target), _MNT_DETACH | _UMOUNT_NOFOLLOW) == 0:
        continue
    if ctypes.get_errno() not in {errno.EINVAL, errno.ENOENT}:  # nothing is mounted there (any more)
        raise _error()


def _call(number: int, *arguments: int | bytes) -> int:
    done = int(_libc().syscall(ctypes.c_long(number), *map(_argument, arguments)))
    if done < 0:
        raise _error()
    return done


def _argument(value: int | bytes) -> ctypes.c_long | ctypes.c_char_p:
    return ctypes.c_char_p(value) if isinstance(value, bytes) else ctypes.c_long(value)


def _error() -> OSError:
    code = ctypes.get_errno()
    kind = UnsupportedError if code in {errno.ENOSYS, errno.EPERM} else OSError
    return kind(code, os.strerror(code))


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
