"""Health-gated updates and rollbacks: what comes back, what stays, and what a crash in the middle changes (nothing)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from podstead.cri._pb import cri_pb2 as pb
from podstead.errors import OperatorError
from podstead.identity import PodKey
from podstead.state.updates import KEPT_TURNS
from podstead.store.files import StoreError
from podstead.store.revisions import KEPT_REVISIONS
from tests.functional.manifests import IMAGE, OTHER_IMAGE, manifest
from tests.simulators.cri_faults import Fault
from tests.simulators.cri_images import make_image

if TYPE_CHECKING:
    from podstead.k8s import core_v1 as v1
    from podstead.state.records import PodRecord
    from tests.functional.node import SimulatedNode
    from tests.simulators.cri_world import SimulatedContainer

THIRD_IMAGE = "registry.test/app:3"
KEY = PodKey("default", "web-node1")
DEADLINE = "1"
PROBE = {"exec": {"command": ["check"]}, "periodSeconds": 1, "failureThreshold": 1}


class Health:
    """Which images have a program whose readiness probe succeeds."""

    def __init__(self, node: SimulatedNode, *healthy: str) -> None:
        self._node = node
        self.healthy = {*healthy}
        node.runtime.world.exec_handler = self._run

    async def _run(self, container: SimulatedContainer, command: tuple[str, ...]) -> pb.ExecSyncResponse:
        image = container.config.image.user_specified_image or container.config.image.image
        tags = {image} | {tag for found in [self._node.runtime.images.find(image)] if found for tag in found.repo_tags}
        good = bool(tags & self.healthy) and command != ("never",)
        return pb.ExecSyncResponse(exit_code=0 if good else 1)


def gated(image: str, deadline: str = DEADLINE, probe: dict[str, Any] | None = None) -> str:
    annotations = {"podstead.io/progress-deadline-seconds": deadline} if deadline else {}
    return manifest(
        "web", image=image, metadata={"annotations": annotations}, container={"readinessProbe": probe or PROBE}
    )


def record(node: SimulatedNode) -> PodRecord:
    return node.session("web").record


def condition(node: SimulatedNode, kind: str) -> v1.PodCondition | None:
    pod = node.pod("web")
    assert pod is not None
    assert pod.status is not None
    return next((c for c in pod.status.conditions if c.type == kind), None)


def is_ready(node: SimulatedNode) -> bool:
    found = condition(node, "Ready") if node.pod("web") is not None else None
    return found is not None and found.status == "True"


def runs(node: SimulatedNode, image: str) -> bool:
    wanted = node.runtime.images.find(image)
    return wanted is not None and [c.image_ref for c in node.alive("web")] == [wanted.id]


async def ready_on(node: SimulatedNode, image: str, seconds: float = 8.0) -> None:
    await node.until(f"ready on {image}", lambda: runs(node, image) and is_ready(node), seconds)


async def crashed(node: SimulatedNode) -> None:
    """Let the agent die and another one go on."""
    await node.crash()
    await node.start()
    await node.until("it is known again", lambda: node.pod("web") is not None)


async def first_is_ready(node: SimulatedNode) -> Health:
    """Bring a gated pod up, and have it written down that it was ready."""
    health = Health(node, IMAGE)
    node.write("web.yaml", gated(IMAGE))
    await ready_on(node, IMAGE)
    await node.until("noted", lambda: record(node).last_ready == record(node).effective)
    return health


async def test_readiness_of_a_gated_pod_is_written_down_at_once(node: SimulatedNode) -> None:
    await first_is_ready(node)
    (stored,) = (await node.ground.stores.records.load()).records
    assert (stored.last_ready, stored.progress) == (stored.effective, None)
    assert condition(node, "podstead.io/Progressing") is None


async def test_an_update_that_is_not_ready_in_time_is_taken_back(node: SimulatedNode) -> None:
    health = await first_is_ready(node)
    first = record(node).effective
    node.write("web.yaml", gated(OTHER_IMAGE))
    await node.until("it runs", lambda: runs(node, OTHER_IMAGE))
    progressing = condition(node, "podstead.io/Progressing")
    assert progressing is not None
    assert progressing.status == "True"
    await ready_on(node, IMAGE)

    assert record(node).effective == first
    assert record(node).rollback is not None
    follows = condition(node, "podstead.io/FollowsFile")
    assert follows is not None
    assert (follows.status, follows.reason) == ("False", "ProgressDeadlineExceeded")
    assert [m for m in node.events("ProgressDeadlineExceeded") if "was not ready within 1 s: back to" in m]
    assert node.events("RolledBack")
    (report,) = node.parts.board.files()
    assert (report.verdict, report.running) == ("Accepted", first)
    assert "was not ready in its time" in report.messages[0].message
    assert node.restarts("web") == 0

    # It stays until the file says something else, whatever becomes of what failed; a rename is no edit.
    health.healthy.add(OTHER_IMAGE)
    (node.directory / "web.yaml").rename(node.directory / "renamed.yaml")
    await node.until("claimed", lambda: record(node).claim.file == "renamed.yaml")
    node.parts.table.retry_all()
    await asyncio.sleep(0.5)
    assert runs(node, IMAGE)
    assert record(node).effective == first
    node.write("renamed.yaml", gated(OTHER_IMAGE, deadline="2"))
    await ready_on(node, OTHER_IMAGE)
    assert record(node).rollback is None
    assert condition(node, "podstead.io/FollowsFile") is None
    node.check()


@pytest.mark.parametrize("before", ["promotion", "deadline", "fall back", "return"])
async def test_a_crash_anywhere_in_a_failed_update_changes_nothing(node: SimulatedNode, before: str) -> None:
    await first_is_ready(node)
    holds = {
        "promotion": lambda: record(node).candidate is not None or record(node).progress is not None,
        "deadline": lambda: runs(node, OTHER_IMAGE),
        "fall back": lambda: record(node).rollback is not None,
        "return": lambda: runs(node, IMAGE) and record(node).rollback is not None,
    }[before]
    node.write("web.yaml", gated(OTHER_IMAGE))
    await node.until(before, holds, 8.0)
    await crashed(node)
    await node.until("taken back", lambda: record(node).rollback is not None, 8.0)
    await ready_on(node, IMAGE)
    assert node.restarts("web") == 0
    await crashed(node)
    await ready_on(node, IMAGE)
    assert record(node).rollback is not None
    node.check()


async def test_a_first_revision_has_nothing_to_go_back_to(node: SimulatedNode) -> None:
    health = Health(node)
    node.write("web.yaml", gated(IMAGE))
    await node.until("said", lambda: node.events("ProgressDeadlineExceeded"))
    assert "no other was ready before it" in node.events("ProgressDeadlineExceeded")[0]
    await node.until("shown", lambda: (late := condition(node, "podstead.io/Progressing")) and late.status == "False")
    late = condition(node, "podstead.io/Progressing")
    assert late is not None
    assert late.reason == "ProgressDeadlineExceeded"
    (container,) = node.alive("web")
    await crashed(node)
    health = Health(node, *health.healthy)
    await asyncio.sleep(1.5)
    assert len(node.events("ProgressDeadlineExceeded")) == 1, "an agent that comes after does not say it again"
    health.healthy.add(IMAGE)
    await ready_on(node, IMAGE)
    assert node.alive("web") == [container]
    await node.until("noted", lambda: record(node).last_ready == record(node).effective)
    await node.until("no longer shown", lambda: condition(node, "podstead.io/Progressing") is None)


async def test_a_later_edit_wins(node: SimulatedNode) -> None:
    health = await first_is_ready(node)
    node.runtime.add_image(THIRD_IMAGE)
    health.healthy.add(THIRD_IMAGE)
    node.write("web.yaml", gated(OTHER_IMAGE))
    await node.until("it runs", lambda: runs(node, OTHER_IMAGE))
    node.write("web.yaml", gated(THIRD_IMAGE))
    await ready_on(node, THIRD_IMAGE)
    assert not node.events("RolledBack")
    assert record(node).rollback is None


async def test_an_edit_that_waits_for_its_image_does_not_keep_what_failed(node: SimulatedNode) -> None:
    """Neither does the time of the pull count for the edit, nor does it hold up what is ready."""
    health = await first_is_ready(node)
    first = record(node).effective
    node.write("web.yaml", gated(OTHER_IMAGE))
    await node.until("it runs", lambda: runs(node, OTHER_IMAGE))
    node.runtime.images.offer(make_image(THIRD_IMAGE))
    node.runtime.faults.add(Fault.SLOW, method="PullImage", seconds=3.0)
    node.write("web.yaml", gated(THIRD_IMAGE))
    await node.until("back meanwhile", lambda: record(node).effective == first and runs(node, IMAGE))
    assert record(node).candidate is not None
    assert record(node).rollback is None
    health.healthy.add(THIRD_IMAGE)
    await ready_on(node, THIRD_IMAGE)
    assert len(node.events("ProgressDeadlineExceeded")) == 1


async def test_a_probe_that_never_succeeds_is_no_update_that_is_ready(node: SimulatedNode) -> None:
    """Only the probe changes: the container runs on, still ready by the old one's verdict."""
    await first_is_ready(node)
    (container,) = node.alive("web")
    first = record(node).effective
    never = {"exec": {"command": ["never"]}, "periodSeconds": 1, "failureThreshold": 2}
    node.write("web.yaml", gated(IMAGE, probe=never))
    await node.until("effective", lambda: record(node).effective != first)
    await node.until("taken back", lambda: record(node).effective == first, 8.0)
    assert record(node).last_ready == first
    await ready_on(node, IMAGE)
    assert node.alive("web") == [container]


