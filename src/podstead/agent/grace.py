"""The time that a container has to end: counted from the moment its stop began, and only ever shortened."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from podstead.clock import Clock


class Grace:
    """One stop's grace; several steps share it when a later one is in more of a hurry.

    `hook_over` is set when the preStop hook has ended, or there is none to wait for; `signalled` when the stop signal
    that the manifest asks for has been sent; `in_vain` when the container has ended meanwhile.
    """

    def __init__(self, seconds: int, clock: Clock) -> None:
        self._clock = clock
        self._began = clock.now().boot
        self._seconds = seconds
        self._limits: dict[asyncio.Timeout, int] = {}
        self.hook_over = asyncio.Event()
        self.signalled = False
        self.in_vain = False

    def left(self, least: int = 0) -> int:
        """Return what is left: whole seconds that have passed are taken off, as the kubelet counts."""
        return max(least, self._seconds - int(self._passed()))

    def shorten(self, seconds: int) -> None:
        """Let the grace end so many seconds from now, unless it ends sooner; whoever waits within it is told."""
        if self._passed() + seconds >= self._seconds:
            return
        self._began, self._seconds = self._clock.now().boot, seconds
        for limit, least in self._limits.items():
            if not limit.expired():
                limit.reschedule(self._end(least))

    def give_up(self) -> None:
        """Note that the container has ended: there is nothing left to wait for."""
        self.in_vain = True
        self.shorten(0)

    @asynccontextmanager
    async def within(self, least: int = 0) -> AsyncIterator[None]:
        """Bound a block by what is left, or by `least` seconds where that is more; raises TimeoutError at the end."""
        async with asyncio.timeout_at(self._end(least)) as limit:
            self._limits[limit] = least
            try:
                yield
            finally:
                del self._limits[limit]

    def _passed(self) -> float:
        return self._clock.now().boot - self._began

    def _end(self, least: int) -> float:
        return asyncio.get_running_loop().time() + max(float(least), self._seconds - self._passed())
