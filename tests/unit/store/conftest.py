"""Clocks and stores under a directory of the test's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from podstead.clock import Instant
from podstead.store.objects import ObjectStore
from podstead.store.versions import ResourceVersions

if TYPE_CHECKING:
    from pathlib import Path

WALL = 1_795_400_000.0


class StillClock:
    """A clock that moves when the test says so."""

    def __init__(self) -> None:
        self.boot = 1000.0

    def now(self) -> Instant:
        return Instant(boot_id="boot", boot=self.boot, wall=WALL + self.boot)

    async def sleep(self, seconds: float) -> None:
        self.boot += max(0.0, seconds)


def wall() -> float:
    return WALL


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
async def objects(tmp_path: Path) -> ObjectStore:
    versions = ResourceVersions(tmp_path / "versions", wall=wall)
    await versions.open()
    return ObjectStore(versions, ring=8, queue=4)
