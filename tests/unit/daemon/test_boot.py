"""What is volatile counts within one boot of the machine only (foundation 22)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from podstead.clock import SystemClock, read_boot_id
from podstead.daemon.loops import same_boot
from podstead.store.facts import BOOT_ID, FactStore

if TYPE_CHECKING:
    from pathlib import Path


async def facts_of(root: Path) -> FactStore:
    store = FactStore(root, wall=lambda: 0.0)
    await store.load()
    return store


async def test_probe_verdicts_of_an_earlier_boot_do_not_count(tmp_path: Path) -> None:
    assert not await same_boot(await facts_of(tmp_path), "boot-1")
    assert await same_boot(await facts_of(tmp_path), "boot-1")
    assert not await same_boot(await facts_of(tmp_path), "boot-2")
    assert (await facts_of(tmp_path)).get(BOOT_ID) == "boot-2"


def test_the_clock_counts_from_the_boot_and_names_it() -> None:
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    now = SystemClock().now()
    assert before <= now.boot <= time.clock_gettime(time.CLOCK_BOOTTIME)
    assert now.boot_id == read_boot_id() != "unknown"
    assert now.wall > 1_700_000_000
