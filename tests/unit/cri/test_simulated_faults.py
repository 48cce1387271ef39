"""Each fault of foundation rule 27 does what its name says, as the client sees it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from podstead.clock import SystemClock
from podstead.cri.methods import MEMORY_SECONDS
from podstead.errors import DeadlineFault, NameReservedFault, NotFoundFault, RuntimeFault
from podstead.state.observed import ContainerState
from tests.simulators.cri_faults import Fault
from tests.simulators.cri_runtime import Moment, SimulatedRuntime
from tests.simulators.cri_transports import client
from tests.unit.cri.pods import container_request, sandbox_request

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from google.protobuf.message import Message

    from podstead.cri.client import CRIClient
    from podstead.identity import ContainerID, SandboxID


class Crash(BaseException):
    """The agent ends here."""


@pytest.fixture
async def runtime() -> AsyncIterator[SimulatedRuntime]:
    async with SimulatedRuntime() as made:
        made.add_image("busybox")
        yield made
        assert made.faults.pending == 0


async def run(calls: CRIClient) -> tuple[SandboxID, ContainerID]:
    """Run a pod of one container."""
    sandbox = await calls.run_sandbox(sandbox_request())
    request = replace(container_request(), sandbox_id=sandbox, image_id="busybox")
    container = await calls.create_container(request)
    await calls.start_container(container)
    return sandbox, container


async def test_a_reserved_name(runtime: SimulatedRuntime) -> None:
    calls = client(runtime)
    runtime.faults.add(Fault.NAME_RESERVED, method="RunPodSandbox", times=2)
    for _ in range(2):
        with pytest.raises(NameReservedFault):
            await calls.run_sandbox(sandbox_request())
    assert await calls.sandboxes() == []
    await calls.run_sandbox(sandbox_request())


async def test_not_found_on_stop(runtime: SimulatedRuntime) -> None:
    calls = client(runtime)
    sandbox, container = await run(calls)
    runtime.faults.add(Fault.NOT_FOUND_ON_STOP, method="StopContainer")
    with pytest.raises(NotFoundFault):
        await calls.stop_container(container, 1)
    assert await calls.containers() == []
    runtime.faults.add(Fault.NOT_FOUND_ON_STOP, method="StopPodSandbox")
    with pytest.raises(NotFoundFault):
        await calls.stop_sandbox(sandbox)
    assert await calls.sandboxes() == []


async def test_an_event_before_its_state(runtime: SimulatedRuntime) -> None:
    calls = client(runtime)
    _, container = await run(calls)
    runtime.faults.add(Fault.EVENT_BEFORE_STATE, seconds=0.02)
    runtime.exit_container(container, 9)
    assert (await calls.container_status(container)).state is ContainerState.RUNNING
    await runtime.container(container).ended.wait()
    assert (await calls.container_status(container)).exit_code == 9


async def test_an_empty_ip(runtime: SimulatedRuntime) -> None:
    calls = client(runtime)
    sandbox = await calls.run_sandbox(sandbox_request())
    runtime.faults.add(Fault.EMPTY_IP)
    assert (await calls.sandbox_status(sandbox)).ips == ()
    assert len((await calls.sandbox_status(sandbox)).ips) == 1


@pytest.mark.parametrize("fault", [Fault.NOT_INITIALIZED, Fault.UNAVAILABLE])
async def test_a_runtime_that_is_not_there_yet(runtime: SimulatedRuntime, fault: Fault) -> None:
    calls = client(runtime)
    runtime.faults.add(fault, method="RunPodSandbox")
    with pytest.raises(RuntimeFault) as caught:
        await calls.run_sandbox(sandbox_request())
    assert caught.value.transient
    assert await calls.sandboxes() == []


@pytest.mark.parametrize("method", ["RunPodSandbox", "CreateContainer", "StartContainer"])
async def test_a_lost_reply_hides_a_success(runtime: SimulatedRuntime, method: str) -> None:
    calls = client(runtime)
    runtime.faults.add(Fault.REPLY_LOST, method=method)
    with pytest.raises(RuntimeFault) as caught:
        await run(calls)
    assert caught.value.transient
    assert len(await calls.sandboxes()) == 1
    containers = await calls.containers()
    assert [c.state for c in containers] == {
        "RunPodSandbox": [],
        "CreateContainer": [ContainerState.CREATED],
        "StartContainer": [ContainerState.RUNNING],
    }[method]


@pytest.mark.parametrize(("fault", "made"), [(Fault.HANG, 0), (Fault.HANG_AFTER_EFFECT, 1)])
async def test_a_hanging_call_meets_its_deadline(runtime: SimulatedRuntime, fault: Fault, made: int) -> None:
    calls = client(runtime, request_seconds=0.02)
    runtime.faults.add(fault, method="RunPodSandbox")
    with pytest.raises(DeadlineFault):
        await calls.run_sandbox(sandbox_request())
    assert len(await calls.sandboxes()) == made


class HurriedClock(SystemClock):
    """A thousand times as fast as the real one; keeps what was waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        await super().sleep(seconds / 1000)


