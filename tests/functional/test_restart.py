"""The agent ends at any moment and another one goes on: one container a name, no orphan, nothing counted."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from podstead.cri._pb import cri_pb2 as pb
from podstead.cri.errors import CallError, Code
from podstead.store.facts import DIRECTORY_PATH
from podstead.store.files import StoreError
from tests.functional.manifests import IMAGE, OTHER_IMAGE, manifest
from tests.simulators.cri_images import full_reference
from tests.simulators.cri_runtime import Moment
from tests.simulators.cri_world import Program

if TYPE_CHECKING:
    from pathlib import Path

    from google.protobuf.message import Message

    from tests.functional.node import SimulatedNode

STARTING = ("RunPodSandbox", "CreateContainer", "StartContainer")


class Crash(BaseException):
    """The agent ends here."""


def crash_at(node: SimulatedNode, moment: Moment, method: str) -> None:
    """Let the agent die around the next call of this method."""

    def hook(when: Moment, name: str, _: Message) -> None:
        if when is moment and name == method:
            node.runtime.hook = None
            raise Crash

    node.runtime.hook = hook


async def died(node: SimulatedNode) -> None:
    """Wait for the crash, and clear away what an ended process would leave to the system."""
    await node.ended(5.0)
    await node.crash()
    assert node.died is not None


@pytest.mark.parametrize("moment", list(Moment))
@pytest.mark.parametrize("method", STARTING)
async def test_a_crash_in_a_start(node: SimulatedNode, moment: Moment, method: str) -> None:
    crash_at(node, moment, method)
    node.write("web.yaml", manifest("web", host_network=False))
    await died(node)
    await node.start()
    await node.running_pod("web")
    assert node.restarts("web") == 0
    assert len(node.sandboxes("web")) == 1
    assert len(node.containers("web")) == 1
    node.check()


@pytest.mark.parametrize("moment", list(Moment))
@pytest.mark.parametrize("method", ["StopContainer", "CreateContainer", "StartContainer"])
async def test_a_crash_in_an_edit(node: SimulatedNode, moment: Moment, method: str) -> None:
    node.write("web.yaml", manifest("web"))
    await node.running_pod("web")
    crash_at(node, moment, method)
    node.write("web.yaml", manifest("web", image=OTHER_IMAGE))
    await died(node)
    await node.start()
    wanted = node.runtime.images.find(OTHER_IMAGE)
    assert wanted is not None
    await node.until("edited", lambda: [c.image_ref for c in node.alive("web")] == [wanted.id])
    await node.until("said", lambda: node.phase("web") == "Running")
    assert node.restarts("web") == 0
    node.check()


@pytest.mark.parametrize("moment", list(Moment))
@pytest.mark.parametrize("method", ["StopContainer", "StopPodSandbox", "RemovePodSandbox"])
async def test_a_crash_in_a_removal(node: SimulatedNode, moment: Moment, method: str) -> None:
    node.write("web.yaml", manifest("web"))
    await node.running_pod("web")
    crash_at(node, moment, method)
    node.remove("web.yaml")
    await died(node)
    await node.start()
    await node.until("ended", lambda: not list((node.settings.paths.state / "records").glob("*.json")))
    assert not node.runtime.world.containers
    assert not node.runtime.world.sandboxes


@pytest.mark.parametrize("moment", list(Moment))
@pytest.mark.parametrize("method", ["StopPodSandbox", "RunPodSandbox", "CreateContainer"])
async def test_a_crash_in_an_edit_of_the_whole_pod(node: SimulatedNode, moment: Moment, method: str) -> None:
    node.write("web.yaml", manifest("web"))
    first = await node.running_pod("web")
    crash_at(node, moment, method)
    node.write("web.yaml", manifest("web", hostname="another"))
    await died(node)
    await node.start()
    await node.until("in another sandbox", lambda: [c for c in node.alive("web") if c.sandbox is not first.sandbox])
    await node.until("said", lambda: node.phase("web") == "Running")
    assert node.restarts("web") == 0
    assert len(node.sandboxes("web", ready=True)) == 1
    node.check()


async def test_every_crash_of_one_start(node: SimulatedNode) -> None:
    """One agent after another dies, each when it has made the next call of a pod's start."""
    node.write("web.yaml", manifest("web", host_network=False))
    for method in STARTING:
        crash_at(node, Moment.AFTER, method)
        if not node.running:
            await node.start()
        await died(node)
    await node.start()
    container = await node.running_pod("web")
    assert node.restarts("web") == 0
    assert container.config.metadata.attempt == 0
    node.check()
    node.remove("web.yaml")
    await node.gone("web")
    assert not node.runtime.world.sandboxes


