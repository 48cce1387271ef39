"""What somebody makes in the runtime behind the agent's back, on the real loops."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from podstead.config.security import SecuritySettings
from podstead.containerd.holdings import METADATA, TASKS
from podstead.containerd.private import PrivateContainerd
from podstead.cri._pb import cri_pb2 as pb
from podstead.cri.errors import CallError, Code
from podstead.daemon import foreign, housekeeping
from podstead.k8s import labels
from podstead.state.runtime import SANDBOX_DEADLINES
from tests.functional.manifests import IMAGE, manifest
from tests.functional.node import SimulatedNode
from tests.simulators.cri_images import make_image
from tests.simulators.cri_runtime import Moment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from google.protobuf.message import Message

    from tests.simulators.cri_runtime import SimulatedRuntime

LOOK_SECONDS = 0.05


class PrivateNode(SimulatedNode):
    """A node whose runtime counts as its own; `changed` is what containerd's database says by its time."""

    def changed(self) -> None:
        file = self.settings.paths.containerd / "root" / METADATA
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        later = file.stat().st_mtime_ns + 1
        os.utime(file, ns=(later, later))

    async def intrude(self, **said: str) -> tuple[str, str]:
        """Make a sandbox and a container by bare calls; returns their ids."""
        metadata = pb.PodSandboxMetadata(name="intruder", namespace="default", uid="copied", attempt=0)
        config = pb.PodSandboxConfig(metadata=metadata, labels=said)
        box = await self.runtime.call("RunPodSandbox", pb.RunPodSandboxRequest(config=config))
        made = pb.ContainerConfig(
            metadata=pb.ContainerMetadata(name="main", attempt=0), image=pb.ImageSpec(image=IMAGE), labels=said
        )
        request = pb.CreateContainerRequest(pod_sandbox_id=box.pod_sandbox_id, config=made, sandbox_config=config)
        one = await self.runtime.call("CreateContainer", request)
        await self.runtime.call("StartContainer", pb.StartContainerRequest(container_id=one.container_id))
        self.changed()
        return box.pod_sandbox_id, one.container_id

    def run_past_the_interface(self, namespace: str, name: str) -> None:
        """Let a task be there that CRI does not list, as by containerd's own tool."""
        self.runtime.world.lost_tasks.add(name, namespace)
        (self.settings.paths.containerd_run / "state" / TASKS / namespace / name).mkdir(parents=True)

    def problem(self) -> str:
        found = [p.message for p in self.ground.state.problems if p.reason == "ForeignInRuntime"]
        return found[0] if found else ""


@pytest.fixture
async def node(root: Path, runtime: SimulatedRuntime, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PrivateNode]:
    monkeypatch.setattr(foreign, "LOOK_SECONDS", LOOK_SECONDS)
    monkeypatch.setattr(housekeeping, "PERIOD_SECONDS", 0.3)
    private = object.__new__(PrivateContainerd)
    monkeypatch.setattr(PrivateContainerd, "trim_log", lambda _: asyncio.sleep(0))
    made = PrivateNode(root, runtime)
    made.private = private
    made.changed()
    yield made
    if made.present:
        await made.stop()


def told(node: PrivateNode, reason: str, what: str) -> bool:
    return any(what[:12] in text for text in node.events(reason))


@pytest.mark.attack("foreign-container")
@pytest.mark.parametrize("stop", [False, True])
async def test_a_pod_made_at_the_socket_is_told_of_and_stopped_if_asked(node: PrivateNode, *, stop: bool) -> None:
    node.settings = replace(node.settings, security=SecuritySettings(stop_foreign=stop))
    await node.start()
    node.write("db.yaml", manifest("db"))
    database = await node.running_pod("db")
    sandbox, container = await node.intrude()
    await node.until("the pod is told of", lambda: told(node, "ForeignPod", sandbox))
    await node.until("its container is", lambda: told(node, "ForeignContainer", container))
    await node.until("the node says so", lambda: container[:12] in node.problem())
    if stop:
        await node.until("it is stopped", lambda: node.runtime.world.containers[container].state == pb.CONTAINER_EXITED)
        await node.until("that is told", lambda: told(node, "ForeignStopped", container))
        assert sandbox in node.runtime.world.sandboxes, "nothing is removed"
    else:
        assert node.runtime.world.containers[container].state == pb.CONTAINER_RUNNING
        assert node.events("ForeignStopped") == []
    assert node.alive("db") == [database]
    await node.runtime.call("RemovePodSandbox", pb.RemovePodSandboxRequest(pod_sandbox_id=sandbox))
    node.changed()
    await node.until("it is gone", lambda: not node.problem())