async def test_after_a_reboot_the_time_counts_from_anew(node: SimulatedNode) -> None:
    await first_is_ready(node)
    node.write("web.yaml", gated(OTHER_IMAGE, deadline="300"))
    await node.until("it runs", lambda: runs(node, OTHER_IMAGE))
    progress = record(node).progress
    assert progress is not None
    await crashed(node)
    await node.until("kept", lambda: record(node).progress == progress)
    node.ground.clock._boot_id = "another"  # type: ignore[attr-defined]  # a reboot that did not happen
    node.parts.table.wake_all()
    await node.until("anew", lambda: (p := record(node).progress) is not None and p.boot_id == "another")


# Root's part.


async def two_revisions(node: SimulatedNode, **changes: Any) -> None:
    node.write("web.yaml", manifest("web", **changes))
    await node.running_pod("web")
    node.write("web.yaml", manifest("web", image=OTHER_IMAGE, **changes))
    await node.until("the second runs", lambda: runs(node, OTHER_IMAGE) and not node.session("web").flights)


async def test_a_rollback_stays_until_the_file_changes(node: SimulatedNode) -> None:
    await two_revisions(node)
    text = await node.root.roll_back(KEY, "")
    assert "stays so until its file changes" in text
    await node.until("back", lambda: runs(node, IMAGE))
    report = node.root.pod(KEY)
    states = {r.id: r.states for r in await node.root.revisions(KEY)}
    assert states.keys() == {report.effective, report.passed_over}
    assert "Effective" in states[report.effective]
    assert "PassedOver" in states[report.passed_over]
    assert "was rolled back by root" in report.rollback
    await crashed(node)
    await node.until("kept", lambda: runs(node, IMAGE))
    await asyncio.sleep(0.3)
    assert runs(node, IMAGE)
    assert record(node).rollback is not None
    with pytest.raises(OperatorError, match="already"):
        await node.root.roll_back(KEY, report.effective)
    text = await node.root.roll_back(KEY, report.passed_over[:6])
    assert "follows its file again" in text
    await node.until("again", lambda: runs(node, OTHER_IMAGE) and record(node).rollback is None)
    assert node.restarts("web") == 0