async def test_a_reboot(node: SimulatedNode) -> None:
    node.write("web.yaml", manifest("web", host_network=False))
    first = await node.running_pod("web")
    await node.stop()
    node.runtime.reboot()
    await node.start()
    await node.until("in another sandbox", lambda: [c for c in node.alive("web") if c.sandbox is not first.sandbox])
    await node.until("counted", lambda: node.phase("web") == "Running" and node.restarts("web") == 1)
    assert len(node.sandboxes("web", ready=True)) == 1
    node.check()


async def test_what_waits_for_room_goes_on_waiting(node: SimulatedNode) -> None:
    port = {"ports": [{"containerPort": 8080}]}
    node.write("web.yaml", manifest("web", container=port))
    first = await node.running_pod("web")
    node.write("late.yaml", manifest("late", container=port))
    await node.until("it waits", lambda: node.phase("late") == "Pending")
    await node.stop()
    calls = len(node.runtime.calls)
    await node.start()
    await node.until("it is known", lambda: node.phase("late") == "Pending")
    await asyncio.sleep(0.5)
    assert "RunPodSandbox" not in node.runtime.calls[calls:]
    assert node.session("late").record.effective is None
    node.remove("web.yaml")
    await node.running_pod("late")
    assert first.state == pb.CONTAINER_EXITED


async def test_a_service_comes_back_though_its_registry_is_away(node: SimulatedNode) -> None:
    node.write("web.yaml", manifest("web", container={"imagePullPolicy": "Always"}))
    first = await node.running_pod("web")
    await node.stop()
    node.runtime.images.errors[full_reference(IMAGE)] = CallError(Code.UNKNOWN, "dial tcp: i/o timeout")
    await node.start()
    await node.running_pod("web")
    node.runtime.exit_container(first.id, 1)
    await node.another("web", first)


async def test_revisions_that_were_lost_are_read_from_the_manifest(node: SimulatedNode) -> None:
    node.write("web.yaml", manifest("web"))
    first = await node.running_pod("web")
    await node.stop()
    shutil.rmtree(node.settings.paths.state / "revisions")
    await node.start()
    await node.until("known", lambda: node.phase("web") == "Running")
    node.runtime.exit_container(first.id, 1)
    await node.another("web", first)
    assert list((node.settings.paths.state / "revisions").rglob("*.yaml"))


async def test_records_that_were_lost_end_no_service(node: SimulatedNode) -> None:
    node.write("web.yaml", manifest("web"))
    first = await node.running_pod("web")
    await node.stop()
    shutil.rmtree(node.settings.paths.state / "records")
    await node.start()
    assert await node.running_pod("web") is first
    await node.until("claimed", lambda: node.session("web").record.claim.file == "web.yaml")
    assert node.restarts("web") == 0


async def test_an_incarnation_of_which_nothing_is_known_ends_before_the_next_begins(node: SimulatedNode) -> None:
    node.runtime.programs["web"] = Program(term_seconds=0.6)
    node.write("web.yaml", manifest("web"))
    first = await node.running_pod("web")
    await node.stop()
    for lost in ("records", "revisions"):
        shutil.rmtree(node.settings.paths.state / lost)
    await node.start()

    def another() -> bool:
        alive = [c for c in node.alive("web") if c.id != first.id]
        assert not alive or first.state == pb.CONTAINER_EXITED, "two of them at once"
        return bool(alive)

    await node.until("another incarnation", another)
    await node.until("said", lambda: node.phase("web") == "Running")
    await node.until("the old one is gone", lambda: len(node.sandboxes("web")) == 1)
    assert node.pod("web") is not None
    node.check()


