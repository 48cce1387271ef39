"""Faults of the runtime, by name (foundation 27), and what the agent makes of them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from podstead.agent import starter
from podstead.cri.errors import CallError, Code
from tests.functional.manifests import OTHER_IMAGE, manifest
from tests.simulators.cri_faults import Fault
from tests.simulators.cri_runtime import Moment
from tests.simulators.cri_world import Program

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from podstead.cri._pb import cri_pb2 as pb
    from tests.functional.node import SimulatedNode
    from tests.simulators.cri_runtime import SimulatedRuntime


@pytest.mark.parametrize("method", ["RunPodSandbox", "CreateContainer", "StartContainer"])
async def test_a_reply_lost_after_its_call_took_effect(node: SimulatedNode, method: str) -> None:
    node.runtime.faults.add(Fault.REPLY_LOST, method=method)
    node.write("web.yaml", manifest("web"))
    container = await node.running_pod("web")
    assert node.runtime.faults.pending == 0
    assert container.config.metadata.attempt == 0
    assert len(node.sandboxes("web")) == 1
    assert len(node.containers("web")) == 1
    assert node.restarts("web") == 0
    node.check()


async def test_a_stop_whose_reply_is_lost(node: SimulatedNode) -> None:
    node.write("web.yaml", manifest("web"))
    first = await node.running_pod("web")
    node.runtime.faults.add(Fault.REPLY_LOST, method="StopContainer")
    node.write("web.yaml", manifest("web", image=OTHER_IMAGE))
    await node.another("web", first)
    node.check()


async def test_a_container_that_is_gone_when_it_is_stopped(node: SimulatedNode) -> None:
    node.write("web.yaml", manifest("web"))
    first = await node.running_pod("web")
    node.runtime.faults.add(Fault.NOT_FOUND_ON_STOP, method="StopContainer")
    node.write("web.yaml", manifest("web", image=OTHER_IMAGE))
    await node.another("web", first)
    node.check()


@pytest.mark.parametrize("method", ["StopContainer", "StopPodSandbox"])
async def test_what_is_gone_when_its_pod_ends(node: SimulatedNode, method: str) -> None:
    node.write("web.yaml", manifest("web"))
    await node.running_pod("web")
    node.runtime.faults.add(Fault.NOT_FOUND_ON_STOP, method=method)
    node.remove("web.yaml")
    await node.gone("web")
    assert node.runtime.faults.pending == 0


@pytest.mark.parametrize("method", ["RunPodSandbox", "CreateContainer"])
async def test_a_name_that_stays_reserved(node: SimulatedNode, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starter, "RESERVED_LOOKS_SECONDS", (0.05, 0.1, 0.2))
    node.runtime.faults.add(Fault.NAME_RESERVED, method=method)
    node.write("web.yaml", manifest("web"))
    await node.running_pod("web", 14.0)
    assert not node.runtime.faults.pending
    node.check()


@pytest.mark.parametrize(
    "method", ["ListPodSandbox", "ListContainers", "ContainerStatus", "RunPodSandbox", "CreateContainer", "ImageStatus"]
)
async def test_a_server_that_is_not_initialized_for_a_moment(node: SimulatedNode, method: str) -> None:
    await node.until("the first look is done", lambda: node.parts.sync is not None and node.parts.sync.looked)
    node.runtime.faults.add(Fault.NOT_INITIALIZED, method=method, times=2)
    node.write("web.yaml", manifest("web"))
    pause = 13.0 if method == "ImageStatus" else 4.0  # a pull that failed waits 10 s, as the kubelet's does
    await node.running_pod("web", pause)
    node.check()
    node.remove("web.yaml")  # a start makes no list, an end does
    await node.gone("web", 4.0)
    assert node.runtime.faults.pending == 0


@pytest.mark.parametrize("method", ["RunPodSandbox", "CreateContainer", "StartContainer"])
@pytest.mark.parametrize("fault", [Fault.HANG, Fault.HANG_AFTER_EFFECT])
async def test_a_call_that_never_ends(node: SimulatedNode, method: str, fault: Fault) -> None:
    await node.stop()
    node.request_seconds = 0.2
    await node.start()
    node.runtime.faults.add(fault, method=method)
    node.write("web.yaml", manifest("web"))
    await node.running_pod("web")
    assert len(node.alive("web")) == 1
    await asyncio.sleep(0.5)  # what it still does follows at once
    node.check()


async def test_slow_calls(node: SimulatedNode) -> None:
    node.runtime.faults.add(Fault.SLOW, times=20, seconds=0.05)
    node.write("web.yaml", manifest("web"))
    await node.running_pod("web", 8.0)
    node.check()


async def test_an_exit_that_is_told_twice(node: SimulatedNode) -> None:
    node.write("web.yaml", manifest("web"))
    first = await node.running_pod("web")
    node.runtime.faults.add(Fault.EXIT_EVENT_TWICE)
    node.runtime.exit_container(first.id, 1)
    await node.another("web", first)
    await node.until("counted", lambda: node.restarts("web") == 1)
    await asyncio.sleep(0.2)
    assert node.restarts("web") == 1
    node.check()


async def test_an_exit_that_is_told_before_the_state_says_so(node: SimulatedNode) -> None:
    node.write("web.yaml", manifest("web"))
    first = await node.running_pod("web")
    node.runtime.faults.add(Fault.EVENT_BEFORE_STATE, seconds=0.2)
    node.runtime.exit_container(first.id, 1)
    await node.until("restarted", lambda: [c for c in node.containers("web") if c.id != first.id], 0.5)
    await node.until("counted", lambda: node.restarts("web") == 1)


async def test_a_container_that_ends_before_anybody_has_looked_at_it(node: SimulatedNode) -> None:
    """Its exit is told while its start is still under way, and the state follows after the look that ends the start."""
    node.runtime.programs["web"] = Program(exit_after_seconds=0.0, exit_code=1)
    node.runtime.faults.add(Fault.EVENT_BEFORE_STATE, times=2, seconds=0.3)
    node.runtime.faults.add(Fault.SLOW, method="ListContainers", times=8, seconds=0.02)
    node.write("web.yaml", manifest("web"))
    await node.until("it is known to have ended", lambda: node.waiting("web") == "CrashLoopBackOff", 3.0)
    assert node.restarts("web") == 1


@pytest.mark.conformance("S36")
async def test_a_pause_process_that_is_killed(node: SimulatedNode) -> None:
    node.write("web.yaml", manifest("web", host_network=False))
    first = await node.running_pod("web")
    node.runtime.kill_sandbox(first.sandbox.id)
    await node.until("in another sandbox", lambda: [c for c in node.alive("web") if c.sandbox.id != first.sandbox.id])
    node.check()


async def test_a_sandbox_whose_end_is_told_before_its_state(node: SimulatedNode) -> None:
    node.write("web.yaml", manifest("web", host_network=False))
    first = await node.running_pod("web")
    node.runtime.world.bus.exited(first.sandbox.id, 0, 137, node.runtime.world.now_ns())
    await asyncio.sleep(0.06)
    first.sandbox.ready = False
    await node.until("in another sandbox", lambda: [c for c in node.alive("web") if c.sandbox.id != first.sandbox.id])
    node.check()


async def test_an_address_that_comes_late(node: SimulatedNode) -> None:
    node.runtime.faults.add(Fault.EMPTY_IP)
    node.write("web.yaml", manifest("web", host_network=False))
    container = await node.running_pod("web")
    assert container.sandbox.config.metadata.attempt == 0
    node.check()


async def test_addresses_that_never_come_are_asked_for_at_a_bounded_pace(node: SimulatedNode) -> None:
    node.runtime.faults.add(Fault.EMPTY_IP, times=100_000)
    node.write("web.yaml", manifest("web", host_network=False))
    await node.until("it is tried", lambda: "RunPodSandbox" in node.runtime.calls)
    await asyncio.sleep(3.0)
    assert 1 <= node.runtime.calls.count("RunPodSandbox") <= 4
    assert len(node.sandboxes("web", ready=True)) <= 1
    node.runtime.faults.clear()
    await node.running_pod("web", 12.0)
    assert len(node.sandboxes("web")) == 1
    node.check()


async def test_a_file_that_comes_while_the_runtime_is_away(node: SimulatedNode) -> None:
    node.write("web.yaml", manifest("web"))
    first = await node.running_pod("web")
    node.runtime.go_down()
    await node.until("it is noticed", lambda: not node.parts.pleg.connected)
    node.write("late.yaml", manifest("late"))
    await node.until("it is admitted", lambda: node.pod("late") is not None)
    await asyncio.sleep(1.5)
    node.runtime.come_up()
    await node.running_pod("late", 8.0)
    assert node.alive("web") == [first]
    node.check()


async def test_a_container_whose_state_cannot_be_had_does_not_stop_the_others(node: SimulatedNode) -> None:
    node.write("bad.yaml", manifest("bad"))
    bad = await node.running_pod("bad")
    await node.stop()
    calls = node.runtime._containers.status

    async def status(request: pb.ContainerStatusRequest) -> pb.ContainerStatusResponse:
        if request.container_id == bad.id:
            request.container_id = "unknown-to-the-image-store"
            raise_error(request)
        return await calls(request)

    node.runtime._handlers["ContainerStatus"] = status
    await node.start()
    node.write("good.yaml", manifest("good"))
    await node.running_pod("good")
    assert node.parts.pleg.connected
    assert node.alive("bad") == [bad]


def raise_error(request: pb.ContainerStatusRequest) -> None:
    """Fail as containerd does for a container whose image it cannot read."""
    raise CallError(Code.UNKNOWN, f"failed to get image of {request.container_id}")


async def test_a_sandbox_that_goes_while_everything_is_listed(node: SimulatedNode) -> None:
    node.write("web.yaml", manifest("web"))
    await node.running_pod("web")
    node.write("other.yaml", manifest("other", host_network=False))
    other = await node.running_pod("other")
    node.parts.pleg.statuses._sandboxes.clear()

    async def status(request: Message) -> Message:
        node.runtime.vanish(other.sandbox.id)
        node.runtime._handlers["PodSandboxStatus"] = handler
        reply: Message = await handler(request)
        return reply

    handler = node.runtime._handlers["PodSandboxStatus"]
    node.runtime._handlers["PodSandboxStatus"] = status
    assert await node.parts.pleg.relist()
    assert node.parts.pleg.connected
    await node.until("made again", lambda: node.alive("other"))
    node.check()


async def test_a_list_that_is_older_than_a_start_does_not_undo_it(node: SimulatedNode) -> None:
    """A slow relist began before the container was there and ends after it runs: it must not be started again."""
    await node.until("the first look is done", lambda: node.parts.sync is not None and node.parts.sync.looked)
    handler = node.runtime._handlers["ListContainers"]
    go_on = asyncio.Event()
    held: list[str] = []

    async def list_slowly(request: pb.ListContainersRequest) -> pb.ListContainersResponse:
        reply = await handler(request)
        if "io.kubernetes.pod.uid" not in request.filter.label_selector and not held:
            held.append("relist")
            await go_on.wait()
        return reply  # type: ignore[no-any-return]  # the simulator's table is untyped

    node.runtime._handlers["ListContainers"] = list_slowly
    node.runtime.faults.add(Fault.SLOW, method="CreateContainer", seconds=0.3)
    node.write("web.yaml", manifest("web"))
    await node.until("sandbox", lambda: node.sandboxes("web"))
    relist = asyncio.create_task(node.parts.pleg.relist())
    await node.until("it is listed", lambda: held)
    first = await node.running_pod("web")
    await node.until("settled", lambda: not node.session("web").flights)
    go_on.set()
    await relist
    await asyncio.sleep(0.3)
    assert node.containers("web") == [first]
    assert node.restarts("web") == 0


async def test_a_step_that_fails_while_the_runtime_is_down_is_done_after_it(
    node: SimulatedNode, runtime: SimulatedRuntime
) -> None:
    def die(moment: Moment, method: str, _: Message) -> None:
        if moment is Moment.AFTER and method == "RunPodSandbox":
            runtime.hook = None
            runtime.go_down()

    runtime.hook = die
    node.write("web.yaml", manifest("web"))
    await node.until("down", lambda: runtime.down)
    await asyncio.sleep(0.3)
    runtime.come_up()
    await node.running_pod("web", 8.0)
    assert len(node.sandboxes("web")) == 1
    node.check()


async def test_a_runtime_that_restarts_disturbs_nothing(node: SimulatedNode) -> None:
    for number in range(5):
        node.write(f"p{number}.yaml", manifest(f"p{number}"))
    before = [await node.running_pod(f"p{number}") for number in range(5)]
    for _ in range(3):
        node.runtime.go_down()
        await asyncio.sleep(0.2)
        node.runtime.come_up()
        await node.until("back", lambda: node.parts.pleg.connected)
    await asyncio.sleep(0.5)
    assert [node.alive(f"p{number}") for number in range(5)] == [[c] for c in before]
    node.check()
