"""From any observed state plans converge, whatever step was interrupted, and a converged pod's plan is empty."""

from __future__ import annotations

from enum import Enum

from hypothesis import given, settings
from hypothesis import strategies as st

from podstead.k8s import core_v1 as v1
from podstead.k8s.containers import all_containers, standing_containers
from podstead.k8s.restart_rules import ALWAYS, restart_policy
from podstead.reconcile.actions import Step, StopContainer
from podstead.state.observed import ContainerState, TaskFailure
from podstead.state.records import ContainerHistory, PodHistory
from tests.unit.reconcile.world import World, container, make_pod, revision, sandbox, setup, sidecar

POLICIES = ("Always", "OnFailure", "Never")
REGULAR, PLAIN, SIDECARS = ("a", "b", "c"), ("i", "j"), ("s", "t")
PROBE = v1.Probe(tcp_socket=v1.TCPSocketAction(port=80))
HANDLER = v1.LifecycleHandler(exec=v1.ExecAction(command=("x",)))
HOOKS = st.sampled_from([None, v1.Lifecycle(post_start=HANDLER), v1.Lifecycle(pre_stop=HANDLER)])


def a_rule(action: str, codes: tuple[int, ...]) -> v1.ContainerRestartRule:
    return v1.ContainerRestartRule(
        action=action, exit_codes=v1.ContainerRestartRuleOnExitCodes(operator="In", values=codes)
    )


@st.composite
def own_policies(draw: st.DrawFn, policies: tuple[str, ...] = POLICIES) -> dict[str, object]:
    """A container's own policy and rules, or none."""
    if draw(st.booleans()):
        return {}
    actions = st.sampled_from(["Restart", "RestartAllContainers"])
    codes = st.sets(st.integers(1, 2), min_size=1).map(tuple)
    rules = draw(st.lists(st.builds(a_rule, actions, codes), max_size=2))
    return {"restart_policy": draw(st.sampled_from(policies)), "restart_policy_rules": tuple(rules)}


@st.composite
def pods(draw: st.DrawFn, *, host_network: bool, image: str = "img:1") -> v1.Pod:
    """A pod of one to three containers, with init containers and sidecars in any order."""
    init = [
        sidecar(name, startup_probe=PROBE if draw(st.booleans()) else None, lifecycle=draw(HOOKS))
        if name in SIDECARS
        else setup(name, **draw(own_policies(("OnFailure", "Never"))))
        for name in draw(st.lists(st.sampled_from([*PLAIN, *SIDECARS]), unique=True))
    ]
    names = draw(st.lists(st.sampled_from(REGULAR), min_size=1, unique=True))
    containers = tuple(
        v1.Container(name=name, image=image, lifecycle=draw(HOOKS), **draw(own_policies()))  # type: ignore[arg-type]  # policy and rules
        for name in names
    )
    policy = draw(st.sampled_from(POLICIES))
    return make_pod(host_network=host_network, restart_policy=policy, init=tuple(init), containers=containers)


@st.composite
def memories(draw: st.DrawFn, attempt: int) -> ContainerHistory:
    """What may be remembered of a name whose highest attempt is this."""
    known = st.sampled_from([-1, attempt])
    return ContainerHistory(
        last_attempt=attempt,
        started_attempt=draw(known),
        killed_attempt=draw(known),
        returning_attempt=draw(known),
        cleared_attempt=draw(known),
        exit_attempt=draw(known),
        exit_code=draw(st.integers(0, 2)),
        backoff_level=draw(st.integers(0, 6)),
        advanced_at=draw(st.none() | st.just(990.0)),
        boot_id=draw(st.sampled_from(["boot-0", "boot-1"])),
    )


@st.composite
def worlds(draw: st.DrawFn) -> World:
    host = draw(st.booleans())
    effective = revision("r1", draw(pods(host_network=host)))
    other = revision("r0", make_pod("a", "b", image="old:1", host_network=draw(st.booleans())))
    made_by = st.sampled_from(["r0", "r1"])
    boxes = [
        sandbox(n, ready=draw(st.booleans()), rev=draw(made_by), host=host) for n in range(draw(st.integers(0, 3)))
    ]
    containers = []
    remembered = {}
    names = (*REGULAR, *PLAIN, *SIDECARS, "stranger")
    for name in draw(st.lists(st.sampled_from(names), unique=True)):
        attempts = draw(st.integers(0, 3)) if boxes else 0
        alive = False
        for attempt in range(attempts):
            state = draw(st.sampled_from(list(ContainerState)))
            if state is ContainerState.RUNNING and alive:
                state = ContainerState.EXITED
            alive = alive or state is ContainerState.RUNNING
            inside, code = draw(st.sampled_from([b.id for b in boxes])), draw(st.integers(0, 2))
            found = container(name, attempt, state, inside=inside, rev=draw(made_by), exit_code=code, exit_seen=990.0)
            containers.append(found)
        if draw(st.booleans()):
            remembered[name] = draw(memories(attempts - 1 if attempts else draw(st.integers(-1, 2))))
    host_of_next = draw(st.booleans())
    keys = st.sampled_from([*(f"container:{name}" for name in names), "sandbox", "pull:img:1", "volumes:r1", "promote"])
    failure = TaskFailure(reason="Failed", message="", since=995.0, retry_at=1005.0)
    return World(
        effective=effective,
        candidate=revision("r2", draw(pods(host_network=host_of_next, image="new:1"))) if draw(st.booleans()) else None,
        sandboxes=boxes,
        containers=containers,
        others=[other],
        replaced=draw(st.dictionaries(st.sampled_from(names), st.integers(0, 2), max_size=2)),
        history=PodHistory(sandbox_attempt=draw(st.integers(-1, 3)), containers=remembered),
        in_flight=draw(st.frozensets(keys, max_size=2)),
        failures=dict.fromkeys(draw(st.sets(keys, max_size=2)), failure),
        exits={name: draw(st.lists(st.integers(0, 2), max_size=2)) for name in PLAIN},
    )