@pytest.mark.attack("foreign-container")
async def test_a_task_that_cri_does_not_list_is_killed_if_asked(
    node: PrivateNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the CRI's own namespace only when it has been there for long: CRI lists its own a moment late."""
    monkeypatch.setattr(foreign, "SANDBOX_DEADLINES", 1.5 / node.settings.runtime.request_seconds)
    node.settings = replace(node.settings, security=SecuritySettings(stop_foreign=True))
    await node.start()
    node.run_past_the_interface("other", "bare")
    node.run_past_the_interface("k8s.io", "hidden")
    tasks = node.runtime.world.lost_tasks
    await node.until("the one is killed at once", lambda: tasks.killed == {("other", "bare")})
    await node.until("the other is told of", lambda: any("k8s.io/hidden" in t for t in node.events("ForeignContainer")))
    assert not any("k8s.io/hidden" in text for text in node.events("ForeignStopped"))
    await node.until("it is killed when it has stayed", lambda: len(tasks.killed) == 2)
    await node.until("both are told", lambda: len(node.events("ForeignStopped")) == 2)
    await asyncio.sleep(10 * LOOK_SECONDS)
    assert len(node.events("ForeignStopped")) == 2, "once each"


@pytest.mark.attack("foreign-container")
async def test_a_task_does_not_hide_behind_the_name_of_another(node: PrivateNode) -> None:
    await node.start()
    for namespace in ("one", "other"):
        node.run_past_the_interface(namespace, "bare")
    await node.until("both are told of", lambda: all(f"{n}/bare" in node.problem() for n in ("one", "other")))


@pytest.mark.attack("foreign-container")
async def test_copied_labels_prove_nothing(node: PrivateNode) -> None:
    await node.start()
    node.write("db.yaml", manifest("db"))
    database = await node.running_pod("db")
    (uid,) = [session.uid for session in node.parts.table.sessions()]
    said = {labels.INSTANCE: node.ground.instance.id, labels.POD_UID: "copied", labels.REVISION: "0" * 16}
    sandbox, _ = await node.intrude(**said)
    await node.until("it is told of", lambda: told(node, "ForeignPod", sandbox))
    assert "this agent did not make it" in node.events("ForeignPod")[0]
    assert node.alive("db") == [database]
    assert [session.uid for session in node.parts.table.sessions() if session.key.name == "db-node1"] == [uid]


class Killed(BaseException):
    """The agent ends in a call: the request is with the runtime, which answers it later."""


@pytest.mark.parametrize("method", ["RunPodSandbox", "CreateContainer"])
async def test_what_a_dead_agent_s_call_makes_later_is_ours(node: PrivateNode, method: str) -> None:
    node.settings = replace(node.settings, security=SecuritySettings(stop_foreign=True))
    await node.start()
    asked: list[Message] = []

    def kill(moment: Moment, name: str, request: Message) -> None:
        if moment is Moment.BEFORE and name == method:
            asked.append(request)
            raise Killed

    node.runtime.hook = kill
    node.write("db.yaml", manifest("db"))
    await node.until("the call is made", lambda: asked)
    await node.crash()
    first = Counter(node.runtime.calls)["ListImages"]
    node.runtime.hook = lambda moment, name, request: hold(moment, name, method)
    await node.start()
    node.changed()
    await node.until("the next agent has looked", lambda: Counter(node.runtime.calls)["ListImages"] > first + 1)
    node.runtime.hook = None
    reply = await node.runtime.call(method, asked[0])
    late = reply.pod_sandbox_id if method == "RunPodSandbox" else reply.container_id
    node.changed()
    await node.running_pod("db", 20.0)
    await asyncio.sleep(10 * LOOK_SECONDS)
    for reason in ("ForeignPod", "ForeignContainer", "ForeignStopped"):
        assert node.events(reason) == []
    copied = {labels.INSTANCE: node.ground.instance.id, labels.POD_UID: node.session("db").uid}
    sandbox, container = await node.intrude(**copied)
    await node.until("a copy is told of", lambda: told(node, "ForeignPod", sandbox))
    await node.until("with its container", lambda: told(node, "ForeignContainer", container))
    assert not told(node, "ForeignPod", late)
    assert not told(node, "ForeignContainer", late)


async def test_a_dead_agent_s_call_is_not_awaited_for_ever(node: PrivateNode) -> None:
    """After the deadline of a call, what bears the note of one is a copy."""
    node.settings = replace(node.settings, runtime=replace(node.settings.runtime, request_seconds=0.5))
    await node.start()
    asked: list[Message] = []

    def kill(moment: Moment, name: str, request: Message) -> None:
        if moment is Moment.BEFORE and name == "RunPodSandbox":
            asked.append(request)
            raise Killed

    node.runtime.hook = kill
    node.write("db.yaml", manifest("db"))
    await node.until("the call is made", lambda: asked)
    await node.crash()
    node.runtime.hook = lambda moment, name, request: hold(moment, name, "RunPodSandbox")
    await node.start()
    await asyncio.sleep(SANDBOX_DEADLINES * 0.5 + 0.1)
    node.runtime.hook = None
    sandbox = (await node.runtime.call("RunPodSandbox", asked[0])).pod_sandbox_id
    node.changed()
    await node.until("it is told of", lambda: told(node, "ForeignPod", sandbox))


def hold(moment: Moment, name: str, method: str) -> None:
    """Let the next agent's own calls fail until the late one has come."""
    if moment is Moment.BEFORE and name == method:
        raise CallError(Code.UNKNOWN, "not yet")


async def test_nothing_of_our_own_is_ever_foreign(node: PrivateNode) -> None:
    """Pods that start, crash, change and go, over a crash of the agent."""
    node.settings = replace(node.settings, security=SecuritySettings(stop_foreign=True))
    await node.start()
    for number in range(5):
        node.write(f"web{number}.yaml", manifest(f"web{number}"))
        node.changed()
    for number in range(5):
        await node.running_pod(f"web{number}")
        node.changed()
    node.runtime.exit_container(node.alive("web0")[0].id, 1)
    node.remove("web1.yaml")
    await node.crash()
    await node.start()
    node.changed()
    await node.gone("web1")
    node.write("web1.yaml", manifest("web1"))
    for number in range(5):
        await node.running_pod(f"web{number}", 20.0)
        node.changed()
    await asyncio.sleep(10 * LOOK_SECONDS)
    for reason in ("ForeignPod", "ForeignContainer", "ForeignImage", "ForeignStopped"):
        assert node.events(reason) == []
    assert not node.problem()


@pytest.mark.attack("foreign-container")
async def test_an_image_that_nobody_pulled_is_told_of(node: PrivateNode) -> None:
    await node.start()
    await node.until("the images are counted", lambda: node.parts.upkeep.needs.ledger.known() is not None)
    node.runtime.images.offer(make_image("registry.test/later:1"))
    node.write("later.yaml", manifest("later", container={"image": "registry.test/later:1"}))
    node.changed()
    await node.running_pod("later")
    planted = make_image("registry.test/planted:1")
    node.runtime.images.add(planted)
    node.changed()
    await node.until("it is told of", lambda: node.events("ForeignImage"))
    assert [("planted" in text, "later" in text) for text in node.events("ForeignImage")] == [(True, False)]


async def test_an_idle_runtime_is_not_asked(node: PrivateNode) -> None:
    await node.start()
    node.write("web.yaml", manifest("web"))
    await node.running_pod("web")
    await asyncio.sleep(20 * LOOK_SECONDS)
    before = Counter(node.runtime.calls)
    await asyncio.sleep(40 * LOOK_SECONDS)
    made = Counter(node.runtime.calls) - before
    assert not [name for name in made if name.startswith("List")], made
