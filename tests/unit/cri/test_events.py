"""The exit source: found by capability, reconnecting, and honest about what it may have missed."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from podstead.clock import Instant
from podstead.cri import event_streams
from podstead.cri._pb import containerd_events_pb2 as events_pb
from podstead.cri._pb import cri_pb2 as pb
from podstead.cri.events import Capability, ExitSource
from podstead.state.runtime import EventKind, RuntimeEvent
from tests.simulators.cri_faults import Fault
from tests.simulators.cri_runtime import SimulatedRuntime
from tests.simulators.cri_transports import InProcessTransport
from tests.unit.cri.pods import running_container
from tests.unit.cri.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

RECONNECTED = RuntimeEvent(kind=EventKind.RECONNECTED)


class RecordingClock:
    """A clock whose waits are recorded and over at once."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    def now(self) -> Instant:
        return Instant(boot_id="b", boot=0.0, wall=0.0)

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        await asyncio.sleep(0)


@pytest.fixture
async def runtime() -> AsyncIterator[SimulatedRuntime]:
    async with SimulatedRuntime() as made:
        yield made


async def first(source: ExitSource, count: int) -> list[RuntimeEvent]:
    """Return the first events."""
    found = []
    async with asyncio.timeout(60), aclosing(source.events()) as events:
        async for event in events:
            found.append(event)
            if len(found) == count:
                break
    return found


async def test_containerds_events_come_first(runtime: SimulatedRuntime) -> None:
    source = ExitSource(InProcessTransport(runtime), RecordingClock())
    listening = asyncio.ensure_future(first(source, 3))
    await opened(runtime, source)
    runtime.world.bus.started("c1", 5)
    runtime.world.bus.exec_exited("c1", "exec", 0)
    runtime.world.bus.exited("c1", 5, 7, 12_000_000_034)
    assert await listening == [
        RECONNECTED,
        RuntimeEvent(kind=EventKind.STARTED, container_id="c1"),
        RuntimeEvent(kind=EventKind.EXITED, container_id="c1", exit_code=7, finished_at=12_000_000_034),
    ]
    assert source.capability is Capability.CONTAINERD


async def opened(runtime: SimulatedRuntime, source: ExitSource) -> None:
    """Wait until the source listens and its marks have been heard."""
    await until(lambda: "Forward" in runtime.calls and source.trouble is None and runtime.world.bus.listeners)


async def test_a_runtime_without_them_is_asked_for_the_cris(runtime: SimulatedRuntime) -> None:
    runtime.event_services = {"GetContainerEvents"}
    source = ExitSource(InProcessTransport(runtime), RecordingClock())
    listening = asyncio.ensure_future(first(source, 2))
    await until(lambda: runtime.world.bus.listeners)
    runtime.world.bus.exited("c1", 5, 7, 34)
    assert await listening == [
        RECONNECTED,
        RuntimeEvent(kind=EventKind.EXITED, container_id="c1", exit_code=7, finished_at=34),
    ]
    assert source.capability is Capability.CRI


async def test_a_quiet_stream_of_the_cri_counts_as_open(runtime: SimulatedRuntime) -> None:
    runtime.event_services = {"GetContainerEvents"}
    source = ExitSource(InProcessTransport(runtime), RecordingClock())
    assert await first(source, 1) == [RECONNECTED]


async def test_a_runtime_without_any_is_listed_again_and_again(runtime: SimulatedRuntime) -> None:
    runtime.event_services = set()
    clock = RecordingClock()
    source = ExitSource(InProcessTransport(runtime), clock, relist_seconds=1.5)
    assert await first(source, 3) == [RECONNECTED] * 3
    assert source.capability is Capability.RELIST
    assert clock.waits == [1.5, 1.5]


async def test_a_broken_stream_is_opened_again_and_says_so(runtime: SimulatedRuntime) -> None:
    clock = RecordingClock()
    source = ExitSource(InProcessTransport(runtime), clock)
    listening = asyncio.ensure_future(first(source, 2))
    await opened(runtime, source)
    runtime.world.bus.break_streams()
    assert await listening == [RECONNECTED, RECONNECTED]
    assert clock.waits == [0.1]


async def test_the_wait_grows_to_a_bound_and_starts_anew(runtime: SimulatedRuntime) -> None:
    clock = RecordingClock()
    source = ExitSource(InProcessTransport(runtime), clock)
    runtime.faults.add(Fault.NOT_INITIALIZED, method="Subscribe", times=2)
    runtime.go_down()
    listening = asyncio.ensure_future(first(source, 1))
    await until(lambda: len(clock.waits) >= 9)
    assert source.trouble is not None
    assert source.trouble.transient
    runtime.come_up()
    assert await listening == [RECONNECTED]
    assert clock.waits[:9] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]
    assert source.capability is Capability.CONTAINERD
    assert runtime.faults.pending == 0


async def test_an_exit_may_come_twice_and_before_its_state(runtime: SimulatedRuntime) -> None:
    container = await running_container(runtime)
    runtime.faults.add(Fault.EXIT_EVENT_TWICE)
    source = ExitSource(InProcessTransport(runtime), RecordingClock())
    listening = asyncio.ensure_future(first(source, 3))
    await opened(runtime, source)
    runtime.exit_container(container, 1)
    events = await listening
    assert [e.kind for e in events] == [EventKind.RECONNECTED, EventKind.EXITED, EventKind.EXITED]
    assert events[1] == events[2]


def envelope(topic: str, payload: bytes, namespace: str = "k8s.io") -> events_pb.Envelope:
    made = events_pb.Envelope(topic=topic, namespace=namespace)
    made.event.value = payload
    return made


EXIT = events_pb.TaskExit(container_id="c", id="c", exit_status=1).SerializeToString()


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (envelope("/tasks/exit", EXIT), EventKind.EXITED),
        (envelope("/tasks/exit", EXIT, "moby"), None),
        (envelope("/tasks/exit", events_pb.TaskExit(container_id="c", id="exec").SerializeToString()), None),
        (envelope("/tasks/exit", b"\xff\xff"), None),
        (envelope("/tasks/oom", events_pb.TaskOOM(container_id="c").SerializeToString()), EventKind.OOM),
        (envelope("/tasks/start", events_pb.TaskStart(container_id="c").SerializeToString()), EventKind.STARTED),
        (envelope("/containers/delete", events_pb.ContainerDelete(id="c").SerializeToString()), EventKind.DELETED),
        (envelope("/images/update", b""), None),
    ],
)
def test_envelopes(found: events_pb.Envelope, expected: EventKind | None) -> None:
    event = event_streams.decode_envelope(found)
    assert (event.kind if event else None) == expected
    assert event is None or event.container_id == "c"


def test_an_exit_of_the_cri_without_its_status_has_no_code() -> None:
    message = pb.ContainerEventResponse(container_id="c", container_event_type=pb.CONTAINER_STOPPED_EVENT)
    assert event_streams.decode_cri_event(message) == RuntimeEvent(kind=EventKind.EXITED, container_id="c")
    created = pb.ContainerEventResponse(container_id="c", container_event_type=pb.CONTAINER_CREATED_EVENT)
    assert event_streams.decode_cri_event(created) is None
