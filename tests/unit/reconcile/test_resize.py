"""Resources that are changed in place: by one step, when it harms nothing, and once."""

from __future__ import annotations

import msgspec

from podstead.k8s import core_v1 as v1
from podstead.reconcile.actions import ResizePod, RunSandbox, StartContainer, StopContainer
from podstead.state.desired import Blocked
from podstead.state.observed import ContainerState
from tests.unit.reconcile.world import World, make_pod, revision


def limited(cpu: str, memory: str = "64Mi", image: str = "img:1") -> v1.Pod:
    pod = make_pod("a", "b", image=image)
    resources = v1.ResourceRequirements(limits={"cpu": cpu, "memory": memory}, requests={"cpu": "10m", "memory": "1Mi"})
    first, second = pod.spec.containers
    least = v1.ResourceRequirements(limits={"cpu": "1", "memory": "16Mi"}, requests={"cpu": "10m", "memory": "1Mi"})
    containers = (
        msgspec.structs.replace(first, resources=resources),
        msgspec.structs.replace(second, resources=least),
    )
    return msgspec.structs.replace(pod, spec=msgspec.structs.replace(pod.spec, containers=containers))


R1, R2 = revision("r1", limited("1")), revision("r2", limited("2"))


def running() -> World:
    world = World(effective=R1)
    world.settle()
    world.log.clear()
    return world


def resizes(world: World) -> list[ResizePod]:
    return [step for step in world.log if isinstance(step, ResizePod)]


def test_other_limits_stop_nothing() -> None:
    world = running()
    world.candidate = R2
    world.settle()
    (step,) = resizes(world)
    assert (step.revision, [c.id for c in step.containers]) == (R2.id, ["a-0", "b-0"])
    assert world.running() == {"a": 0, "b": 0}
    assert not any(isinstance(one, StopContainer | StartContainer | RunSandbox) for one in world.log)


def test_a_new_pod_and_one_whose_image_changes_are_not_resized() -> None:
    world = running()
    assert not resizes(world)
    world.candidate = revision("r3", limited("1", image="img:2"))
    world.settle()
    assert not resizes(world)


def test_an_agent_that_comes_after_does_it_again_even_back_to_what_made_the_containers() -> None:
    """What another agent gave them is known by the sandbox's mark alone."""
    world = running()
    world.candidate = R2
    world.settle()
    world.resized, world.effective = None, R1
    world.log.clear()
    world.settle()
    assert [step.revision for step in resizes(world)] == [R1.id]


def test_a_restart_beside_it_comes_first_and_a_start_after() -> None:
    """Less memory restarts a; the pod's cgroup is changed while nothing of the old content runs."""
    world = running()
    world.candidate = revision("r2", limited("2", "32Mi"))
    world.settle()
    kinds = [type(step).__name__ for step in world.log if isinstance(step, ResizePod | StopContainer | StartContainer)]
    assert kinds == ["StopContainer", "ResizePod", "StartContainer"]
    assert world.running() == {"a": 1, "b": 0}


def test_where_the_runtime_cannot_the_container_restarts() -> None:
    world = running()
    world.candidate, world.in_place = R2, False
    world.settle()
    assert world.running() == {"a": 1, "b": 0}
    assert [step.containers for step in resizes(world)] == [()], "the pod's own cgroup is ours to change"
    assert [c.restart_count for c in world.containers if c.state is ContainerState.RUNNING] == [0, 0]


def test_more_than_the_node_has_waits() -> None:
    world = running()
    world.candidate, world.blocked = R2, Blocked(reason="OutOfcpu", message="too much")
    actions = world.settle()
    assert not resizes(world)
    assert actions.stuck is not None
    assert actions.stuck.reason == "OutOfcpu"


def test_less_than_it_has_now_restarts_it_whatever_made_it() -> None:
    """64Mi made it, 128Mi it was given in place: 96Mi is less, also for an agent that comes after."""
    world = running()
    world.candidate = revision("r2", limited("1", "128Mi"))
    world.settle()
    assert world.running() == {"a": 0, "b": 0}
    world.resized, world.candidate = None, revision("r3", limited("1", "96Mi"))
    world.settle()
    assert world.running() == {"a": 1, "b": 0}
    assert world.plan().steps == ()
    world.candidate = revision("r4", limited("1", "112Mi", image="img:1"))
    world.settle()
    assert world.running() == {"a": 1, "b": 0}, "what another attempt was given counts no more"
