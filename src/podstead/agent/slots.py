"""Start slots: how many sandboxes and containers may be starting at once, the most important first (foundation 17).

Starting is CPU-bound: about two at a time per core give the best throughput (spec/cri.md 2), and a slot is given by
priority, then age, so that a crashed database overtakes a burst of new pods. Stops take no slot.
"""

from __future__ import annotations

import asyncio
import heapq
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PATIENCE_SECONDS = 10.0
"""A start that takes longer waits for something (a network plugin, a registry of names) and uses no CPU: four of them
must not keep all others from starting."""

Rank = tuple[float, ...]
"""Smaller goes first."""


class StartSlots:
    """A semaphore whose waiters are served by rank."""

    def __init__(self, slots: int) -> None:
        self._free = slots
        self._waiters: list[tuple[Rank, int, asyncio.Future[None]]] = []
        self._count = 0

    @asynccontextmanager
    async def held(self, rank: Rank) -> AsyncIterator[None]:
        """Hold a slot for the duration of the block, or for PATIENCE_SECONDS of it."""
        await self._acquire(rank)
        given_back = False

        def give_back() -> None:
            nonlocal given_back
            if not given_back:
                given_back = True
                self._release()

        timer = asyncio.get_running_loop().call_later(PATIENCE_SECONDS, give_back)
        try:
            yield
        finally:
            timer.cancel()
            give_back()

    async def _acquire(self, rank: Rank) -> None:
        if self._free > 0:
            self._free -= 1
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._waiters, (rank, self._count, future))
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self._release()  # the slot was handed over just before the cancellation
            raise

    def _release(self) -> None:
        while self._waiters:
            _, _, future = heapq.heappop(self._waiters)
            if not future.done():
                future.set_result(None)
                return
        self._free += 1
