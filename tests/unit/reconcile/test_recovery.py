"""What a plan makes of failures, of lost sandboxes, and of what an earlier agent left behind."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from podstead.identity import RevisionID
from podstead.reconcile.actions import PullImage, RemoveContainer, RemoveSandbox, RunSandbox, StartContainer
from podstead.reconcile.backoff import step_delay
from podstead.state.observed import ContainerState, TaskFailure
from podstead.state.records import ContainerHistory, PodHistory
from tests.unit.reconcile.world import World, container, make_pod, revision, sandbox


def failed(at: float, retry_at: float, reason: str = "ErrImagePull") -> TaskFailure:
    return TaskFailure(reason=reason, message="m", since=at, retry_at=retry_at)


def test_a_pull_that_is_tried_again_is_waited_for_and_not_planned_in_a_circle() -> None:
    world = World(revision("r1", make_pod()))
    world.failures["pull:img:1"] = failed(900.0, 990.0)
    world.in_flight = frozenset({"pull:img:1", "sandbox"})
    actions = world.plan()
    assert any(isinstance(step, PullImage) for step in actions.steps), "else the pull would be cancelled"
    assert actions.requeue_at is None
    assert actions.waiting["web"].reason == "ImagePullBackOff"


def test_a_pull_that_waits_is_planned_when_it_is_due() -> None:
    world = World(revision("r1", make_pod()), prepared={RevisionID("r1")}, sandboxes=[sandbox()])
    world.failures["pull:img:1"] = failed(900.0, 1010.0)
    actions = world.plan()
    assert actions.steps == ()
    assert actions.requeue_at == 1010.0


def test_an_unreachable_runtime_says_nothing_of_the_registry() -> None:
    assert step_delay("pull:img:1", 1) == 10.0
    assert step_delay("pull:img:1", 1, unreachable=True) == 0.5


def test_policy_always_asks_no_registry_for_what_ran_before() -> None:
    """A new agent does not know its images yet; that must not make a crashed service wait for a registry."""
    pod = make_pod()
    spec = msgspec.structs.replace(pod.spec.containers[0], image_pull_policy="Always")
    pod = msgspec.structs.replace(pod, spec=msgspec.structs.replace(pod.spec, containers=(spec,)))
    world = World(revision("r1", pod), prepared={RevisionID("r1")}, sandboxes=[sandbox()])
    world.containers = [container(state=ContainerState.EXITED, exit_code=1)]
    (pull,) = world.plan().steps
    assert isinstance(pull, PullImage)
    assert pull.policy == "IfNotPresent"
    world.containers = []
    (pull,) = world.plan().steps
    assert isinstance(pull, PullImage)
    assert pull.policy == "Always"


def test_a_lost_sandbox_ends_no_pod_that_restarts_on_failure() -> None:
    """Its containers end with 0 when they are stopped for the new sandbox; that is no success of theirs."""
    world = World(revision("r1", make_pod(restart_policy="OnFailure")), images={"img:1": "x"})
    world.settle()
    world.sandboxes = [replace(world.sandboxes[0], ready=False)]
    world.act(world.plan().steps[0])
    world.containers = [replace(c, exit_code=0) for c in world.containers]
    world.settle()
    assert world.running() == {"web": 1}


def test_a_container_that_was_created_late_is_removed() -> None:
    world = World(revision("r1", make_pod()), images={"img:1": "x"}, prepared={RevisionID("r1")}, sandboxes=[sandbox()])
    world.containers = [container(attempt=1), container(attempt=0, state=ContainerState.CREATED)]
    assert world.plan().steps == (RemoveContainer(id=world.containers[1].id),)


def test_sandboxes_that_come_to_nothing_do_not_pile_up() -> None:
    world = World(revision("r1", make_pod()), images={"img:1": "x"}, prepared={RevisionID("r1")})
    world.sandboxes = [sandbox(0, ready=False), sandbox(1, ready=False)]
    world.failures["sandbox"] = failed(999.0, 1005.0, "FailedCreatePodSandBox")
    actions = world.plan()
    assert {type(step) for step in actions.steps} == {RemoveSandbox}
    assert actions.requeue_at == 1005.0
    world.failures.clear()
    assert [type(step) for step in world.plan().steps].count(RunSandbox) == 1
    world.in_flight = frozenset({"sandbox"})
    assert not any(isinstance(step, RemoveSandbox) for step in world.plan().steps)


def test_attempts_go_on_after_the_sandboxes_of_earlier_ones_are_removed() -> None:
    history = PodHistory(sandbox_attempt=7, containers={"web": ContainerHistory(last_attempt=4, started_attempt=3)})
    world = World(revision("r1", make_pod()), images={"img:1": "x"}, history=history)
    world.settle()
    assert [s.attempt for s in world.sandboxes] == [8]
    starts = [step for step in world.log if isinstance(step, StartContainer)]
    assert [step.attempt for step in starts] == [5]