async def test_a_rollback_needs_no_registry(node: SimulatedNode) -> None:
    """Also one to a revision whose policy is Always, by an agent that has pulled nothing yet."""
    await two_revisions(node, container={"imagePullPolicy": "Always"})
    await crashed(node)
    node.runtime.faults.add(Fault.REFUSED, method="PullImage", times=1000)
    await node.root.roll_back(KEY, "")
    await node.until("back", lambda: runs(node, IMAGE))
    assert not node.events("Failed")


async def test_what_cannot_be_rolled_back_to(node: SimulatedNode) -> None:
    node.write("web.yaml", manifest("web"))
    await node.running_pod("web")
    with pytest.raises(OperatorError, match="no earlier revision"):
        await node.root.roll_back(KEY, "")
    with pytest.raises(Exception, match="has no revision ffff"):
        await node.root.roll_back(KEY, "ffff")
    with pytest.raises(Exception, match="not found"):
        await node.root.roll_back(PodKey("default", "other"), "")


async def test_a_full_disk_refuses_and_changes_nothing(node: SimulatedNode) -> None:
    await two_revisions(node)
    await node.until("it is noted as ready", lambda: record(node).last_ready == record(node).effective)
    before = record(node)

    async def full(*_: object, **__: object) -> None:
        raise StoreError("write", node.settings.paths.state, "No space left on device")

    node.ground.stores.records.put = full  # type: ignore[method-assign]  # a full disk
    for order in (node.root.stop(KEY), node.root.restart(KEY, "")):
        with pytest.raises(StoreError):
            await order
    assert record(node) == before


