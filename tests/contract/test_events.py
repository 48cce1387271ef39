"""Events: every runtime tells of exits, by one means or another."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from podstead.clock import SystemClock
from podstead.cri.events import Capability, ExitSource
from podstead.state.runtime import EventKind

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from podstead.state.runtime import RuntimeEvent
    from tests.contract.subject import Subject

WAIT_SECONDS = 20.0


class Heard:
    """What has been heard so far."""

    def __init__(self, source: ExitSource) -> None:
        self.source = source
        self.events: list[RuntimeEvent] = []
        self._more = asyncio.Event()

    async def listen(self) -> None:
        """Listen until cancelled."""
        async with aclosing(self.source.events()) as stream:
            async for event in stream:
                self.events.append(event)
                self._more.set()

    async def until(self, kind: EventKind, container: str = "") -> RuntimeEvent:
        """Wait for an event and return it."""
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                for event in self.events:
                    if (event.kind, event.container_id) == (kind, container):
                        return event
                self._more.clear()
                await self._more.wait()


@asynccontextmanager
async def hearing(subject: Subject) -> AsyncIterator[Heard]:
    """Listen while the context lasts; begins when the stream is open."""
    heard = Heard(ExitSource(subject.client.transport, SystemClock()))
    listening = asyncio.ensure_future(heard.listen())
    try:
        await heard.until(EventKind.RECONNECTED)
        yield heard
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def test_start_exit_and_removal_are_told(subject: Subject) -> None:
    async with hearing(subject) as heard:
        assert heard.source.capability is Capability.CONTAINERD
        assert heard.source.trouble is None
        _, container = await subject.run_pod("fails")
        await heard.until(EventKind.STARTED, container)
        ended = await heard.until(EventKind.EXITED, container)
        status = await subject.exited(container)
        assert ended.exit_code == 7
        assert abs(ended.finished_at - status.finished_at) < 10**9
        await subject.client.remove_container(container)
        await heard.until(EventKind.DELETED, container)


async def test_the_end_of_an_exec_is_not_an_exit(subject: Subject) -> None:
    async with hearing(subject) as heard:
        _, container = await subject.run_pod()
        await subject.client.exec_sync(container, ("true",), 10)
        await subject.kill(container)
        ended = await heard.until(EventKind.EXITED, container)
        assert ended.exit_code == 137
        assert [e.kind for e in heard.events if e.container_id == container] == [EventKind.STARTED, EventKind.EXITED]


async def test_a_lack_of_memory_is_told_before_the_exit(subject: Subject) -> None:
    async with hearing(subject) as heard:
        _, container = await subject.run_pod("hungry")
        subject.exhaust_memory(container)
        await heard.until(EventKind.EXITED, container)
        kinds = [e.kind for e in heard.events if e.container_id == container]
        assert kinds == [EventKind.STARTED, EventKind.OOM, EventKind.EXITED]


async def test_the_end_of_a_pause_process_is_told_by_the_sandbox_id(subject: Subject) -> None:
    async with hearing(subject) as heard:
        sandbox, _ = await subject.run_pod()
        await subject.kill_pause(sandbox)
        assert (await heard.until(EventKind.EXITED, sandbox)).exit_code == 137


@pytest.mark.parametrize("_", range(3))
async def test_nothing_is_lost_between_the_opening_and_the_first_event(subject: Subject, _: int) -> None:
    _sandbox, container = await subject.run_pod()
    async with hearing(subject) as heard:
        await subject.kill(container)
        await heard.until(EventKind.EXITED, container)
