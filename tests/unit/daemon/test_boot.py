"""What is volatile counts within one boot of the machine only (foundation 22)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from podstead.clock import Instant, SystemClock, read_boot_id
from podstead.config.node import NodeSettings
from podstead.config.paths import paths_for
from podstead.config.settings import Settings
from podstead.daemon.agent import Agent
from podstead.store.facts import BOOT_ID, FactStore
from podstead.store.instance import Instance

if TYPE_CHECKING:
    from pathlib import Path


class BootClock:
    """A clock of one boot."""

    def __init__(self, boot_id: str) -> None:
        self._boot_id = boot_id

    def now(self) -> Instant:
        return Instant(boot_id=self._boot_id, boot=1.0, wall=2.0)

    async def sleep(self, seconds: float) -> None:
        raise AssertionError(seconds)


async def facts_of(root: Path) -> FactStore:
    store = FactStore(root, wall=lambda: 0.0)
    await store.load()
    return store


def agent(root: Path, boot_id: str) -> Agent:
    settings = Settings(paths=paths_for(root), source=None, node=NodeSettings(name="node1"))
    return Agent(settings, Instance(id="ab" * 16, created_at=0.0), BootClock(boot_id))


async def test_probe_verdicts_of_an_earlier_boot_do_not_count(tmp_path: Path) -> None:
    assert not await agent(tmp_path, "boot-1")._same_boot(await facts_of(tmp_path))
    assert await agent(tmp_path, "boot-1")._same_boot(await facts_of(tmp_path))
    assert not await agent(tmp_path, "boot-2")._same_boot(await facts_of(tmp_path))
    assert (await facts_of(tmp_path)).get(BOOT_ID) == "boot-2"


def test_the_clock_counts_from_the_boot_and_names_it() -> None:
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    now = SystemClock().now()
    assert before <= now.boot <= time.clock_gettime(time.CLOCK_BOOTTIME)
    assert now.boot_id == read_boot_id() != "unknown"
    assert now.wall > 1_700_000_000
