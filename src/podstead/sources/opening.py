"""Opens what no link leads to: openat2(2), and where the kernel lacks it (before 5.6) one part of a path after the other."""

from __future__ import annotations

import ctypes
import errno
import functools
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_OPENAT2 = 437  # the same number on every architecture that Debian has (asm-generic/unistd.h)
_AT_FDCWD = -100
_NO_MAGICLINKS, _NO_SYMLINKS, _BENEATH = 0x02, 0x04, 0x08  # linux/openat2.h
_ABSENT = (errno.ENOSYS, errno.EPERM)
"""EPERM: a seccomp filter of a container manager that does not know the call."""
_ATTEMPTS = 3
"""EAGAIN: something was renamed while the kernel looked."""
_STEP = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class _How(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def open_beneath(directory: int, name: str, flags: int) -> int:
    """Open an entry of the open directory: itself, never what a link leads to. Raises OSError, ELOOP for a link."""
    try:
        return _openat2(directory, name, flags, _BENEATH | _NO_SYMLINKS | _NO_MAGICLINKS)
    except OSError as error:
        if error.errno not in _ABSENT:
            raise
    return os.open(name, flags | os.O_NOFOLLOW, dir_fd=directory)


def open_without_links(path: Path, flags: int) -> int:
    """Open a path, no part of which may be a link. Raises OSError, ELOOP for a link."""
    try:
        return _openat2(_AT_FDCWD, str(path), flags, _NO_SYMLINKS | _NO_MAGICLINKS)
    except OSError as error:
        if error.errno not in _ABSENT:
            raise
    return _walk(path.absolute(), flags)


def first_link(path: Path) -> Path | None:
    """Return the first part of an absolute path that is a link; for sentences alone."""
    return next((part for part in (*reversed(path.parents), path) if part.is_symlink()), None)


def _openat2(directory: int, path: str, flags: int, resolve: int) -> int:
    how = _How(flags=flags, mode=0, resolve=resolve)
    code = 0
    for _ in range(_ATTEMPTS):
        descriptor: int = _libc().syscall(
            ctypes.c_long(_OPENAT2),
            ctypes.c_long(directory),
            ctypes.c_char_p(os.fsencode(path)),
            ctypes.byref(how),
            ctypes.c_size_t(ctypes.sizeof(how)),
        )
        if descriptor >= 0:
            return descriptor
        code = ctypes.get_errno()
        if code not in (errno.EAGAIN, errno.EINTR):
            break
    raise OSError(code, os.strerror(code), path)


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _walk(path: Path, flags: int) -> int:
    here = os.open(path.anchor, _STEP)
    try:
        for part in path.parts[1:-1]:
            below = os.open(part, _STEP, dir_fd=here)
            os.close(here)
            here = below
        # A link among them opens as nothing that is a directory: say what it is.
        return os.open(path.name or ".", flags | os.O_NOFOLLOW, dir_fd=here)
    except NotADirectoryError:
        if first_link(path) is not None:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path)) from None
        raise
    finally:
        os.close(here)
