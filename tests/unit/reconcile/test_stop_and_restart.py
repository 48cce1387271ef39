"""What root asks of one pod: to stop, to start again, to restart."""

from __future__ import annotations

import pytest

from podstead.reconcile.actions import FinishIncarnation, RunSandbox, StartContainer, StopContainer
from podstead.state.observed import ContainerState
from tests.unit.reconcile.world import World, make_pod, revision


def running(*names: str, policy: str = "Always") -> World:
    world = World(effective=revision("r1", make_pod(*names, restart_policy=policy)))
    world.settle()
    world.log.clear()
    return world


def attempts(world: World) -> dict[str, int]:
    return {c.name: max(o.attempt for o in world.containers if o.name == c.name) for c in world.containers}


def test_a_stopped_pod_stops_and_stays_so() -> None:
    world = running("a", "b")
    world.stopped = True
    actions = world.settle()
    assert world.running() == {}
    assert not any(s.ready for s in world.sandboxes)
    assert {name: waiting.reason for name, waiting in actions.waiting.items()} == {"a": "Stopped", "b": "Stopped"}
    assert actions.stuck is not None
    assert len(world.containers) == 2, "records stay"
    assert not any(isinstance(step, FinishIncarnation) for step in world.log)


def test_an_edit_of_a_stopped_pod_waits_for_its_start() -> None:
    world = running()
    world.stopped, world.candidate = True, revision("r2", make_pod(image="img:2"))
    world.settle()
    assert world.running() == {}
    assert world.candidate is not None
    world.stopped = False
    world.settle()
    assert world.candidate is None
    assert [c.revision for c in world.containers if c.state is ContainerState.RUNNING] == ["r2"]


@pytest.mark.parametrize("policy", ["Always", "OnFailure", "Never"])
def test_a_start_runs_everything_again_and_counts_no_restart(policy: str) -> None:
    world = running("a", "b", policy=policy)
    world.stopped = True
    world.settle()
    world.stopped, world.replaced = False, attempts(world)
    world.log.clear()
    world.settle()
    assert world.running() == {"a": 1, "b": 1}
    assert [s.name for s in world.log if isinstance(s, StartContainer)] == ["a", "b"]
    assert [c.restart_count for c in world.containers if c.attempt == 1] == [0, 0]
    assert world.plan().steps == ()


def test_a_start_after_the_records_were_lost_counts_no_restart() -> None:
    world = running()
    world.stopped = True
    world.settle()
    world.stopped, world.replaced = False, attempts(world)
    world.containers, world.sandboxes = [], []
    world.settle()
    assert [c.restart_count for c in world.containers] == [0]


def test_a_restart_goes_through_the_containers_one_by_one() -> None:
    world = running("a", "b", "c")
    world.replaced = attempts(world)
    world.settle()
    assert world.running() == {"a": 1, "b": 1, "c": 1}
    order = [(type(s).__name__, s.name) for s in world.log if isinstance(s, StopContainer | StartContainer)]
    assert order == [(kind, name) for name in "abc" for kind in ("StopContainer", "StartContainer")]
    assert [c.restart_count for c in world.containers if c.attempt == 1] == [0, 0, 0]
    assert not any(isinstance(step, RunSandbox) for step in world.log), "the sandbox lives on"
    assert world.plan().steps == ()


def test_a_restart_of_one_container_leaves_the_others() -> None:
    world = running("a", "b")
    world.replaced = {"b": 0}
    world.settle()
    assert world.running() == {"a": 0, "b": 1}


def test_a_restart_ends_a_crash_loops_wait() -> None:
    world = running()
    for _ in range(2):
        world.crash()
        world.settle()
    assert world.running() == {}
    counted = max(c.restart_count for c in world.containers)
    world.replaced = attempts(world)
    world.settle()
    assert len(world.running()) == 1
    assert world.history.of("web").backoff_level == 0
    assert max(c.restart_count for c in world.containers) == counted


def test_one_that_does_not_run_waits_for_nobody() -> None:
    """Where there is nothing to stop there is nothing to be gained by waiting for one's turn."""
    world = running("a", "b", policy="Never")
    world.crash("b", code=0)
    world.replaced = attempts(world)
    world.settle()
    assert world.running() == {"a": 1, "b": 1}


def test_an_edit_that_is_taken_back_while_the_old_one_stops_counts_no_restart() -> None:
    world = running()
    first, second = world.effective, revision("r2", make_pod(image="img:2"))
    assert first is not None
    world.effective, world.others = second, [first]
    (stop,) = [step for step in world.plan().steps if isinstance(step, StopContainer)]
    world.act(stop)
    world.effective, world.others = first, [second]
    world.settle()
    assert world.running() == {"web": 1}
    assert [c.restart_count for c in world.containers if c.attempt == 1] == [0]
