"""Start slots that are waited for in vain, or held for long: none is lost and none is kept from others."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from podstead.agent import slots as slots_module
from podstead.agent.slots import StartSlots

if TYPE_CHECKING:
    import pytest


async def hold(slots: StartSlots, rank: tuple[float, ...], log: list[tuple[float, ...]], until: asyncio.Event) -> None:
    async with slots.held(rank):
        log.append(rank)
        await until.wait()


async def test_a_waiter_that_is_cancelled_takes_no_slot_with_it() -> None:
    slots, log, end = StartSlots(1), list[tuple[float, ...]](), asyncio.Event()
    end.set()
    async with slots.held((0.0,)):
        waiting = asyncio.create_task(hold(slots, (1.0,), log, end))
        handed = asyncio.create_task(hold(slots, (2.0,), log, end))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.sleep(0)
    handed.cancel()  # in the very turn of the loop in which it is given the slot
    await asyncio.gather(waiting, handed, return_exceptions=True)
    async with asyncio.timeout(30), slots.held((0.0,)):
        assert log == []


async def test_a_start_that_lasts_long_gives_its_slot_back_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots_module, "PATIENCE_SECONDS", 0.02)
    slots, log, end = StartSlots(1), list[tuple[float, ...]](), asyncio.Event()
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        group.create_task(hold(slots, (0.0,), log, end))
        await asyncio.sleep(0)
        async with slots.held((1.0,)):
            assert log == [(0.0,)]
        end.set()
    assert slots._free == 1
