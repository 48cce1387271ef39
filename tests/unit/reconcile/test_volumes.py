"""Volumes in plans: made before containers start, brought up to date under them, never removed while they are made."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from podstead.k8s import core_v1 as v1
from podstead.reconcile.actions import (
    FinishIncarnation,
    PrepareVolumes,
    Promote,
    PullImage,
    RunSandbox,
    StartContainer,
    Step,
    StopContainer,
)
from podstead.state.observed import TaskFailure
from tests.unit.reconcile.world import World, make_pod, revision

LABELS = v1.DownwardAPIVolumeFile(path="labels", field_ref=v1.ObjectFieldSelector(field_path="metadata.labels"))
SOURCES = {
    "downwardAPI": v1.Volume(name="v", downward_api=v1.DownwardAPIVolumeSource(items=(LABELS,))),
    "configMap": v1.Volume(name="v", config_map=v1.ConfigMapVolumeSource(name="app")),
    "secret": v1.Volume(name="v", secret=v1.SecretVolumeSource(secret_name="keys")),
    "projected": v1.Volume(name="v", projected=v1.ProjectedVolumeSource()),
    "memory": v1.Volume(name="v", empty_dir=v1.EmptyDirVolumeSource(medium="Memory")),
}
DISK = v1.Volume(name="v", empty_dir=v1.EmptyDirVolumeSource())
IMAGE = v1.Volume(name="v", image=v1.ImageVolumeSource(reference="data:1", pull_policy="IfNotPresent"))


def mounting(volume: v1.Volume, *, labels: dict[str, str] | None = None, **changes: object) -> v1.Pod:
    """Return a pod whose containers `web` mounts the volume and `side` does not."""
    pod = make_pod("web", "side", volumes=(volume,))
    mount = v1.VolumeMount(name="v", mount_path="/v")
    web = replace(pod.spec.containers[0], volume_mounts=(mount,), **changes)
    meta = replace(pod.metadata, labels=labels or {})
    return replace(pod, metadata=meta, spec=replace(pod.spec, containers=(web, pod.spec.containers[1])))


def running(pod: v1.Pod) -> World:
    world = World(effective=revision("r1", pod))
    world.settle()
    world.log.clear()
    return world


def kinds(steps: list[Step]) -> list[type[Step]]:
    return [type(step) for step in steps]


@pytest.mark.parametrize("source", SOURCES)
def test_an_edit_of_labels_brings_files_up_to_date_and_restarts_nothing(source: str) -> None:
    world = running(mounting(SOURCES[source]))
    world.candidate = revision("r2", mounting(SOURCES[source], labels={"new": "label"}))
    world.settle()
    assert kinds(world.log) == [Promote, PrepareVolumes]
    assert world.plan().steps == ()


def test_a_pod_without_such_files_is_left_alone() -> None:
    world = running(mounting(DISK))
    world.candidate = revision("r2", mounting(DISK, labels={"new": "label"}))
    world.settle()
    assert kinds(world.log) == [Promote]


@pytest.mark.parametrize("source", SOURCES)
def test_an_agent_that_comes_back_looks_once(source: str) -> None:
    """What changed while it was away is found, and nothing of it is a start."""
    world = running(mounting(SOURCES[source]))
    world.prepared.clear()
    world.images.clear()
    world.settle()
    assert kinds(world.log) == [PrepareVolumes]


def test_an_edit_prepares_before_the_promotion_and_again_after_it() -> None:
    """First what is missing, while the old content runs; then what running containers see."""
    world = running(mounting(SOURCES["configMap"]))
    world.candidate = revision("r2", mounting(SOURCES["configMap"], command=("x",)))
    world.settle()
    order = kinds(world.log)
    assert order.count(PrepareVolumes) == 2
    first, again = [index for index, kind in enumerate(order) if kind is PrepareVolumes]
    assert first < order.index(Promote) < order.index(StopContainer)
    assert order.index(Promote) < again < order.index(StartContainer)


def test_trouble_with_files_stops_nobody_and_is_tried_again() -> None:
    world = running(mounting(SOURCES["configMap"]))
    world.prepared.clear()
    failure = TaskFailure(reason="FailedMount", message="no", since=world.now - 1, retry_at=world.now + 9)
    world.failures = {"volumes:r1": failure}
    actions = world.plan()
    assert actions.steps == ()
    assert actions.requeue_at == world.now + 9
    assert actions.stuck is None
    assert len(world.running()) == 2
    world.now += 9
    assert kinds(list(world.plan().steps)) == [PrepareVolumes]


# Images as volumes


def test_an_image_that_is_a_volume_is_pulled_before_its_container_starts() -> None:
    world = World(effective=revision("r1", mounting(IMAGE)))
    pulls = {step.image for step in world.plan().steps if isinstance(step, PullImage)}
    assert pulls == {"img:1", "data:1"}
    failure = TaskFailure(reason="ErrImagePull", message="gone", since=world.now - 9, retry_at=world.now + 9)
    world.failures = {"pull:data:1": failure}
    actions = world.settle()
    assert world.running() == {"side": 0}, "one that cannot start delays no other"
    assert actions.waiting["web"].reason == "ImagePullBackOff"
    world.now += 9
    world.settle()
    assert set(world.running()) == {"web", "side"}


# Never removed while they are made


def test_an_incarnation_ends_when_nothing_makes_its_volumes_any_more() -> None:
    world = running(mounting(DISK))
    world.terminating = True
    world.settle()
    assert world.finished
    world.in_flight = frozenset({"volumes:r2"})
    assert world.plan().steps == ()
    world.in_flight = frozenset()
    assert kinds(list(world.plan().steps)) == [FinishIncarnation]


def test_volumes_are_not_begun_anew_while_they_are_made() -> None:
    world = running(mounting(DISK))
    world.effective = revision("r2", make_pod(host_network=False))
    world.others.append(revision("r1", mounting(DISK)))
    for identifier in list(world.running()):
        world.crash(identifier)
    world.in_flight = frozenset({"volumes:r2"})
    for step in world.plan().steps:
        world.act(step)
    assert RunSandbox not in kinds(list(world.plan().steps))
    world.in_flight = frozenset()
    (made,) = [step for step in world.plan().steps if isinstance(step, RunSandbox)]
    assert made.reset_volumes


@given(st.lists(st.sampled_from(["label", "command", "forget", "volume"]), max_size=6))
def test_any_edits_end_with_the_effective_volumes_prepared(edits: list[str]) -> None:
    world = running(mounting(SOURCES["projected"]))
    for number, edit in enumerate(edits):
        if edit == "forget":
            world.prepared.clear()
            continue
        volume = SOURCES["secret"] if edit == "volume" else SOURCES["projected"]
        command = (str(number),) if edit == "command" else ()
        pod = mounting(volume, labels={"n": str(number)}, command=command)
        world.candidate = revision(f"r{number + 2}", pod)
    world.settle()
    assert world.effective is not None
    assert world.effective.id in world.prepared
    assert world.plan().steps == ()
