"""The order in which a pod stops, and how its grace is shared."""

from __future__ import annotations

from dataclasses import replace

from podstead.k8s import core_v1 as v1
from podstead.reconcile.actions import PodActions, RunPreStop, RunSandbox, StopContainer, StopSandbox
from podstead.state.observed import ContainerState
from tests.unit.reconcile.world import World, make_pod, revision, setup, sidecar


def running(grace: int = 30) -> World:
    init = (sidecar("s"), setup("i"), sidecar("t"))
    pod = make_pod("a", "b", init=init, termination_grace_period_seconds=grace)
    world = World(effective=revision("r1", pod))
    world.settle()
    world.log.clear()
    return world


def asked(actions: PodActions) -> dict[str, int]:
    return {step.name: step.grace_seconds for step in actions.steps if isinstance(step, StopContainer)}


def test_regular_containers_first_and_then_sidecars_in_reverse() -> None:
    world = running()
    world.terminating = True
    world.settle()
    stops = [step.name for step in world.log if isinstance(step, StopContainer)]
    assert (set(stops[:2]), stops[2:]) == ({"a", "b"}, ["t", "s"])


def test_a_sidecar_has_what_is_left_of_the_pods_grace() -> None:
    world = running()
    world.terminating = True
    actions = world.plan()
    assert asked(actions) == {"a": 30, "b": 30}
    assert actions.stopping
    assert actions.requeue_at == world.now + 30
    for step in actions.steps:
        world.act(step)
    world.now += 7.4
    assert asked(world.plan()) == {"t": 23}
    world.act(world.plan().steps[0])
    world.now += 22
    assert asked(world.plan()) == {"s": 1}


def test_nobody_waits_for_a_turn_when_the_grace_is_over() -> None:
    world = running(grace=5)
    world.terminating = True
    begun = world.plan()
    world.in_flight = frozenset(step.key for step in begun.steps)
    world.now += 4.9
    assert asked(world.plan()) == {"a": 5, "b": 5}, "the same question, which is under way already"
    world.now += 0.1
    assert asked(world.plan()) == {"a": 5, "b": 5, "s": 0, "t": 0}


def test_a_sidecar_that_is_being_stopped_is_not_hurried_by_each_plan() -> None:
    world = running()
    world.terminating = True
    for step in world.plan().steps:
        world.act(step)
    (first,) = world.plan().steps
    world.in_flight = frozenset({first.key})
    world.now += 3
    actions = world.plan()
    assert actions.steps == ()
    assert actions.stopping


def test_the_hook_of_a_sidecar_runs_at_once_and_its_stop_waits() -> None:
    handler = v1.LifecycleHandler(exec=v1.ExecAction(command=("drain",)))
    pod = make_pod("a", init=(sidecar("s", lifecycle=v1.Lifecycle(pre_stop=handler)), sidecar("t")))
    world = World(effective=revision("r1", pod))
    world.settle()
    world.terminating = True
    (hook,) = (step for step in world.plan().steps if isinstance(step, RunPreStop))
    assert (hook.name, hook.grace_seconds) == ("s", 30)
    world.in_flight = frozenset({hook.key})
    for name in ("a", "t"):
        (stop,) = (step for step in world.plan().steps if isinstance(step, StopContainer))
        assert stop.name == name
        world.act(stop)
    assert asked(world.plan()) == {}, "its turn has come, and its hook has not ended"
    world.in_flight = frozenset()
    world.act(hook)
    assert asked(world.plan()) == {"s": 30}
    world.settle()
    assert [step.name for step in world.log if isinstance(step, RunPreStop)] == ["s"]


def test_the_grace_is_counted_from_each_stop() -> None:
    world = running()
    world.preempted = True
    world.settle()
    world.preempted = False
    world.settle()
    world.now += 1000
    world.terminating = True
    assert asked(world.plan()) == {"a": 30, "b": 30}
    assert world.stopping_since == world.now


def test_every_stop_of_the_whole_pod_keeps_the_order() -> None:
    for change in ("preempted", "edited", "sandbox lost"):
        world = running()
        if change == "preempted":
            world.preempted = True
        elif change == "edited":
            world.candidate = revision("r2", make_pod("a", "b", hostname="other"))
        else:
            world.sandboxes = [replace(world.sandboxes[0], ready=False)]
        world.settle()
        stops = [step.name for step in world.log if isinstance(step, StopContainer)]
        assert (set(stops[:2]), stops[2:]) == ({"a", "b"}, ["t", "s"]), change


def test_a_sidecar_that_an_edit_removed_still_stops_last() -> None:
    world = running()
    world.candidate = revision("r2", make_pod("a", "b", init=(setup("i"),)))
    world.settle()
    stops = [step.name for step in world.log if isinstance(step, StopContainer)]
    assert stops[2:] == ["t", "s"]
    kinds = [type(step) for step in world.log]
    assert kinds.index(StopSandbox) < kinds.index(RunSandbox)
    assert all(c.state is not ContainerState.RUNNING for c in world.containers if c.name in "st")