@pytest.mark.parametrize("call", ["sandboxes", "containers", "version", "info"])
async def test_a_runtime_that_hangs_is_found_out_long_before_the_usual_deadline(call: str) -> None:
    clock = HurriedClock()
    async with SimulatedRuntime(clock=clock) as hung:
        hung.faults.add(Fault.HANG)
        with pytest.raises(DeadlineFault):
            await getattr(client(hung, request_seconds=120), call)()
    assert clock.waits == [MEMORY_SECONDS]


async def test_a_slow_call_succeeds_late(runtime: SimulatedRuntime) -> None:
    calls = client(runtime)
    runtime.faults.add(Fault.SLOW, seconds=0.03)
    before = runtime.world.clock.now().boot
    await calls.run_sandbox(sandbox_request())
    assert runtime.world.clock.now().boot - before >= 0.03


async def test_a_refused_start_leaves_an_exited_container(runtime: SimulatedRuntime) -> None:
    calls = client(runtime)
    runtime.faults.add(Fault.REFUSED, method="StartContainer", message="cgroups in hybrid mode")
    with pytest.raises(RuntimeFault, match="cgroups in hybrid mode"):
        await run(calls)
    (container,) = await calls.containers()
    status = await calls.container_status(container.id)
    assert (status.state, status.exit_code, status.reason) == (ContainerState.EXITED, 128, "StartError")


@pytest.mark.parametrize(("moment", "made"), [(Moment.BEFORE, 0), (Moment.AFTER, 1)])
async def test_the_hook_ends_the_agent_at_an_instant(runtime: SimulatedRuntime, moment: Moment, made: int) -> None:
    seen: list[tuple[Moment, str]] = []

    def hook(now: Moment, method: str, _: Message) -> None:
        seen.append((now, method))
        if now is moment and method == "CreateContainer":
            raise Crash

    runtime.hook = hook
    calls = client(runtime)
    with pytest.raises(Crash):
        await run(calls)
    runtime.hook = None
    assert len(await calls.containers()) == made
    assert seen[:3] == [
        (Moment.BEFORE, "RunPodSandbox"),
        (Moment.AFTER, "RunPodSandbox"),
        (Moment.BEFORE, "CreateContainer"),
    ]


async def test_death_and_reboot(runtime: SimulatedRuntime) -> None:
    calls = client(runtime)
    sandbox, container = await run(calls)
    runtime.go_down()
    with pytest.raises(RuntimeFault) as caught:
        await calls.sandboxes()
    assert caught.value.transient
    runtime.come_up()
    assert (await calls.container_status(container)).state is ContainerState.RUNNING
    runtime.reboot()
    assert not (await calls.sandbox_status(sandbox)).ready
    assert (await calls.container_status(container)).exit_code == 255
