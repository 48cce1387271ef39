"""Start slots go by priority, then age (foundation 17)."""

from __future__ import annotations

import asyncio

from podstead.agent.slots import Rank, StartSlots


async def test_the_important_and_old_overtake_a_burst() -> None:
    slots, order = StartSlots(1), []

    async def start(name: str, rank: Rank) -> None:
        async with slots.held(rank):
            order.append(name)

    waiting = (("new", (0.0, 8.0)), ("newer", (0.0, 9.0)), ("old", (0.0, 1.0)), ("database", (-5.0, 9.0)))
    async with asyncio.TaskGroup() as group, slots.held((0.0,)):
        for name, rank in waiting:
            group.create_task(start(name, rank))
        await asyncio.sleep(0)
    assert order == ["database", "old", "new", "newer"]


async def test_no_more_than_there_are_slots() -> None:
    slots, busy, most = StartSlots(2), 0, 0

    async def start() -> None:
        nonlocal busy, most
        async with slots.held((0.0,)):
            busy += 1
            most = max(most, busy)
            await asyncio.sleep(0)
            busy -= 1

    async with asyncio.TaskGroup() as group:
        for _ in range(20):
            group.create_task(start())
    assert (most, busy) == (2, 0)


async def test_a_waiter_that_gives_up_costs_no_slot() -> None:
    slots, held = StartSlots(1), asyncio.Event()

    async def hold() -> None:
        async with slots.held((0.0,)):
            await held.wait()

    holder = asyncio.create_task(hold())
    await asyncio.sleep(0)
    impatient = asyncio.create_task(hold())
    await asyncio.sleep(0)
    impatient.cancel()
    held.set()
    await holder
    async with asyncio.timeout(30), slots.held((0.0,)):
        assert impatient.cancelled()
