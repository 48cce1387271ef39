"""Restarts for a newer configuration: asked for, one container at most, uncounted, and never in a storm."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import pytest

from podstead.k8s.annotations import RESTART_ON_CHANGE
from podstead.reconcile.actions import RunSandbox, StopContainer
from podstead.reconcile.inputs import PAUSE_SECONDS
from podstead.state.inputs import ABSENT
from podstead.state.observed import ContainerState
from tests.unit.reconcile.world import World, make_pod, revision

if TYPE_CHECKING:
    from podstead.k8s import core_v1 as v1

OLD, NEW = (("/etc/a.conf", "1"),), (("/etc/a.conf", "2"),)


def asking(*names: str, value: str = "true", restart_policy: str = "Always") -> v1.Pod:
    pod = make_pod(*names, restart_policy=restart_policy)
    return msgspec.structs.replace(
        pod, metadata=msgspec.structs.replace(pod.metadata, annotations={RESTART_ON_CHANGE: value})
    )


def settled(pod: v1.Pod) -> World:
    """Return a world in which every container was started with the old configuration, some time ago."""
    world = World(effective=revision("r1", pod), inputs={c.name: OLD for c in pod.spec.containers})
    world.settle()
    world.now += PAUSE_SECONDS
    world.log.clear()
    return world


def test_a_newer_configuration_restarts_the_containers_that_use_it() -> None:
    world = settled(asking("web", "side"))
    world.inputs["web"] = NEW
    world.settle()
    assert world.running() == {"web": 1, "side": 0}
    (stop,) = [step for step in world.log if isinstance(step, StopContainer)]
    assert stop.message == "Configuration changed (/etc/a.conf): stopping container web"
    assert not any(isinstance(step, RunSandbox) for step in world.log)
    assert world.resets == 0
    assert next(c for c in world.containers if c.name == "web" and c.attempt == 1).restart_count == 0
    assert world.history.of("web").backoff_level == 0


@pytest.mark.parametrize("pod", [make_pod(), asking(value="false")])
def test_nothing_happens_to_a_pod_that_has_not_asked(pod: v1.Pod) -> None:
    world = settled(pod)
    world.inputs["web"] = NEW
    assert world.plan().steps == ()


@pytest.mark.parametrize("now", [(), OLD, (("/etc/a.conf", ABSENT),), (("/etc/other.conf", "9"),)])
def test_what_is_not_known_or_not_there_restarts_nothing(now: tuple[tuple[str, str], ...]) -> None:
    world = settled(asking())
    world.inputs["web"] = now
    assert world.plan().steps == ()


def test_what_was_not_there_at_the_start_is_newer_when_it_is() -> None:
    world = World(effective=revision("r1", asking()), inputs={"web": (("/etc/a.conf", ABSENT),)})
    world.settle()
    world.now += PAUSE_SECONDS
    world.inputs["web"] = NEW
    world.settle()
    assert world.running() == {"web": 1}


def test_a_change_that_is_taken_back_restarts_nothing() -> None:
    world = settled(asking())
    world.inputs["web"] = NEW
    world.inputs["web"] = OLD
    assert world.plan().steps == ()


def test_a_file_that_always_changes_is_no_storm() -> None:
    world = settled(asking())
    for number in range(5):
        world.inputs["web"] = (("/etc/a.conf", f"v{number}"),)
        world.settle()
    assert world.running() == {"web": 1}
    actions = world.plan()
    assert actions.steps == ()
    assert actions.requeue_at == pytest.approx(world.now + PAUSE_SECONDS)
    world.now += PAUSE_SECONDS
    world.settle()
    assert world.running() == {"web": 2}
    assert world.plan().requeue_at is None


def test_a_clock_that_is_set_back_holds_up_nothing() -> None:
    world = settled(asking())
    world.containers = [replace(c, started_at=c.started_at + 86_400 * 10**9) for c in world.containers]
    world.inputs["web"] = NEW
    world.settle()
    assert world.running() == {"web": 1}


def test_a_crashing_container_gets_the_mended_configuration_at_once() -> None:
    world = settled(asking())
    world.crash()
    world.settle()
    world.now += PAUSE_SECONDS
    world.crash()
    world.settle()
    assert world.plan().waiting["web"].reason == "CrashLoopBackOff"
    world.inputs["web"] = NEW
    world.settle()
    assert world.running() == {"web": 2}
    assert [c.restart_count for c in world.containers if c.attempt == 2] == [1]
    assert world.history.of("web").backoff_level == 0


@pytest.mark.parametrize("policy", ["Never", "OnFailure"])
def test_what_has_done_its_work_is_not_done_again(policy: str) -> None:
    world = settled(asking(restart_policy=policy))
    world.crash(code=0)
    world.settle()
    world.inputs["web"] = NEW
    world.settle()
    assert world.running() == {}


@pytest.mark.parametrize("policy", ["Never", "OnFailure"])
def test_what_still_works_is_restarted_whatever_its_policy(policy: str) -> None:
    world = settled(asking(restart_policy=policy))
    world.inputs["web"] = NEW
    world.settle()
    assert world.running() == {"web": 1}


def test_a_container_that_was_only_created_is_made_anew() -> None:
    world = settled(asking())
    world.containers = [replace(c, state=ContainerState.CREATED, started_at=0) for c in world.containers]
    world.inputs["web"] = NEW
    world.settle()
    assert world.running() == {"web": 1}