def converged(world: World) -> None:
    """Assert that everything runs that should, or that the pod has ended; and that nothing is left to do."""
    assert world.effective is not None
    spec = world.effective.pod.spec
    running = set(world.running())
    if world.completion is None:
        down = {c.name for c in standing_containers(spec)} - running
        assert running <= {c.name for c in standing_containers(spec)}
        assert running & {c.name for c in spec.containers}
        assert all(restart_policy(spec, c) != ALWAYS for c in standing_containers(spec) if c.name in down)
        assert sum(s.ready for s in world.sandboxes) == 1
    else:
        assert not running
        assert not any(s.ready for s in world.sandboxes)
        assert any(restart_policy(spec, c) != ALWAYS for c in all_containers(spec))
    assert world.plan().steps == ()
    assert world.candidate is None


@settings(deadline=None)
@given(worlds())
def test_converges_from_any_state(world: World) -> None:
    world.run_out()
    converged(world)


class Fate(Enum):
    """What may become of a step."""

    DONE = "done"
    NOT_DONE = "it failed, and nothing came of it"
    REPLY_LOST = "it was done, and seems to have failed"
    DIED_BEFORE = "the agent died before it"
    NOTED = "it was noted, and the agent lives and has not come to it"
    DIED_NOTED = "it was noted, and the agent died before it"
    DIED_AFTER = "the agent died after it, and what it noted of it is lost"


def suffer(world: World, step: Step, fate: Fate) -> None:
    """Let a step meet its fate. What lives only in memory is gone with the agent."""
    noted = world.history
    if fate in {Fate.NOTED, Fate.DIED_NOTED}:
        world.history = world.after(step)
    if fate in {Fate.DONE, Fate.REPLY_LOST, Fate.DIED_AFTER}:
        world.act(step)
    if fate in {Fate.NOT_DONE, Fate.REPLY_LOST}:
        world.failures[step.key] = TaskFailure(reason="Failed", message="", since=world.now, retry_at=world.now + 1)
    if fate is Fate.DIED_AFTER and not isinstance(step, StopContainer):  # a stop's note is in time: it takes seconds
        world.history = noted
    if fate in {Fate.DIED_BEFORE, Fate.DIED_AFTER, Fate.DIED_NOTED}:
        world.agent_dies()


@settings(deadline=None)
@given(worlds(), st.data())
def test_converges_when_interrupted_at_any_step(world: World, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 12))):
        steps = world.plan().steps
        if not steps and not world.goes_on():
            break
        if steps:
            suffer(world, data.draw(st.sampled_from(steps)), data.draw(st.sampled_from(Fate)))
            world.check()
    world.run_out()
    converged(world)


@settings(deadline=None)
@given(worlds(), st.data())
def test_termination_always_ends_with_nothing_left(world: World, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(0, 4))):
        for step in world.plan().steps:
            world.act(step)
    world.terminating = True
    world.run_out()
    assert world.finished
    assert not world.sandboxes
    assert not world.containers


@settings(deadline=None)
@given(worlds())
def test_a_pod_that_root_stopped_stays_down_until_it_is_started(world: World) -> None:
    world.stopped = True
    world.run_out()
    assert world.running() == {}
    assert not any(s.ready for s in world.sandboxes)
    world.stopped = False
    world.run_out()
    converged(world)


@settings(deadline=None)
@given(worlds())
def test_a_preempted_pod_stops_and_comes_back(world: World) -> None:
    world.run_out()
    before = world.running()
    counts = {name: memory.restart_count for name, memory in world.history.containers.items()}
    world.exits.clear()
    world.preempted = True
    world.run_out()
    assert world.running() == {}
    world.preempted = False
    world.run_out()
    converged(world)
    assert world.running().keys() == before.keys()
    assert {name: world.history.of(name).restart_count for name in counts} == counts
