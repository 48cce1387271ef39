"""When the sync loop counts as standing still: never for a disk that is slow, and never while there is nothing to do."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

from podstead.agent import syncloop
from podstead.agent.gates import OPEN, Gates, OpenJudge
from podstead.agent.syncloop import SyncLoop
from podstead.clock import Instant
from podstead.manifest.reading import Reading
from podstead.state.sources import ManifestFile, SourceSnapshot

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Mapping

    import pytest


@dataclass(slots=True)
class World:
    """Everything that a sync loop stands on: an empty directory, and a disk that may be slow."""

    at: float = 100.0
    writing: asyncio.Event = field(default_factory=asyncio.Event)
    written: asyncio.Event = field(default_factory=asyncio.Event)
    shown: asyncio.Event = field(default_factory=asyncio.Event)
    files: tuple[ManifestFile, ...] = ()

    def now(self) -> Instant:
        return Instant(boot_id="b", boot=self.at, wall=0.0)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def snapshots(self) -> AsyncGenerator[SourceSnapshot, None]:
        yield SourceSnapshot(path="/m", certain=True, files=self.files)
        await asyncio.Event().wait()

    async def decode(self, _file: object) -> Reading:
        return Reading()

    def records(self) -> dict[str, object]:
        return {}

    async def apply(self, _folded: object, _files: object) -> None:
        self.writing.set()
        await self.written.wait()

    def judge(self) -> bool:
        return False

    def show(self, *_: object) -> None:
        self.shown.set()


@contextlib.asynccontextmanager
async def running(world: World, gates: Gates = OPEN) -> AsyncIterator[SyncLoop]:
    fake = cast("Any", world)
    sync = SyncLoop(world, fake, fake, fake, fake, fake, world, gates)
    task = asyncio.ensure_future(sync.run())
    try:
        yield sync
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_a_slow_disk_is_no_standstill_and_rest_is_none() -> None:
    world = World()
    async with running(world) as sync, asyncio.timeout(30):
        await world.writing.wait()
        assert sync.standstill(world.at + 3600) == 0.0
        world.written.set()
        await world.shown.wait()
        await asyncio.sleep(0)
        assert sync.standstill(world.at + 3600) == 0.0


async def test_judges_that_take_their_time_are_no_standstill() -> None:
    world = World()
    world.written.set()
    judging, judged = asyncio.Event(), asyncio.Event()

    class Slow(OpenJudge):
        async def judge(self, snapshot: SourceSnapshot, readings: Mapping[str, Reading]) -> Mapping[str, Reading]:
            judging.set()
            await judged.wait()
            return await super().judge(snapshot, readings)

    async with running(world, Gates(verifier=OPEN.verifier, judge=Slow())) as sync, asyncio.timeout(30):
        await judging.wait()
        assert sync.standstill(world.at + 3600) == 0.0
        judged.set()
        await world.shown.wait()


async def test_work_that_nobody_takes_up_is_a_standstill() -> None:
    world = World()
    world.written.set()
    async with running(world) as sync, asyncio.timeout(30):
        await world.shown.wait()
        await asyncio.sleep(0)
        world.at += 10.0
        sync.poke()
        sync.poke()
        assert sync.standstill(world.at + 45.0) == 45.0


async def test_a_judge_that_found_nothing_out_is_asked_again_on_a_quiet_node(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network file system was away when the policy wanted to know where a path leads: no look tells that it is back."""
    monkeypatch.setattr(syncloop, "RETRY_SECONDS", 0.01)
    world = World(files=(ManifestFile(name="a.yaml", path="/m/a.yaml", data=b"a", digest="1", size=1),))
    world.written.set()
    asked, answered = 0, asyncio.Event()

    class Unsure(OpenJudge):
        async def judge(self, snapshot: SourceSnapshot, readings: Mapping[str, Reading]) -> Mapping[str, Reading]:
            nonlocal asked
            asked += bool(readings)
            world.at += 10.0  # the content has stood for long
            if asked >= 3:
                answered.set()
                return readings
            return {name: replace(one, reason="PolicyViolation", unsure=True) for name, one in readings.items()}

    async with running(world, Gates(verifier=OPEN.verifier, judge=Unsure())), asyncio.timeout(30):
        await answered.wait()
