"""The machine goes down by logind: pods end first, in their order; and it may be called off. Time is scaled down."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import pytest

from podstead.daemon import departing
from podstead.daemon.agent import Agent
from podstead.logind import inhibitor
from podstead.store.changes import NODES
from podstead.systemd.notify import Notifier
from tests.functional.manifests import manifest
from tests.simulators.cri_world import Program
from tests.simulators.login1 import BusDaemon, SimulatedLogin

from .test_closing import CRITICAL, after, note_stops

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.functional.node import SimulatedNode

PODS = ("mysql", "db", "web")
TOLD = "Pod was terminated in response to imminent node shutdown."


@pytest.fixture
async def daemon(root: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[BusDaemon]:
    made = BusDaemon(root)
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", made.address)
    for name, seconds in (("LOOK_SECONDS", 0.2), ("RETRY_SECONDS", 0.05), ("RELOADED_SECONDS", 0.3)):
        monkeypatch.setattr(inhibitor, name, seconds)
    monkeypatch.setattr(inhibitor, "DROP_IN", root / "conf.d" / "99-podstead.conf")
    await made.start()
    yield made
    made.stop()


@pytest.fixture
async def login(daemon: BusDaemon, root: Path) -> AsyncIterator[SimulatedLogin]:
    """What the node finds when it starts; `node` comes after it."""
    made = SimulatedLogin(root / "conf.d")
    await made.start(daemon.address)
    yield made
    made.close()


@pytest.fixture
async def pods(login: SimulatedLogin, node: SimulatedNode) -> SimulatedNode:
    """A node with a critical pod, one that others need, and one that needs it; its lock is held."""
    for name in PODS:
        node.runtime.programs[name] = Program(term_seconds=0.2)
    node.write("mysql.yaml", manifest("mysql", priorityClassName=CRITICAL))
    node.write("db.yaml", manifest("db"))
    node.write("web.yaml", after("web", "db"))
    for name in PODS:
        await node.running_pod(name)
    await node.until("the lock is held", lambda: login.held == 1)
    return node


def ready(node: SimulatedNode) -> tuple[str | None, str | None, str | None]:
    found = node.ground.stores.objects.get(NODES, "", "node1")
    assert found is not None
    assert found.status is not None
    (condition,) = [c for c in found.status.conditions if c.type == "Ready"]
    return condition.status, condition.reason, condition.message


def message(node: SimulatedNode, name: str) -> str:
    pod = node.pod(name)
    assert pod is not None
    assert pod.status is not None
    return pod.status.message or ""


def waits(node: SimulatedNode) -> int:
    """Return how often it was told that a pod starts after others."""
    listed = node.ground.stores.events.list()
    return sum(event.count or 1 for event in listed if event.reason == "WaitingForPods")


async def test_the_machine_waits_until_every_pod_has_ended(pods: SimulatedNode, login: SimulatedLogin) -> None:
    node, stops = pods, note_stops(pods)
    assert ready(node)[0] == "True"
    login.begin()
    await node.until("it is told", lambda: ready(node) == ("False", "NodeShutdown", "node is shutting down"))
    node.write("late.yaml", manifest("late"))
    await node.until("the machine may go down", lambda: login.held == 0)
    assert not any(node.sandboxes(name, ready=True) for name in PODS)
    assert [name for name, _ in stops] == ["web", "db", "mysql"]
    assert {(node.stuck(name), message(node, name)) for name in PODS} == {("Terminated", TOLD)}
    await node.until("it is seen", lambda: node.pod("late") is not None)
    assert (node.stuck("late"), node.sandboxes("late")) == ("NodeShutdown", [])
    assert message(node, "late") == "Pod was rejected as the node is shutting down."
    assert any("the machine goes down" in text for text in node.events("Shutdown"))
    pod = node.pod("mysql")
    assert pod is not None
    assert pod.status is not None
    assert [c.message for c in pod.status.conditions if c.type == "DisruptionTarget"] == [TOLD]

    await node.stop()
    login.call_off()  # what the machine says after its boot
    await node.start()
    for name in (*PODS, "late"):
        await node.running_pod(name)
    assert [node.restarts(name) for name in (*PODS, "late")] == [1, 1, 1, 0]
    node.check()


async def test_pods_come_back_in_their_order_when_it_is_called_off(pods: SimulatedNode, login: SimulatedLogin) -> None:
    node = pods
    login.begin()
    await node.until("all have ended", lambda: login.held == 0)
    node.write("late.yaml", manifest("late"))
    await node.until("it is seen", lambda: node.pod("late") is not None)
    login.call_off()
    for name in (*PODS, "late"):
        await node.running_pod(name, 10.0)
    await node.until("the lock is held again", lambda: login.held == 1)
    await node.until("the node is ready", lambda: ready(node)[0] == "True")
    assert waits(node) == 2  # at first, and again
    assert node.events("ShutdownCancelled")
    node.check()


async def test_called_off_in_the_midst_of_it_the_rest_stays(pods: SimulatedNode, login: SimulatedLogin) -> None:
    node = pods
    (mysql,) = node.alive("mysql")
    stops = note_stops(node)
    login.begin()
    await node.until("the first is told to stop", lambda: stops)
    login.call_off()
    for name in PODS:
        await node.running_pod(name, 10.0)
    assert node.alive("mysql") == [mysql]
    assert login.held == 1
    node.check()


async def test_an_agent_that_comes_while_the_machine_goes_down_ends_the_pods_too(
    pods: SimulatedNode, login: SimulatedLogin
) -> None:
    node = pods
    await node.crash()
    login.begin()
    await node.start()
    await node.until("all have ended", lambda: not any(node.sandboxes(name, ready=True) for name in PODS), 10.0)


async def test_logind_is_asked_to_wait_as_long_as_the_pods_need(pods: SimulatedNode, login: SimulatedLogin) -> None:
    before = pods.parts.departing.closing.needed_seconds()
    pods.write("slow.yaml", manifest("slow", terminationGracePeriodSeconds=80))
    await pods.running_pod("slow")
    needed = pods.parts.departing.closing.needed_seconds()
    # It ends together with web, which has its 2 s, and before db and mysql.
    assert needed == before + 78
    await pods.until("it waits", lambda: login.delay_seconds == 120.0)
    assert 90 < needed <= 120
    said = "logind waits until pods have ended in their order, 120 s at most"
    await pods.until("status says so", lambda: pods.parts.departing.sentence() == said)


@pytest.mark.parametrize("goes_down", [True, False])
async def test_terminated_at_the_very_end_of_the_machine_it_ends_its_pods_first(
    node: SimulatedNode, root: Path, monkeypatch: pytest.MonkeyPatch, *, goes_down: bool
) -> None:
    monkeypatch.setattr(departing, "_is_going_down", lambda: goes_down)
    node.write("web.yaml", manifest("web"))
    await node.running_pod("web")
    told = root / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(told))
        await terminate(node, Notifier(address=str(told)))
        words = manager.recv(1000).decode()
    assert bool(node.alive("web")) is not goes_down
    assert words == "EXTEND_TIMEOUT_USEC=30000000"


async def terminate(node: SimulatedNode, notifier: Notifier) -> None:
    agent = Agent(node.settings, node.ground.instance, node.ground.clock, notifier)
    agent._departing = node.parts.departing
    agent.terminate()
    async with asyncio.timeout(10):
        await agent._stopping.wait()
