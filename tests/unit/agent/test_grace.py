"""One stop's grace: counted in whole seconds, shared, only ever shortened."""

from __future__ import annotations

import asyncio

import pytest

from podstead.agent.grace import Grace
from podstead.clock import Instant, SystemClock


class HandMovedClock(SystemClock):
    """Stands still until a test moves it."""

    boot = 100.0

    def now(self) -> Instant:
        return Instant(boot_id="b", boot=self.boot, wall=0.0)


@pytest.mark.parametrize(("passed", "left"), [(0.0, 8), (0.999, 8), (5.003, 3), (6.5, 2), (7.0, 2), (30.0, 2)])
def test_whole_seconds_are_taken_off(passed: float, left: int) -> None:
    clock = HandMovedClock()
    grace = Grace(8, clock)
    clock.boot += passed
    assert grace.left(2) == left


def test_it_only_shrinks() -> None:
    clock = HandMovedClock()
    grace = Grace(30, clock)
    clock.boot += 10
    grace.shorten(25)
    assert grace.left() == 20
    grace.shorten(5)
    assert grace.left() == 5
    clock.boot += 3
    grace.shorten(30)
    assert grace.left() == 2


async def test_who_waits_within_it_is_told_of_its_new_end() -> None:
    grace = Grace(30, SystemClock())

    async def wait(least: int) -> None:
        with pytest.raises(TimeoutError):
            async with grace.within(least):
                await asyncio.sleep(30)

    loop = asyncio.get_running_loop()
    begun = loop.time()
    both = asyncio.gather(wait(0), wait(1))
    await asyncio.sleep(0.05)
    grace.shorten(0)
    await asyncio.sleep(0.05)
    grace.give_up()
    await both
    assert 0.9 < loop.time() - begun < 25
    assert grace.in_vain


async def test_a_block_that_ends_in_time() -> None:
    async with Grace(30, SystemClock()).within():
        pass
