"""Keeps the process's heap small, and gives memory that is free inside it back to the machine.

What an image import, a burst of starts or the modules' own loading needed for a moment lies between what stays, and the
C library keeps it: 4 MiB of 50 after the start of an agent (measured, glibc 2.36). To look for it takes a third of a
millisecond.
"""

from __future__ import annotations

import ctypes
import gc
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from podstead.clock import Clock

PERIOD_SECONDS = 15.0
M_ARENA_MAX = -8
"""mallopt(3), glibc only."""


def share_one_arena() -> bool:
    """Let all threads allocate from one arena; returns whether the C library does so. To be called before there are any.

    The agent's threads wait for disks, one at a time holds the interpreter: arenas of their own, which is what glibc gives
    them, save nobody's time, and what is free in one is of no use to another (2 MiB of 50 at 20 pods, measured).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(M_ARENA_MAX, 1))


def keep_for_good() -> None:
    """Let the garbage collector leave alone what is there now: modules, classes and code, which stay to the end.

    Each of its full looks would go through them, 50,000 objects in 20 ms and more, in the midst of a start or a probe.
    """
    gc.collect()
    gc.freeze()


def give_back() -> bool:
    """Return free pages of every arena to the kernel; returns whether there were any (malloc_trim(3), glibc only)."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim is not None and bool(trim(0))


async def keep_small(clock: Clock) -> None:
    """Give back what is free, now and then, for ever."""
    while True:
        await clock.sleep(PERIOD_SECONDS)
        give_back()
