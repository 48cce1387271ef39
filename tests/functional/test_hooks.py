"""Lifecycle hooks on the real loops: order, grace, and what goes on while one hangs."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest

from podstead.cri._pb import cri_pb2 as pb
from tests.functional.manifests import OTHER_IMAGE, manifest
from tests.simulators.cri_faults import Fault
from tests.simulators.cri_world import Program

if TYPE_CHECKING:
    from podstead.k8s import core_v1 as v1
    from tests.functional.node import SimulatedNode
    from tests.simulators.cri_world import SimulatedContainer

SET_UP = {"exec": {"command": ["set-up"]}}
GOOD_BYE = {"exec": {"command": ["good-bye"]}}


class Commands:
    """What is run in the node's containers: each command waits for its gate, if it has one, and ends with its code."""

    def __init__(self, node: SimulatedNode) -> None:
        self.ran: list[tuple[str, str]] = []
        self.gates: dict[str, asyncio.Event] = {}
        self.codes: dict[str, int] = {}
        node.runtime.world.exec_handler = self._run

    async def _run(self, container: SimulatedContainer, command: tuple[str, ...]) -> pb.ExecSyncResponse:
        self.ran.append((container.id, command[0]))
        if (gate := self.gates.get(command[0])) is not None:
            await gate.wait()
        return pb.ExecSyncResponse(exit_code=self.codes.get(command[0], 0))

    def of(self, container: SimulatedContainer) -> list[str]:
        return [command for identifier, command in self.ran if identifier == container.id]


def pod_with(**lifecycle: Any) -> dict[str, Any]:
    return {"container": {"lifecycle": lifecycle}}


def status_of(node: SimulatedNode, name: str) -> v1.ContainerStatus:
    pod = node.pod(name)
    assert pod is not None
    assert pod.status is not None
    return pod.status.container_statuses[0]


async def test_a_container_is_started_when_its_hook_has_ended(node: SimulatedNode) -> None:
    commands = Commands(node)
    commands.gates["set-up"] = asyncio.Event()
    others = [{"name": "side", "image": OTHER_IMAGE}]
    first = {"name": "web", "image": OTHER_IMAGE, "lifecycle": {"postStart": SET_UP}}
    node.write("web.yaml", manifest("web", containers=[first, *others]))
    await node.until("the hook runs", lambda: commands.ran)
    await asyncio.sleep(0.2)
    assert [c.config.metadata.name for c in node.alive("web")] == ["web"]
    status = status_of(node, "web")
    assert (status.ready, status.started, node.phase("web"), node.waiting("web")) == (
        False,
        False,
        "Pending",
        "ContainerCreating",
    )
    commands.gates["set-up"].set()
    await node.until("both run", lambda: len(node.alive("web")) == 2 and node.phase("web") == "Running")
    assert status_of(node, "web").ready
    assert [command for _, command in commands.ran] == ["set-up"]


async def test_an_edit_and_a_removal_do_not_wait_for_a_hook_that_hangs(node: SimulatedNode) -> None:
    commands = Commands(node)
    commands.gates["set-up"] = asyncio.Event()
    node.write("web.yaml", manifest("web", **pod_with(postStart=SET_UP)))
    await node.until("the hook runs", lambda: commands.ran)
    node.write("web.yaml", manifest("web", image=OTHER_IMAGE, **pod_with(postStart=SET_UP)))
    await node.until("the new one's hook runs", lambda: len(commands.ran) == 2)
    node.check()
    node.remove("web.yaml")
    await node.gone("web")


async def test_a_hook_that_fails_ends_its_container(node: SimulatedNode) -> None:
    commands = Commands(node)
    commands.codes["set-up"] = 3
    node.write("web.yaml", manifest("web", **pod_with(postStart=SET_UP, preStop=GOOD_BYE)))
    await node.until("it backs off", lambda: node.waiting("web") == "PostStartHookError" and not node.alive("web"))
    assert node.restarts("web") == 1
    assert "the command ended with code 3" in node.events("FailedPostStartHook")[0]
    assert [commands.of(c) for c in node.containers("web")] == [["set-up", "good-bye"]] * 2
    node.check()


