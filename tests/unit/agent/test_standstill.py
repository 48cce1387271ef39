"""When the sync loop counts as standing still: never for a disk that is slow, and never while there is nothing to do."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from podstead.agent.gates import OPEN, Gates, OpenJudge
from podstead.agent.syncloop import SyncLoop
from podstead.clock import Instant
from podstead.state.sources import SourceSnapshot

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Mapping

    from podstead.manifest.reading import Reading


@dataclass(slots=True)
class World:
    """Everything that a sync loop stands on: an empty directory, and a disk that may be slow."""

    at: float = 100.0
    writing: asyncio.Event = field(default_factory=asyncio.Event)
    written: asyncio.Event = field(default_factory=asyncio.Event)
    shown: asyncio.Event = field(default_factory=asyncio.Event)

    def now(self) -> Instant:
        return Instant(boot_id="b", boot=self.at, wall=0.0)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def snapshots(self) -> AsyncGenerator[SourceSnapshot, None]:
        yield SourceSnapshot(path="/m", certain=True, files=())
        await asyncio.Event().wait()

    async def decode(self, _file: object) -> Any:
        raise AssertionError

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
    async with running(world) as sync, asyncio.timeout(5):
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

    async with running(world, Gates(verifier=OPEN.verifier, judge=Slow())) as sync, asyncio.timeout(5):
        await judging.wait()
        assert sync.standstill(world.at + 3600) == 0.0
        judged.set()
        await world.shown.wait()


async def test_work_that_nobody_takes_up_is_a_standstill() -> None:
    world = World()
    world.written.set()
    async with running(world) as sync, asyncio.timeout(5):
        await world.shown.wait()
        await asyncio.sleep(0)
        world.at += 10.0
        sync.poke()
        sync.poke()
        assert sync.standstill(world.at + 45.0) == 45.0
