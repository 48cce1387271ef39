"""RestartAllContainers: what is cleared away, in which order, and how it is remembered."""

from __future__ import annotations

import pytest

from podstead.k8s import core_v1 as v1
from podstead.reconcile.actions import RemoveContainer, StartContainer, StopContainer, StopSandbox
from tests.unit.reconcile.world import World, make_pod, revision, setup, sidecar

STOP_ALL = v1.ContainerRestartRule(
    action="RestartAllContainers", exit_codes=v1.ContainerRestartRuleOnExitCodes(operator="In", values=(88,))
)


def world_of(**fields: object) -> World:
    main = v1.Container(name="main", image="img:1", restart_policy="Never", restart_policy_rules=(STOP_ALL,))
    beside = v1.Container(name="beside", image="img:1")
    world = World(effective=revision("r1", make_pod(init=(setup("i"), sidecar("s")), containers=(main, beside))))
    world.settle()
    world.log.clear()
    return world


def test_everything_starts_over_in_the_same_sandbox_and_the_cause_goes_last() -> None:
    world = world_of()
    world.crash("main", code=88)
    actions = world.plan()
    assert actions.restarting_all
    stops = [step for step in actions.steps if isinstance(step, StopContainer)]
    assert {(s.name, s.grace_seconds) for s in stops} == {("beside", 0), ("s", 0)}
    world.settle()
    removed = [step.clears for step in world.log if isinstance(step, RemoveContainer)]
    assert (set(removed[:3]), removed[3:]) == ({"beside", "i", "s"}, ["main"])
    assert [step.name for step in world.log if isinstance(step, StartContainer)] == ["i", "s", "main", "beside"]
    assert not any(isinstance(step, StopSandbox) for step in world.log)
    assert world.resets == 0
    assert {name: memory.restart_count for name, memory in world.history.containers.items()} == dict.fromkeys(
        ("i", "s", "main", "beside"), 1
    )


def test_another_exit_code_asks_the_policy() -> None:
    world = world_of()
    world.crash("main", code=1)
    world.settle()
    assert world.running() == {"s": 0, "beside": 0}


def test_a_second_time_soon_after_waits_by_the_crash_curve() -> None:
    """The kubelet does not wait: a rule that always matches spins there."""
    world = world_of()
    waits = []
    for _ in range(3):
        world.crash("main", code=88)
        actions = world.settle()
        if actions.requeue_at is not None:
            assert actions.waiting["main"].reason == "CrashLoopBackOff"
            assert set(world.running()) == {"s", "beside"}, "the others run on meanwhile"
            waits.append(actions.requeue_at - world.now)
            world.now = actions.requeue_at
            world.settle()
    assert waits == [10, 20]
    assert set(world.running()) == {"s", "beside", "main"}


def test_an_agent_that_dies_in_the_midst_of_it_goes_on() -> None:
    world = world_of()
    world.crash("main", code=88)
    while any(c.name == "i" for c in world.containers):
        world.act(world.plan().steps[0])
        world.agent_dies()
    world.settle()
    assert world.running() == {"s": 1, "main": 1, "beside": 1}


@pytest.mark.parametrize("policy", ["OnFailure", "Never"])
def test_an_init_containers_rule_starts_over_too(policy: str) -> None:
    init = setup("i", restart_policy=policy, restart_policy_rules=(STOP_ALL,))
    world = World(effective=revision("r1", make_pod(init=(sidecar("s"), init))), exits={"i": [88]})
    world.settle()
    assert world.running() == {"s": 1, "web": 0}
    assert world.history.of("i").restart_count == 1


def test_a_removal_that_is_noted_and_under_way_is_not_given_up() -> None:
    """The note advances the crash curve: it must not make the pod wait with half of its records gone."""
    world = world_of()
    world.crash("main", code=88)
    while [c.name for c in world.containers] != ["main"]:
        world.act(world.plan().steps[0])
    (last,) = world.plan().steps
    world.history = world.after(last)
    assert [type(step) for step in world.plan().steps] == [RemoveContainer]
    world.settle()
    assert world.running() == {"s": 1, "main": 1, "beside": 1}
