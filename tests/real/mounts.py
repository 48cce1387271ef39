"""mount(2) and umount2(2) for tests of the real ring, and a FUSE server small enough to hang on purpose."""

from __future__ import annotations

import ctypes
import errno
import os
import select
import stat
import struct
import threading
import time
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_LIBC = ctypes.CDLL(None, use_errno=True)
MS_BIND = 4096  # mount.h
_MNT_DETACH = 2  # umount2(2)
_IN = struct.Struct("<IIQQIIII")  # fuse_in_header
_OUT = struct.Struct("<IiQ")  # fuse_out_header


class _Operation(IntEnum):
    """fuse_opcode, as far as a flat read-only directory meets it."""

    LOOKUP = 1
    FORGET = 2
    GETATTR = 3
    OPEN = 14
    READ = 15
    STATFS = 17
    RELEASE = 18
    INIT = 26
    OPENDIR = 27
    READDIR = 28
    RELEASEDIR = 29
    INTERRUPT = 36
    BATCH_FORGET = 42


def mount(source: str, target: Path, kind: str = "", flags: int = 0, options: str = "") -> None:
    """Mount. Raises OSError."""
    call = (source.encode(), str(target).encode(), kind.encode(), ctypes.c_ulong(flags), options.encode())
    if _LIBC.mount(*call) != 0:
        raise OSError(ctypes.get_errno(), f"cannot mount {target}: {os.strerror(ctypes.get_errno())}")


def unmount(target: Path, *, lazily: bool = False) -> None:
    """Unmount; without `lazily` only if nobody holds it, tried for a second. Raises OSError."""
    deadline = time.monotonic() + 1
    while _LIBC.umount2(str(target).encode(), _MNT_DETACH if lazily else 0) != 0:
        code = ctypes.get_errno()
        if code != errno.EBUSY or time.monotonic() > deadline:
            raise OSError(code, f"cannot unmount {target}: {os.strerror(code)}")
        time.sleep(0.01)


class FuseServer:
    """Serves one flat directory; reads of the names in `silent` are never answered. Ends with `close`."""

    def __init__(self, files: dict[str, bytes], silent: frozenset[str]) -> None:
        self._names = dict(enumerate(files, start=2))
        self._files = files
        self._silent = silent
        self._device = os.open("/dev/fuse", os.O_RDWR | os.O_NONBLOCK)
        self._wake = os.pipe()
        self._mounted = False
        self._thread = threading.Thread(target=self._serve, daemon=True, name="fuse-server")

    def mount(self, target: Path) -> None:
        """Mount the directory and begin to serve it."""
        mount("podstead-test", target, "fuse", 0, f"fd={self._device},rootmode=40000,user_id=0,group_id=0")
        self._thread.start()
        self._mounted = True

    def abort(self) -> None:
        """End as a server that crashed does: what waits for an answer gets an error, and so does all that follows."""
        if self._thread.is_alive():
            os.close(self._wake[1])
            self._thread.join(5)
            os.close(self._wake[0])
            os.close(self._device)

    def close(self, target: Path) -> None:
        """End and unmount. Safe to call twice."""
        self.abort()
        if self._mounted:
            unmount(target, lazily=True)
            self._mounted = False

    def _serve(self) -> None:
        while True:
            ready, _, _ = select.select([self._device, self._wake[0]], [], [])
            if self._wake[0] in ready:
                return
            try:
                request = os.read(self._device, 1 << 17)
            except OSError as error:
                if error.errno in (errno.EINTR, errno.EAGAIN, errno.ENOENT):
                    continue
                return  # ENODEV: unmounted; EBADF: closed
            _, opcode, unique, node, *_ = _IN.unpack_from(request)
            answer = self._answer(opcode, node, request[_IN.size :])
            if answer is None:
                continue
            code, body = (answer, b"") if isinstance(answer, int) else (0, answer)
            try:
                os.write(self._device, _OUT.pack(_OUT.size + len(body), -code, unique) + body)
            except OSError:
                continue  # the request was interrupted

    def _answer(self, opcode: int, node: int, body: bytes) -> bytes | int | None:
        """Return the answer's body, an errno, or None for no answer at all."""
        match opcode:
            case _Operation.INIT:
                return struct.pack("<IIIIHHI", 7, 19, 0, 0, 8, 8, 4096)
            case _Operation.LOOKUP:
                name = body.rstrip(b"\0").decode()
                found = next((inode for inode, known in self._names.items() if known == name), None)
                return (
                    errno.ENOENT if found is None else struct.pack("<QQQQII", found, 0, 1, 1, 0, 0) + self._attr(found)
                )
            case _Operation.GETATTR:
                return struct.pack("<QII", 1, 0, 0) + self._attr(node)
            case _Operation.OPEN | _Operation.OPENDIR:
                return struct.pack("<QII", 0, 0, 0)
            case _Operation.READ:
                name = self._names[node]
                offset, size = struct.unpack_from("<QI", body, 8)
                return None if name in self._silent else self._files[name][offset : offset + size]
            case _Operation.READDIR:
                return self._directory() if struct.unpack_from("<Q", body, 8) == (0,) else b""
            case _Operation.STATFS:
                return struct.pack("<QQQQQIII", 0, 0, 0, 0, 0, 512, 255, 512) + bytes(28)
            case _Operation.RELEASE | _Operation.RELEASEDIR:
                return b""
            case _Operation.FORGET | _Operation.INTERRUPT | _Operation.BATCH_FORGET:
                return None
            case _:
                return errno.ENOSYS

    def _directory(self) -> bytes:
        entries = bytearray()
        for inode, name in self._names.items():
            raw = name.encode()
            entries += struct.pack("<QQII", inode, inode, len(raw), stat.S_IFREG >> 12) + raw
            entries += bytes(-len(entries) % 8)
        return bytes(entries)

    def _attr(self, node: int) -> bytes:
        root = node == 1
        size = 0 if root else len(self._files[self._names[node]])
        mode = stat.S_IFDIR | 0o755 if root else stat.S_IFREG | 0o644
        return struct.pack("<QQQQQQIIIIIIIIII", node, size, 0, 1, 1, 1, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)