async def test_a_full_disk_keeps_no_adopted_pod_from_running(
    node: SimulatedNode, monkeypatch: pytest.MonkeyPatch, root: Path
) -> None:
    node.write("web.yaml", manifest("web"))
    first = await node.running_pod("web")
    await node.stop()
    shutil.rmtree(node.settings.paths.state / "records")

    async def put(_: object, *written: object, **more: object) -> None:
        raise StoreError("write", root, "No space left on device")

    monkeypatch.setattr("podstead.store.records.RecordStore.put", put)
    monkeypatch.setattr("podstead.store.revisions.RevisionStore.put", put)
    await node.start()
    assert await node.running_pod("web") is first
    node.runtime.exit_container(first.id, 1)
    await node.another("web", first)
    node.write("new.yaml", manifest("new"))
    await node.until("said", lambda: node.parts.board.problem is not None)
    assert node.pod("new") is None
    monkeypatch.undo()
    await node.running_pod("new", 8.0)


def transition_times(node: SimulatedNode) -> dict[str, str]:
    """Return since when each of the pod's conditions holds, as the API shows it."""
    pod = node.pod("web")
    conditions = pod.status.conditions if pod is not None and pod.status is not None else ()
    return {c.type: c.last_transition_time or "" for c in conditions if c.status == "True"}


async def test_conditions_hold_since_the_pod_s_start_and_not_the_agent_s(node: SimulatedNode) -> None:
    node.write("web.yaml", manifest("web"))
    await node.running_pod("web")
    await node.until("it is ready", lambda: "Ready" in transition_times(node))
    before, history = transition_times(node), node.session("web").history
    assert await node.ground.stores.database.flush(5.0)
    await node.crash()
    await asyncio.sleep(1.1)  # the API's times are whole seconds

    await node.start()
    await node.until("it is shown", lambda: transition_times(node).keys() == before.keys())
    assert transition_times(node) == before
    assert node.session("web").history == history, "what has not changed is not written"

    first = node.alive("web")[0]
    await asyncio.sleep(1.1)
    node.runtime.exit_container(first.id, 1)
    await node.another("web", first)
    await node.until("it is ready again", lambda: transition_times(node).get("Ready", "") > before["Ready"])
    assert transition_times(node)["PodScheduled"] == before["PodScheduled"]
    uid = node.session("web").uid
    node.remove("web.yaml")
    await node.gone("web")
    await node.until("it is forgotten", lambda: uid not in node.ground.stores.history.load_all())


async def test_another_directory_that_root_configures_is_taken_from_and_ends_nothing(node: SimulatedNode) -> None:
    for name in ("moved", "left"):
        node.write(f"{name}.yaml", manifest(name))
    first, left = await node.running_pod("moved"), await node.running_pod("left")
    await node.until("the directory is remembered", lambda: node.ground.stores.facts.get(DIRECTORY_PATH), 10.0)
    await node.stop()
    before, node.directory = node.directory, node.directory.with_name("elsewhere")
    node.directory.mkdir()
    shutil.copy(before / "moved.yaml", node.directory)
    assert node.settings.source is not None
    node.settings = replace(node.settings, source=replace(node.settings.source, path=node.directory))
    await node.start()
    node.write("new.yaml", manifest("new"))
    await node.running_pod("new")
    assert await node.running_pod("moved") is first
    assert await node.running_pod("left") is left
    assert node.parts.directory is not None
    node.parts.directory.accept_directory()
    await node.gone("left")
    await node.until("that is remembered", lambda: node.ground.stores.facts.get(DIRECTORY_PATH) == str(node.directory))
    assert await node.running_pod("moved") is first