async def test_a_stopped_pod_stays_so_over_crashes_and_edits(node: SimulatedNode) -> None:
    node.write("web.yaml", manifest("web"))
    await node.running_pod("web")
    await node.root.stop(KEY)
    await node.until("stopped", lambda: not node.alive("web") and not node.sandboxes("web", ready=True))
    pod = node.pod("web")
    assert pod is not None
    assert pod.status is not None
    assert (pod.status.phase, pod.status.reason) == ("Pending", "Stopped")
    assert node.waiting("web") == "Stopped"
    node.write("web.yaml", manifest("web", image=OTHER_IMAGE))
    await node.until("it waits", lambda: record(node).candidate is not None)
    await crashed(node)
    await asyncio.sleep(0.3)
    assert not node.alive("web")
    with pytest.raises(OperatorError, match="stopped"):
        await node.root.restart(KEY, "")
    await node.root.start(KEY)
    await node.until("the edit runs", lambda: runs(node, OTHER_IMAGE))
    assert node.restarts("web") == 0
    node.check()


async def test_a_stopped_pod_whose_file_goes_ends(node: SimulatedNode) -> None:
    node.write("web.yaml", manifest("web"))
    await node.running_pod("web")
    await node.root.stop(KEY)
    await node.until("stopped", lambda: not node.alive("web"))
    node.remove("web.yaml")
    await node.gone("web")


async def test_a_stopped_pod_gives_its_place_to_others(node: SimulatedNode) -> None:
    ports = {"ports": [{"containerPort": 8080, "hostPort": 8080}]}
    node.write("web.yaml", manifest("web", container=ports))
    await node.running_pod("web")
    node.write("other.yaml", manifest("other", container=ports))
    await node.until("it waits", lambda: node.phase("other") == "Pending")
    await node.root.stop(KEY)
    await node.running_pod("other", 8.0)
    await node.root.start(KEY)
    await node.until(
        "now this one waits", lambda: (p := node.pod("web")) and p.status and p.status.reason == "NodePorts"
    )
    assert not node.alive("web")
    node.remove("other.yaml")
    await node.running_pod("web", 8.0)
    assert node.restarts("web") == 0


async def test_a_restart_keeps_the_sandbox_and_counts_nothing(node: SimulatedNode) -> None:
    node.write("web.yaml", manifest("web"))
    first = await node.running_pod("web")
    (box,) = node.sandboxes("web")
    text = await node.root.restart(KEY, "")
    assert "container restarts: web" in text
    await node.until("another", lambda: (a := node.alive("web")) and a[0].id != first.id)
    assert node.sandboxes("web") == [box]
    await node.until("said", lambda: is_ready(node))
    assert node.restarts("web") == 0
    with pytest.raises(OperatorError, match="take one of web"):
        await node.root.restart(KEY, "none")


@pytest.mark.parametrize("moment", ["asked", "stopped"])
async def test_a_crash_in_a_restart_ends_in_one_restart(node: SimulatedNode, moment: str) -> None:
    node.write("web.yaml", manifest("web"))
    first = await node.running_pod("web")
    await node.root.restart(KEY, "")
    if moment == "stopped":
        await node.until("it stops", lambda: "StopContainer" in node.runtime.calls)
    await crashed(node)
    second = await node.another("web", first)
    await asyncio.sleep(0.3)
    assert node.alive("web") == [second]
    assert node.runtime.calls.count("StartContainer") == 2
    assert node.restarts("web") == 0


async def test_three_hundred_edits_in_a_row(node: SimulatedNode) -> None:
    """They end with the last content, and nothing of the others is left but what is kept of revisions."""
    for number in range(300):
        node.write("web.yaml", manifest("web", container={"env": [{"name": "N", "value": str(number)}]}))
        await asyncio.sleep(0.01)

    def last_runs() -> bool:
        return [{e.key: e.value for e in c.config.envs}.get("N") for c in node.alive("web")] == [b"299"]

    await node.until("the last one runs", lambda: last_runs() and not node.session("web").flights, 20.0)
    kept = node.settings.paths.state / "revisions"
    await node.until("tidied", lambda: len(list(kept.rglob("*.json"))) <= KEPT_REVISIONS + KEPT_TURNS, 15.0)
    node.check()
    assert len(node.sandboxes("web")) == 1
    assert len(node.containers("web")) <= 2
    assert node.restarts("web") == 0
    assert (await node.root.revisions(KEY))[0].id == record(node).effective
    assert len(node.session("web").revisions) <= 8
    assert not node.session("web").failures