async def test_the_hook_of_an_agent_that_died_is_run_again(node: SimulatedNode) -> None:
    commands = Commands(node)
    commands.gates["set-up"] = asyncio.Event()
    node.write("web.yaml", manifest("web", **pod_with(postStart=SET_UP)))
    await node.until("the hook runs", lambda: commands.ran)
    (first,) = node.alive("web")
    await node.crash()
    commands.gates.clear()
    await node.start()
    assert await node.running_pod("web") is first
    assert commands.of(first) == ["set-up"] * 2
    await node.stop()
    await node.start()
    await node.running_pod("web")
    assert commands.of(first) == ["set-up"] * 2, "one that ended well is not run again"


async def test_a_runtime_that_is_away_fails_no_hook(node: SimulatedNode) -> None:
    commands = Commands(node)
    node.runtime.faults.add(Fault.UNAVAILABLE, method="ExecSync")
    node.write("web.yaml", manifest("web", **pod_with(postStart=SET_UP)))
    first = await node.running_pod("web")
    assert commands.of(first) == ["set-up"]
    assert node.restarts("web") == 0
    assert not node.runtime.faults.pending


@pytest.mark.conformance("S25")
async def test_a_stop_runs_the_hook_and_leaves_what_is_left(node: SimulatedNode) -> None:
    """S25 in small: whole seconds of the hook are taken off the grace."""
    hook = {"preStop": {"sleep": {"seconds": 1}}}
    node.write("web.yaml", manifest("web", terminationGracePeriodSeconds=9, container={"lifecycle": hook}))
    first = await node.running_pod("web")
    begun = time.monotonic()
    node.write("web.yaml", manifest("web", image=OTHER_IMAGE, terminationGracePeriodSeconds=9))
    await node.another("web", first)
    took = time.monotonic() - begun
    (grace,) = first.graces
    assert took >= 1
    assert 9 - int(took) <= grace <= 8
    assert node.restarts("web") == 0


@pytest.mark.conformance("S26")
async def test_a_hook_longer_than_the_grace_is_cut(node: SimulatedNode) -> None:
    """S26 in small: two seconds are always left for the program."""
    commands = Commands(node)
    commands.gates["good-bye"] = asyncio.Event()
    node.write("web.yaml", manifest("web", terminationGracePeriodSeconds=1, **pod_with(preStop=GOOD_BYE)))
    first = await node.running_pod("web")
    node.remove("web.yaml")
    await node.gone("web")
    assert first.graces == [2]
    assert commands.of(first) == ["good-bye"]
    assert "did not end within" in node.events("FailedPreStopHook")[0]


async def test_without_a_grace_there_is_no_hook(node: SimulatedNode) -> None:
    commands = Commands(node)
    node.write("web.yaml", manifest("web", terminationGracePeriodSeconds=0, **pod_with(preStop=GOOD_BYE)))
    first = await node.running_pod("web")
    node.remove("web.yaml")
    await node.gone("web")
    assert (commands.ran, first.graces) == ([], [2])


async def test_a_hook_that_fails_stops_nothing_from_stopping(node: SimulatedNode) -> None:
    commands = Commands(node)
    commands.codes["good-bye"] = 9
    node.write("web.yaml", manifest("web", **pod_with(preStop=GOOD_BYE)))
    await node.running_pod("web")
    node.remove("web.yaml")
    await node.gone("web")
    assert "the command ended with code 9" in node.events("FailedPreStopHook")[0]


