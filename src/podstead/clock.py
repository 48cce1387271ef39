"""Time as the agent sees it: one value that holds the boot, the boot clock and the wall clock.

Decisions use the boot clock, which never jumps and counts suspended time; the wall clock is for display
and for validity dates (foundation 22). Pure rooms take an `Instant`; only this module asks the system.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Instant:
    """A moment: `boot` is seconds of CLOCK_BOOTTIME within the boot `boot_id`; `wall` is Unix seconds, UTC."""

    boot_id: str
    boot: float
    wall: float


class Clock(Protocol):
    """Where the shell takes moments from, and how it waits."""

    def now(self) -> Instant:
        """Return the present moment."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait at least this long; returns at once for zero or less."""
        ...


def read_boot_id() -> str:
    """Return the kernel's boot id, or `unknown` where /proc has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return "unknown"


class SystemClock:
    """The real clock."""

    def __init__(self) -> None:
        self._boot_id = read_boot_id()

    def now(self) -> Instant:
        """Return the present moment."""
        boot = time.clock_gettime(time.CLOCK_BOOTTIME)
        return Instant(boot_id=self._boot_id, boot=boot, wall=time.time())  # noqa: TID251 - the one place

    async def sleep(self, seconds: float) -> None:
        """Wait at least this long."""
        await asyncio.sleep(max(0.0, seconds))
