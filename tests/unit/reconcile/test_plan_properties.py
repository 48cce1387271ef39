"""From any observed state plans converge, whatever step was interrupted, and a converged pod's plan is empty."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from podstead.state.observed import ContainerState
from tests.unit.reconcile.world import World, container, hooked, make_pod, revision, sandbox

STATES = st.sampled_from(list(ContainerState))


@st.composite
def worlds(draw: st.DrawFn) -> World:
    names = draw(st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, unique=True))
    host = draw(st.booleans())
    effective = revision("r1", hooked(make_pod(*names, host_network=host), *draw(st.sets(st.sampled_from(names)))))
    other = revision("r0", make_pod("a", "b", image="old:1", host_network=draw(st.booleans())))
    boxes = [
        sandbox(n, ready=draw(st.booleans()), rev=draw(st.sampled_from(["r0", "r1"])), host=host)
        for n in range(draw(st.integers(0, 3)))
    ]
    containers = []
    for name in draw(st.lists(st.sampled_from(["a", "b", "c", "stranger"]), unique=True)) if boxes else []:
        alive = False
        for attempt in range(draw(st.integers(1, 3))):
            state = draw(STATES)
            if state is ContainerState.RUNNING and alive:
                state = ContainerState.EXITED
            alive = alive or state is ContainerState.RUNNING
            containers.append(
                container(
                    name,
                    attempt,
                    state,
                    inside=draw(st.sampled_from([b.id for b in boxes])),
                    rev=draw(st.sampled_from(["r0", "r1"])),
                    exit_code=draw(st.integers(0, 2)),
                )
            )
    candidate = revision("r2", make_pod(*names, image="new:1", host_network=host)) if draw(st.booleans()) else None
    return World(effective=effective, candidate=candidate, sandboxes=boxes, containers=containers, others=[other])


def converged(world: World) -> None:
    assert world.effective is not None
    assert set(world.running()) == {c.name for c in world.effective.pod.spec.containers}
    assert sum(s.ready for s in world.sandboxes) == 1
    assert world.plan().steps == ()
    assert world.candidate is None


@settings(deadline=None)
@given(worlds())
def test_converges_from_any_state(world: World) -> None:
    world.settle()
    converged(world)


@settings(deadline=None)
@given(worlds(), st.data())
def test_converges_when_interrupted_after_any_step(world: World, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 12))):
        steps = world.plan().steps
        if not steps:
            break
        world.act(data.draw(st.sampled_from(steps)))
        world.check()
        # The agent dies here: what lives only in memory is gone.
        world.prepared.clear()
        world.pulled.clear()
        world.images.clear()
    world.settle()
    converged(world)


@settings(deadline=None)
@given(worlds())
def test_termination_always_ends_with_nothing_left(world: World) -> None:
    world.terminating = True
    world.settle()
    assert world.finished
    assert not world.sandboxes