async def test_an_edit_runs_the_hook_that_the_container_was_made_with(node: SimulatedNode) -> None:
    commands = Commands(node)
    node.write("web.yaml", manifest("web", **pod_with(preStop=GOOD_BYE)))
    first = await node.running_pod("web")
    node.write("web.yaml", manifest("web", **pod_with(preStop={"exec": {"command": ["farewell"]}})))
    await node.until("it is effective", lambda: node.events("RevisionPromoted"))
    assert node.alive("web") == [first], "a changed preStop restarts nothing"
    node.write("web.yaml", manifest("web", image=OTHER_IMAGE, **pod_with(preStop={"exec": {"command": ["farewell"]}})))
    await node.another("web", first)
    (second,) = node.alive("web")
    node.remove("web.yaml")
    await node.gone("web")
    assert (commands.of(first), commands.of(second)) == (["good-bye"], ["farewell"])


async def test_a_shortened_grace_cuts_a_hook_under_way(node: SimulatedNode) -> None:
    commands = Commands(node)
    commands.gates["good-bye"] = asyncio.Event()
    node.write("web.yaml", manifest("web", terminationGracePeriodSeconds=60, **pod_with(preStop=GOOD_BYE)))
    first = await node.running_pod("web")
    node.write("web.yaml", manifest("web", image=OTHER_IMAGE, terminationGracePeriodSeconds=60))
    await node.until("the hook runs", lambda: commands.ran)
    node.write("web.yaml", manifest("web", image=OTHER_IMAGE, terminationGracePeriodSeconds=1))
    await node.another("web", first)
    assert set(first.graces) == {2}
    assert commands.of(first) == ["good-bye"]


async def test_a_container_that_ends_by_itself_ends_its_hook(node: SimulatedNode) -> None:
    commands = Commands(node)
    commands.gates["good-bye"] = asyncio.Event()
    node.write("web.yaml", manifest("web", terminationGracePeriodSeconds=60, **pod_with(preStop=GOOD_BYE)))
    first = await node.running_pod("web")
    node.remove("web.yaml")
    await node.until("the hook runs", lambda: commands.ran)
    node.runtime.exit_container(first.id, 0)
    await node.gone("web")
    assert not node.events("FailedPreStopHook")


@pytest.mark.conformance("S14")
async def test_a_removal_while_the_agent_was_down_runs_the_hook(node: SimulatedNode) -> None:
    """S14, where the kubelet has forgotten the pod: it stops with 2 s and without the hook. Here the revision is kept."""
    commands = Commands(node)
    node.write("web.yaml", manifest("web", terminationGracePeriodSeconds=9, **pod_with(preStop=GOOD_BYE)))
    first = await node.running_pod("web")
    await node.stop()
    node.remove("web.yaml")
    await node.start()
    await node.gone("web")
    assert (commands.of(first), first.graces) == (["good-bye"], [9])


async def test_the_hook_of_a_stop_that_an_agent_died_in_is_run_again(node: SimulatedNode) -> None:
    commands = Commands(node)
    commands.gates["good-bye"] = asyncio.Event()
    node.write("web.yaml", manifest("web", terminationGracePeriodSeconds=60, **pod_with(preStop=GOOD_BYE)))
    first = await node.running_pod("web")
    node.remove("web.yaml")
    await node.until("the hook runs", lambda: commands.ran)
    await node.crash()
    commands.gates.clear()
    await node.start()
    await node.gone("web")
    assert commands.of(first) == ["good-bye"] * 2


async def test_a_stop_that_failed_is_tried_again_without_its_hook(node: SimulatedNode) -> None:
    commands = Commands(node)
    node.write("web.yaml", manifest("web", terminationGracePeriodSeconds=9, **pod_with(preStop=GOOD_BYE)))
    first = await node.running_pod("web")
    node.runtime.faults.add(Fault.REFUSED, method="StopContainer")
    node.remove("web.yaml")
    await node.gone("web")
    assert commands.of(first) == ["good-bye"]
    assert first.graces == [9]


