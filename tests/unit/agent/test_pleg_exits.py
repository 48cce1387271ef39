"""An exit told before anybody has looked at the container is not lost (foundation 19)."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from podstead.agent.pleg import EARLY_EXITS, Pleg
from podstead.clock import SystemClock
from podstead.state.observed import ContainerState
from podstead.state.runtime import EventKind, RuntimeEvent
from tests.simulators.cri_runtime import SimulatedRuntime
from tests.simulators.cri_transports import client
from tests.unit.cri.pods import UID, container_request, sandbox_request

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Told:
    """An event stream of a test's own."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[RuntimeEvent] = asyncio.Queue()

    async def events(self) -> AsyncIterator[RuntimeEvent]:
        while True:
            yield await self.queue.get()
            self.queue.task_done()


@contextlib.asynccontextmanager
async def following(runtime: SimulatedRuntime) -> AsyncIterator[tuple[Pleg, Told]]:
    """Give a generator that follows what it is told and lists nothing by itself."""
    told = Told()
    pleg = Pleg(client(runtime), told, SystemClock(), "instance-1", lambda _: None)
    task = asyncio.create_task(pleg.run(3600.0))
    try:
        yield pleg, told
    finally:
        task.cancel()
        await asyncio.wait({task})


async def tell(told: Told, *containers: str) -> None:
    """Tell of exits and wait until each has been taken."""
    for name in containers:
        event = RuntimeEvent(kind=EventKind.EXITED, container_id=name, exit_code=3, finished_at=7)
        told.queue.put_nowait(event)
    async with asyncio.timeout(30):
        await told.queue.join()


@pytest.mark.parametrize("strangers", [0, EARLY_EXITS - 1])
async def test_a_program_that_ends_before_its_start_is_looked_at(strangers: int) -> None:
    async with SimulatedRuntime() as runtime, following(runtime) as (pleg, told):
        runtime.add_image("busybox:1")
        cri = client(runtime)
        image = await cri.image("busybox:1")
        assert image is not None
        sandbox = await cri.run_sandbox(sandbox_request())
        container = await cri.create_container(container_request(sandbox_id=sandbox, image_id=image.id))
        await cri.start_container(container)
        await tell(told, container, *(f"of-others-{n}" for n in range(strangers)))

        await pleg.refresh(UID)  # the runtime's own state still says Running, as containerd's does for 50 ms

        (seen,) = pleg.view(UID).containers
        assert (seen.id, seen.state, seen.exit_code) == (container, ContainerState.EXITED, 3)
        assert container not in pleg._early


async def test_exits_of_others_are_not_kept_for_ever() -> None:
    async with SimulatedRuntime() as runtime, following(runtime) as (pleg, told):
        await tell(told, *(f"c{n}" for n in range(2 * EARLY_EXITS)))
        assert len(pleg._early) == EARLY_EXITS
        assert f"c{2 * EARLY_EXITS - 1}" in pleg._early
