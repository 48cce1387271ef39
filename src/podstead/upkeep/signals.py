"""Measures what is left of the node, from the kernel's own files: some hundred microseconds in all.

memory.available is the kernel's MemAvailable. The kubelet takes the working set instead, in which file pages that are
in use but could be dropped count as used, and evicts where nothing is short (a named difference).
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from podstead.admission.pressure import Measured
from podstead.errors import RuntimeFault
from podstead.k8s.signals import Signal
from podstead.threads import PathThreads, StuckError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

log = logging.getLogger(__name__)

PROC = Path("/proc")


class SignalSource(Protocol):
    """Where measurements come from."""

    async def read(self) -> Mapping[Signal, Measured]:
        """Return what can be measured now; never raises."""
        ...


class SystemSignals:
    """This machine: its memory, its processes, the file systems of the root directory and of images."""

    def __init__(self, root: Path, images: Callable[[], Awaitable[Path | None]], proc: Path = PROC) -> None:
        self._root = root
        self._images = images
        self._images_at: Path | None = None
        self._proc = proc
        self._threads = PathThreads()

    async def read(self) -> Mapping[Signal, Measured]:
        """Return what can be measured now."""
        found = self._kernel()
        found |= await self._disk(self._root, Signal.NODEFS, Signal.NODEFS_INODES)
        if self._images_at is None:
            try:
                self._images_at = await self._images()
            except (OSError, RuntimeFault) as error:
                log.debug("cannot tell where images lie: %s", error)
        if self._images_at is not None:
            found |= await self._disk(self._images_at, Signal.IMAGEFS, Signal.IMAGEFS_INODES)
        return found

    def _kernel(self) -> dict[Signal, Measured]:
        try:
            memory = _table((self._proc / "meminfo").read_text(encoding="ascii"))
            tasks = (self._proc / "loadavg").read_text(encoding="ascii").split()[3].partition("/")[2]
            most = min(_number(self._proc / "sys/kernel/pid_max"), _number(self._proc / "sys/kernel/threads-max"))
            return {
                Signal.MEMORY: Measured(capacity=memory["MemTotal"], available=memory["MemAvailable"]),
                Signal.PID: Measured(capacity=most, available=most - int(tasks)),
            }
        except (OSError, KeyError, IndexError, ValueError) as error:
            log.debug("cannot measure memory and processes: %s", error)
            return {}

    async def _disk(self, path: Path, room: Signal, inodes: Signal) -> dict[Signal, Measured]:
        try:
            found = await self._threads.run(room, lambda: os.statvfs(path))
        except (OSError, StuckError) as error:
            log.debug("cannot look at the file system of %s: %s", path, error)
            return {}
        size = found.f_frsize
        measured = {room: Measured(capacity=found.f_blocks * size, available=found.f_bavail * size)}
        if found.f_files:  # btrfs makes them as it needs them
            measured[inodes] = Measured(capacity=found.f_files, available=found.f_favail)
        return measured


def _table(text: str) -> dict[str, int]:
    """Return the bytes of each line of /proc/meminfo."""
    words = (line.split() for line in text.splitlines())
    return {parts[0].rstrip(":"): int(parts[1]) * 1024 for parts in words if len(parts) >= 2}


def _number(path: Path) -> int:
    return int(path.read_text(encoding="ascii"))
