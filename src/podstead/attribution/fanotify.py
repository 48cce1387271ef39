"""fanotify(7): the queue, and which directory it is about. Needs CAP_SYS_ADMIN; asks for notices, never for permission."""

from __future__ import annotations

import ctypes
import errno
import os
from typing import TYPE_CHECKING

from podstead.attribution.events import Mask

if TYPE_CHECKING:
    from pathlib import Path

_CLOEXEC, _NONBLOCK, _PIDFD, _DIR_FID, _NAME = 0x1, 0x2, 0x80, 0x400, 0x800  # fanotify_init(2)
_MARK_ADD, _MARK_ONLYDIR, _MARK_FLUSH = 0x1, 0x8, 0x80  # fanotify_mark(2)
_WANTED = Mask.CLOSE_WRITE | Mask.MOVED_TO | Mask.MOVED_FROM | Mask.CREATE | Mask.DELETE | Mask.ON_CHILD


class Queue:
    """The kernel's queue of at most 16384 events; more are lost, and it says so."""

    def __init__(self) -> None:
        """Open it. Raises OSError: EPERM without the capability, EINVAL or ENOSYS on a kernel before 5.9."""
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.descriptor = self._open()
        self._identity: tuple[int, int] | None = None

    def _open(self) -> int:
        flags = _CLOEXEC | _NONBLOCK | _DIR_FID | _NAME
        for extra in (_PIDFD, 0):  # before 5.15 the number alone
            descriptor: int = self._libc.fanotify_init(ctypes.c_uint(flags | extra), ctypes.c_uint(os.O_RDONLY))
            if descriptor >= 0:
                return descriptor
            if ctypes.get_errno() != errno.EINVAL:
                break
        raise _error("fanotify_init")

    def watch(self, directory: Path) -> None:
        """Hear of what this path means now, and of no other directory; asked again it costs one call. Raises OSError.

        No descriptor stays: an open one would keep the operator from unmounting the file system.
        """
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            status = os.fstat(descriptor)
            identity = (status.st_dev, status.st_ino)
            if self._identity not in (None, identity):
                self._mark(_MARK_FLUSH, descriptor)
            self._mark(_MARK_ADD | _MARK_ONLYDIR, descriptor)  # also where a new directory has the old one's number
            self._identity = identity
        finally:
            os.close(descriptor)

    def close(self) -> None:
        """Hear no more."""
        os.close(self.descriptor)

    def _mark(self, flags: int, descriptor: int) -> None:
        marking = (ctypes.c_uint(flags), ctypes.c_uint64(_WANTED), ctypes.c_int(descriptor))
        if self._libc.fanotify_mark(ctypes.c_int(self.descriptor), *marking, None) != 0:
            raise _error("fanotify_mark")


def _error(call: str) -> OSError:
    code = ctypes.get_errno()
    return OSError(code, f"{call}: {os.strerror(code)}")
