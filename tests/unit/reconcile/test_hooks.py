"""What the planner makes of postStart hooks (spec/kubelet-static-pods.md 3.11)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from podstead.reconcile.actions import RunPostStart, StartContainer, StopContainer
from podstead.reconcile.hooks import POST_START_ERROR
from podstead.state.observed import ContainerState, TaskFailure
from podstead.state.records import ContainerHistory, PodHistory
from tests.unit.reconcile.world import World, container, hooked, make_pod, revision, sandbox


def world_of(*names: str, restart_policy: str = "Always") -> World:
    pod = make_pod(*names, restart_policy=restart_policy)
    return World(effective=revision("r1", hooked(pod, "web")))


def until_hook(world: World) -> RunPostStart:
    """Carry out steps until a hook is asked for, and return it."""
    for _ in range(20):
        for step in world.plan().steps:
            if isinstance(step, RunPostStart):
                return step
            world.act(step)
    raise AssertionError("no hook is asked for")


def fail(world: World, hook: RunPostStart, reason: str = POST_START_ERROR) -> None:
    world.failures[hook.key] = TaskFailure(
        reason=reason, message="it ended with code 3", since=world.now, retry_at=world.now + 1
    )


def test_a_hook_is_run_once_for_each_start() -> None:
    world = world_of()
    world.settle()
    world.crash()
    world.settle()
    world.settle()
    assert [s.attempt for s in world.log if isinstance(s, RunPostStart)] == [0, 1]
    assert world.plan().steps == ()


def test_the_next_container_waits_for_the_hook_and_its_image_does_not() -> None:
    world = world_of("web", "side", "last")
    hook = until_hook(world)
    world.in_flight = frozenset({hook.key})
    plan = world.plan()
    assert not [s for s in plan.steps if isinstance(s, StartContainer)]
    assert plan.waiting["side"].reason == "ContainerCreating"
    assert "postStart hook of container web" in plan.waiting["last"].message
    world.in_flight = frozenset()
    world.settle()
    assert world.running() == {"web": 0, "side": 0, "last": 0}


def test_a_container_before_the_hook_does_not_wait_for_it() -> None:
    world = world_of("first", "web")
    hook = until_hook(world)
    world.in_flight = frozenset({hook.key})
    world.crash("first")
    assert [s.name for s in world.plan().steps if isinstance(s, StartContainer)] == ["first"]


def test_a_failed_hook_ends_its_container_which_backs_off_under_its_reason() -> None:
    world = world_of()
    for attempt in range(2):
        hook = until_hook(world)
        assert hook.attempt == attempt
        fail(world, hook)
        (stop,) = world.plan().steps
        assert isinstance(stop, StopContainer)
        assert stop.grace_seconds == 30
        assert "postStart hook failed" in stop.message
        world.act(stop)
    plan = world.plan()
    assert plan.steps == ()
    assert plan.requeue_at == world.now + 10
    assert plan.waiting["web"].reason == POST_START_ERROR
    assert "it ended with code 3; back-off 10s" in plan.waiting["web"].message


@pytest.mark.parametrize(("policy", "restarts"), [("Never", False), ("OnFailure", True), ("Always", True)])
def test_a_failed_hook_and_the_restart_policy(policy: str, restarts: bool) -> None:
    world = world_of(restart_policy=policy)
    hook = until_hook(world)
    fail(world, hook)
    world.act(world.plan().steps[0])
    assert [s.attempt for s in world.plan().steps if isinstance(s, StartContainer)] == ([1] if restarts else [])


def test_a_hook_that_met_a_trouble_of_ours_is_tried_again_and_nobody_is_stopped() -> None:
    world = world_of()
    hook = until_hook(world)
    fail(world, hook, "RuntimeFault")
    assert world.plan().steps == (hook,)


def test_edits_and_removals_do_not_wait_for_a_hook_that_hangs() -> None:
    world = world_of()
    hook = until_hook(world)
    world.in_flight = frozenset({hook.key})
    world.candidate = revision("r2", hooked(make_pod(image="img:2"), "web"))
    world.settle()
    assert [s.id for s in world.log if isinstance(s, StopContainer)] == [hook.id]
    world.in_flight = frozenset()
    world.terminating = True
    world.settle()
    assert world.finished


def test_a_container_that_is_being_stopped_gets_no_hook() -> None:
    world = world_of()
    hook = until_hook(world)
    world.in_flight = frozenset({f"stop:{hook.id}"})
    assert world.plan().steps == ()


def test_a_container_that_outlived_the_memory_of_its_start_keeps_its_peace() -> None:
    world = world_of()
    world.sandboxes, world.containers = [sandbox()], [container(attempt=4)]
    assert world.plan().steps == ()
    world.history = PodHistory(containers={"web": ContainerHistory(last_attempt=4)})
    (step,) = world.plan().steps
    assert isinstance(step, RunPostStart)
    assert step.attempt == 4


def test_a_hook_is_for_containers_that_run() -> None:
    world = world_of(restart_policy="Never")
    hook = until_hook(world)
    world.containers = [replace(world.containers[0], state=ContainerState.EXITED)]
    assert hook not in world.plan().steps
