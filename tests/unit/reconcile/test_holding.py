"""A pod that is held: what runs of it runs on, nothing of it starts, and everything is as before once it is let go."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings

from podstead.reconcile.actions import (
    Promote,
    PullImage,
    RunSandbox,
    StartContainer,
    StopContainer,
)
from podstead.reconcile.holding import CHANGING
from podstead.state.desired import Held
from podstead.state.observed import ContainerState
from tests.unit.reconcile.test_plan_properties import converged, worlds
from tests.unit.reconcile.world import World, container, make_pod, revision, sandbox

HELD = Held(reason="KeyRevoked", message="the key SHA256:x is revoked; sign it again with another key")


def running_world() -> World:
    world = World(effective=revision("r1", make_pod("web", "side")))
    world.settle()
    assert set(world.running()) == {"web", "side"}
    return world


@settings(deadline=None)
@given(worlds())
def test_a_held_pods_plan_never_starts_or_stops_anything_of_it(world: World) -> None:
    """From any state, for as long as it is held; and then it converges as if nothing had been."""
    candidate, world.candidate = world.candidate, None
    world.held = HELD
    before = world.running()
    for _ in range(8):
        steps = world.plan().steps
        assert not [step for step in steps if isinstance(step, RunSandbox | StartContainer | PullImage)]
        for step in steps:
            world.act(step)
        if world.completion is not None:  # it has ended by itself, and what is left of it goes
            break
        assert not [step for step in steps if isinstance(step, CHANGING)]
        assert world.running() == before
        world.now += 400
    world.held, world.candidate = None, candidate
    world.run_out()
    converged(world)


@settings(deadline=None)
@given(worlds())
def test_an_edit_that_counts_goes_its_way(world: World) -> None:
    """The hold is of the effective revision alone: the next one is prepared, takes its place, and is not held."""
    world.candidate = world.candidate or revision("r2", make_pod("a", image="new:1"))
    world.held = HELD
    world.in_flight = frozenset()
    world.failures = {}
    for _ in range(12):
        actions = world.plan()
        promoted = any(isinstance(step, Promote) for step in actions.steps)
        for step in actions.steps:
            assert not isinstance(step, RunSandbox | StartContainer)
            world.act(step)
        if promoted:
            world.held = None
            break
        world.now += 400
    else:
        assert world.completion is not None
    world.held = None
    world.run_out()
    converged(world)


def test_a_crash_is_not_restarted_and_says_why() -> None:
    world = running_world()
    world.held = HELD
    world.crash("web")
    world.now += 1000
    actions = world.plan()
    assert actions.steps == ()
    assert {name: (why.reason, why.message) for name, why in actions.waiting.items()} == {
        "web": ("Held: KeyRevoked", HELD.message)
    }
    assert world.running().keys() == {"side"}
    world.held = None
    world.settle()
    assert world.running().keys() == {"web", "side"}


def test_what_root_asked_to_restart_runs_on() -> None:
    world = running_world()
    world.held = HELD
    world.replaced = {"web": 0}
    assert world.plan().steps == ()
    world.held = None
    assert [type(step) for step in world.plan().steps] == [StopContainer]


def test_after_a_reboot_nothing_of_it_runs_and_all_containers_say_why() -> None:
    world = World(effective=revision("r1", make_pod("web", "side")))
    world.sandboxes = [sandbox(0, ready=False)]
    world.containers = [container("web", state=ContainerState.EXITED), container("side", state=ContainerState.EXITED)]
    world.held = HELD
    for _ in range(5):
        for step in world.plan().steps:
            world.act(step)
        world.now += 400
    assert world.running() == {}
    assert {name: why.reason for name, why in world.plan().waiting.items()} == {
        "web": "Held: KeyRevoked",
        "side": "Held: KeyRevoked",
    }


@pytest.mark.parametrize("field", ["terminating", "stopped", "preempted"])
def test_what_ends_a_pod_ends_a_held_one(field: str) -> None:
    """A removal, root's word and a pod that needs the room are no restarts."""
    world = replace(running_world(), held=HELD, **{field: True})  # type: ignore[arg-type]  # a switch
    world.run_out()
    assert world.running() == {}
