"""The gate of a health-gated update, by values."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from podstead.k8s import core_v1 as v1
from podstead.k8s.annotations import PROGRESS_DEADLINE
from podstead.manifest.gate import deadline_problem, deadline_seconds
from podstead.reconcile.actions import FallBack, NoteProgress, PodActions, PullImage, StopContainer
from podstead.reconcile.progress import is_settled, plan_progress
from podstead.state.records import Progress
from tests.unit.reconcile.world import BOOT, World, container, make_pod, revision, sandbox

if TYPE_CHECKING:
    from podstead.state.desired import DesiredPod
    from podstead.state.records import Revision

SECONDS = 60


def gated(identifier: str, probe: v1.Probe | None = None, image: str = "img:1") -> Revision:
    pod = make_pod(image=image)
    pod = msgspec.structs.replace(
        pod,
        metadata=msgspec.structs.replace(pod.metadata, annotations={PROGRESS_DEADLINE: str(SECONDS)}),
        spec=msgspec.structs.replace(
            pod.spec, containers=(msgspec.structs.replace(pod.spec.containers[0], readiness_probe=probe),)
        ),
    )
    return revision(identifier, pod)


OLD, NEW = gated("r1"), gated("r2")


def world(effective: Revision = NEW, *others: Revision) -> World:
    return World(
        effective=effective,
        others=[*others],
        sandboxes=[sandbox()],
        containers=[container(rev=effective.id)],
        images={"img:1": "sha256:1"},
        now=1000.0,
    )


def since(given: World, began: float, last_ready: Revision | None = None, **progress: object) -> DesiredPod:
    desired = given.desired()
    record = replace(
        desired.record,
        progress=Progress(**{"boot_id": BOOT, "since": began, **progress}),  # type: ignore[arg-type]  # its fields
        last_ready=last_ready.id if last_ready else None,
    )
    return replace(desired, record=record)


def plan(given: World, desired: DesiredPod, *, ready_since: float | None = None, resumed_at: float = 0.0) -> PodActions:
    return plan_progress(desired, given.observed(), given.instant(), ready_since=ready_since, resumed_at=resumed_at)


def test_what_is_a_deadline() -> None:
    assert [text for text in ("1", "60", "604800") if deadline_problem(text) is not None] == []
    for text in ("", "0", "-1", "1.5", "60s", "604801", "٣", "9" * 30, " 60"):
        assert deadline_problem(text) is not None, text
    assert deadline_seconds(NEW.pod) == SECONDS
    assert deadline_seconds(make_pod()) is None


def test_in_time_it_waits_until_the_deadline() -> None:
    given = world(NEW, OLD)
    assert plan(given, since(given, 980.0, OLD)) == PodActions(requeue_at=1040.0)


def test_a_ready_revision_is_noted_at_once() -> None:
    given = world(NEW, OLD)
    actions = plan(given, since(given, 980.0, OLD), ready_since=1000.0)
    assert actions.steps == (NoteProgress(revision=NEW.id, progress=None),)


def test_too_late_the_last_ready_one_comes_back() -> None:
    given = world(NEW, OLD)
    assert plan(given, since(given, 940.0, OLD)).steps == (FallBack(revision=NEW.id, target=OLD.id),)


def test_an_image_that_was_taken_away_is_pulled_before_anything_stops() -> None:
    old = gated("r1", image="img:0")
    given = world(NEW, old)
    assert plan(given, since(given, 940.0, old)).steps == (PullImage(image="img:0", revision=old.id),)
    given.images["img:0"] = "sha256:0"
    assert plan(given, since(given, 940.0, old)).steps == (FallBack(revision=NEW.id, target=old.id),)


def test_with_nothing_to_go_back_to_it_is_said_once() -> None:
    given = world()
    (step,) = plan(given, since(given, 940.0)).steps
    assert isinstance(step, NoteProgress)
    assert step.progress == Progress(boot_id=BOOT, since=940.0, expired=True)
    assert plan(given, since(given, 940.0, expired=True)).steps == ()
    assert plan(given, since(given, 940.0, NEW)).steps == (step,), "it was itself the last that was ready"


def test_after_a_reboot_the_time_begins_anew() -> None:
    given = world(NEW, OLD)
    (step,) = plan(given, since(given, 99_000.0, OLD, boot_id="before")).steps
    assert step == NoteProgress(revision=NEW.id, progress=Progress(boot_id=BOOT, since=1000.0))


def test_a_pause_costs_nothing() -> None:
    given = world(NEW, OLD)
    desired = since(given, 100.0, OLD)
    assert plan(given, replace(desired, record=replace(desired.record, stopped=True))) == PodActions()
    assert plan(given, replace(desired, preempted=True)) == PodActions()
    assert plan(given, desired, resumed_at=999.0) == PodActions(requeue_at=1059.0)


def test_a_probe_in_a_running_container_must_first_be_able_to_fail() -> None:
    """The new probe goes on with the verdict of the old one: ready means nothing until it has had its tries."""
    probe = v1.Probe(failure_threshold=3, period_seconds=10, timeout_seconds=1)
    new = gated("r2", probe)
    given = world(new, OLD)
    given.containers = [container(rev="r1")]
    desired = since(given, 940.0, OLD)
    assert plan(given, desired, ready_since=990.0) == PodActions(requeue_at=1021.0)
    assert plan(given, desired, ready_since=969.0).steps == (NoteProgress(revision=new.id, progress=None),)
    given.containers = [container(rev="r2")]
    assert plan(given, desired, ready_since=1000.0).steps == (NoteProgress(revision=new.id, progress=None),)


def test_settled_means_that_nothing_is_to_be_changed_or_being_changed() -> None:
    given = world()
    stop = StopContainer(
        id=given.containers[0].id, name="web", grace_seconds=2, attempt=0, reason="Killing", message="", revision=NEW.id
    )
    assert is_settled(given.desired(), given.observed(), PodActions())
    assert not is_settled(given.desired(), given.observed(), PodActions(steps=(stop,)))
    assert not is_settled(
        given.desired(), replace(given.observed(), in_flight=frozenset({"container:web"})), PodActions()
    )
    assert not is_settled(given.desired(), replace(given.observed(), fresh=False), PodActions())
    given.stopped = True
    assert not is_settled(given.desired(), given.observed(), PodActions())