async def test_a_stop_signal_that_cannot_be_sent_is_told_and_the_runtime_stops(node: SimulatedNode) -> None:
    """The simulator's process numbers are those of others here: nobody else may ever be signalled."""
    node.runtime.programs["web"] = Program(on_term=5)
    lifecycle = {"stopSignal": "SIGUSR1"}
    node.write("web.yaml", manifest("web", os={"name": "linux"}, **pod_with(**lifecycle)))
    first = await node.running_pod("web")
    node.remove("web.yaml")
    await node.gone("web")
    assert (first.graces, first.exit_code) == ([2], 5)
    assert "SIGUSR1 cannot be sent" in node.events("FailedStopSignal")[0]


@pytest.mark.conformance("S22")
async def test_a_probe_kills_by_its_own_grace_and_with_the_hook(node: SimulatedNode) -> None:
    commands = Commands(node)
    commands.codes["alive"] = 1
    probe = {"exec": {"command": ["alive"]}, "failureThreshold": 1, "terminationGracePeriodSeconds": 7}
    lifecycle = {"preStop": GOOD_BYE}
    text = manifest("web", terminationGracePeriodSeconds=30, container={"livenessProbe": probe, "lifecycle": lifecycle})
    node.write("web.yaml", text)
    await node.until("it was killed", lambda: node.restarts("web") == 1 if node.containers("web") else False)
    first = next(c for c in node.containers("web") if c.config.metadata.attempt == 0)
    assert first.graces == [7]
    assert commands.of(first) == ["alive", "good-bye"]


async def test_a_request_goes_to_the_node_where_the_pod_shares_its_network(node: SimulatedNode) -> None:
    """The kubelet has no address of such a pod, and fails; HTTPS that is answered in plain is asked again."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.read(65536))
        writer.write(b"HTTP/1.1 500 X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        request = {"httpGet": {"port": port, "path": "/bye", "scheme": "HTTPS"}}
        node.write("web.yaml", manifest("web", **pod_with(preStop=request)))
        await node.running_pod("web")
        node.remove("web.yaml")
        await node.gone("web")
    assert [head.split(b"\r\n")[0] for head in asked[1:]] == [b"GET /bye HTTP/1.1"]
    assert "answered over HTTP" in node.events("LifecycleHTTPFallback")[0]
    assert not node.events("FailedPreStopHook")


async def test_a_pod_that_makes_room_says_good_bye(node: SimulatedNode) -> None:
    commands = Commands(node)
    lifecycle = {"preStop": GOOD_BYE}
    small = {"lifecycle": lifecycle, "resources": {"requests": {"memory": "3Gi"}}}
    node.write("web.yaml", manifest("web", container=small))
    first = await node.running_pod("web")
    large = {"resources": {"requests": {"memory": "3Gi"}}}
    node.write("db.yaml", manifest("db", container=large, priorityClassName="system-node-critical"))
    await node.running_pod("db")
    assert commands.of(first) == ["good-bye"]


async def test_a_new_sandbox_comes_after_the_hooks(node: SimulatedNode) -> None:
    commands = Commands(node)
    node.write("web.yaml", manifest("web", **pod_with(preStop=GOOD_BYE)))
    first = await node.running_pod("web")
    node.write("web.yaml", manifest("web", hostname="other", **pod_with(preStop=GOOD_BYE)))
    await node.until("it runs in another", lambda: [c for c in node.alive("web") if c.sandbox is not first.sandbox])
    assert commands.of(first) == ["good-bye"]


async def test_a_hook_that_can_ask_nobody_keeps_no_container_from_being_stopped(node: SimulatedNode) -> None:
    request = {"httpGet": {"port": 80, "host": "no..name"}}
    node.write("web.yaml", manifest("web", **pod_with(preStop=request)))
    await node.running_pod("web")
    node.remove("web.yaml")
    await node.gone("web")
    assert "it is no host name" in node.events("FailedPreStopHook")[0]
