"""The time of what root let through is counted, written down, and its end told."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from podstead.clock import Instant
from podstead.daemon.trusting import TrustDesk
from podstead.state.audit import Act, AuditEntry
from podstead.store.trust import TrustStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DIGEST = "ab" * 32


class SteppingClock:
    """Sleeping moves it on, and the wall clock back if that is wanted."""

    def __init__(self) -> None:
        self.boot, self.wall, self.boot_id = 100.0, 1.8e9, "one"
        self.slept: list[float] = []
        self.wall_runs = 1.0

    def now(self) -> Instant:
        return Instant(boot_id=self.boot_id, boot=self.boot, wall=self.wall)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.boot += seconds
        self.wall += seconds * self.wall_runs
        await asyncio.sleep(0)


class Notes:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.entries: list[AuditEntry] = []

    def note(self, entry: AuditEntry) -> None:
        self.entries.append(entry)


async def count_until(desk: TrustDesk, reached: Callable[[], bool]) -> None:
    """Run the count until something is so."""
    task = asyncio.create_task(desk.run())
    for _ in range(10_000):
        if reached():
            break
        await asyncio.sleep(0.001)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert reached()


@pytest.mark.attack("clock-back")
@pytest.mark.parametrize("wall_runs", [1.0, 0.0, -5.0])
async def test_an_allowance_ends_in_its_time_however_the_wall_clock_runs(tmp_path: Path, wall_runs: float) -> None:
    store, clock, notes, changes = TrustStore(tmp_path, wall=lambda: 0.0), SteppingClock(), Notes(), [0]
    clock.wall_runs = wall_runs

    def changed() -> None:
        changes[0] += 1

    desk = TrustDesk(store, clock, notes, on_change=changed)
    await desk.allow(DIGEST, "web.yaml", 150.0, "the signer is away")
    assert store.allowances.for_digest(DIGEST, clock.now()) is not None
    await count_until(desk, lambda: any(entry.act is Act.ALLOW_ENDED for entry in notes.entries))
    assert store.allowances.for_digest(DIGEST, clock.now()) is None
    assert clock.slept == [15.0] * 10
    assert [entry.act for entry in notes.entries] == [Act.ALLOW, Act.ALLOW_ENDED]
    assert changes == [2]


@pytest.mark.attack("clock-back")
async def test_what_was_found_to_be_over_is_not_revived_by_a_clock_that_is_set_back(tmp_path: Path) -> None:
    """Whoever asks notices it, before the time is counted again; and it is written down and told of all the same."""
    store, clock, notes = TrustStore(tmp_path, wall=lambda: 0.0), SteppingClock(), Notes()
    desk = TrustDesk(store, clock, notes)
    await desk.allow(DIGEST, "web.yaml", 3600.0, "x")
    clock.wall += 7200
    assert store.allowed(clock.now()).for_digest(DIGEST, clock.now()) is None
    clock.wall -= 86_400
    assert store.allowed(clock.now()).for_digest(DIGEST, clock.now()) is None
    await count_until(desk, lambda: any(entry.act is Act.ALLOW_ENDED for entry in notes.entries))
    again = TrustStore(tmp_path, wall=lambda: 0.0)
    assert await again.load() == ()
    assert [one.ended for one in again.allowances.entries] == [True]


async def test_what_has_passed_survives_a_crash_and_a_reboot(tmp_path: Path) -> None:
    store, clock, notes = TrustStore(tmp_path, wall=lambda: 0.0), SteppingClock(), Notes()
    desk = TrustDesk(store, clock, notes)
    await desk.allow(DIGEST, "web.yaml", 150.0, "x")
    await count_until(desk, lambda: len(clock.slept) >= 5)
    again = TrustStore(tmp_path, wall=lambda: 0.0)
    assert await again.load() == ()
    clock.boot_id, clock.boot, clock.wall = "two", 5.0, 1.8e9 + 61
    (kept,) = again.allowances.entries
    assert kept.spent >= 60
    assert kept.left(clock.now()) <= 30
