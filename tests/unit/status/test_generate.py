"""What the API shows of a pod while it is initialised, runs, ends and loses its records (spec/kubelet-static-pods.md 7)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from podstead.k8s import core_v1 as v1
from podstead.server.printers.pods import pod_cells
from podstead.state.observed import ContainerState
from podstead.state.records import ContainerHistory, Transition
from podstead.status.conditions import transitions
from podstead.status.generate import NodeIdentity, generate_pod
from tests.unit.reconcile.world import World, make_pod, revision, setup, sidecar

if TYPE_CHECKING:
    from podstead.reconcile.actions import PodActions

NODE = NodeIdentity(name="node1", ip="192.0.2.1", runtime="containerd")
START_OVER = v1.ContainerRestartRule(
    action="RestartAllContainers", exit_codes=v1.ContainerRestartRuleOnExitCodes(operator="In", values=(88,))
)


@dataclass
class Shown:
    """A world whose pod is shown after each look, as the mirror does it."""

    world: World
    pod: v1.Pod | None = None
    words: list[str] = field(default_factory=list)
    """What kubectl would have written in the STATUS column, each word once in a row."""

    def look(self) -> PodActions:
        """Plan, and show what follows."""
        actions, world = self.world.plan(), self.world
        self.pod = generate_pod(
            world.desired(), world.observed(), world.probes, world.history, actions, self.pod, NODE, world.instant()
        )
        if self.cells[2] not in self.words[-1:]:
            self.words.append(self.cells[2])
        return actions

    def settle(self) -> None:
        """Look and act until nothing happens any more."""
        for _ in range(60):
            steps = self.look().steps
            for step in steps:
                self.world.act(step)
            if not steps and not self.world.goes_on():
                return
        raise AssertionError("no end")

    @property
    def status(self) -> v1.PodStatus:
        """The status last shown."""
        assert self.pod is not None
        assert self.pod.status is not None
        return self.pod.status

    @property
    def cells(self) -> tuple[str, ...]:
        """The row that kubectl prints: name, READY, STATUS, RESTARTS and more."""
        assert self.pod is not None
        return pod_cells(self.pod, self.world.instant().wall).texts

    def of(self, name: str) -> v1.ContainerStatus:
        """Return the status of a container."""
        return next(
            s for s in (*self.status.init_container_statuses, *self.status.container_statuses) if s.name == name
        )

    def condition(self, kind: str) -> tuple[str, str | None]:
        """Return status and reason of a condition."""
        return next(((c.status, c.reason) for c in self.status.conditions if c.type == kind), ("", None))


def shown(*init: v1.Container, policy: str = "Always", **fields: object) -> Shown:
    pod = make_pod(init=init, restart_policy=policy, **fields)  # type: ignore[arg-type]  # the world's own
    return Shown(World(effective=revision("r1", pod)))


def reason(status: v1.ContainerStatus) -> str:
    """Return why a container waits, or ended."""
    state = status.state or v1.ContainerState()
    why = state.waiting or state.terminated
    return (why.reason or "") if why else ""


def last(status: v1.ContainerStatus) -> tuple[int, str | None]:
    """Return exit code and reason of a container's last state."""
    assert status.last_state is not None
    assert status.last_state.terminated is not None
    return status.last_state.terminated.exit_code, status.last_state.terminated.reason


def test_what_kubectl_prints_while_a_pod_is_initialised() -> None:
    it = shown(setup("i"), sidecar("s"), setup("j"))
    it.settle()
    assert it.words == ["Init:0/3", "Init:1/3", "Init:2/3", "PodInitializing", "Running"]
    assert it.cells[1] == "2/2", "sidecars count"
    assert [s.name for s in it.status.init_container_statuses] == ["i", "s", "j"]


def test_conditions_and_states_before_the_pod_is_initialised() -> None:
    it = shown(setup("i"), sidecar("s"))
    while not it.world.running():
        for step in it.look().steps:
            it.world.act(step)
    it.look()
    assert it.status.phase == "Pending"
    assert it.condition("Initialized") == ("False", "ContainersNotInitialized")
    message = next(c.message for c in it.status.conditions if c.type == "Initialized")
    assert message == "containers with incomplete status: [i s]"
    assert it.condition("ContainersReady") == ("False", "ContainersNotReady")
    assert [reason(it.of(name)) for name in ("s", "web")] == ["PodInitializing", "PodInitializing"]
    assert (it.of("i").ready, it.of("i").started) == (False, False)
    it.settle()
    assert (it.of("i").ready, it.of("i").started, reason(it.of("i"))) == (True, False, "Completed")
    assert it.condition("Initialized") == ("True", None)
    assert it.condition("Ready") == ("True", None)


def test_a_failing_init_container_is_shown_with_its_back_off() -> None:
    it = shown(setup("i"))
    it.world.exits["i"] = [1, 1]
    it.settle()
    assert it.cells[2] == "Init:CrashLoopBackOff"
    assert it.cells[3] == "1"
    assert it.status.phase == "Pending"
    assert last(it.of("i")) == (1, "Error")


def test_a_pod_that_its_init_container_has_failed() -> None:
    it = shown(setup("i"), policy="Never")
    it.world.exits["i"] = [3]
    it.settle()
    assert it.status.phase == "Failed"
    assert it.cells[1:3] == ("0/1", "Init:Error")
    assert reason(it.of("web")) == "PodInitializing", "as the kubelet leaves it"
    assert it.condition("Ready") == ("False", "PodFailed")


def test_a_sidecar_that_is_not_ready_makes_the_pod_so() -> None:
    probe = v1.Probe(tcp_socket=v1.TCPSocketAction(port=80))
    it = shown(sidecar("s", readiness_probe=probe))
    it.settle()
    assert it.cells[1:3] == ("1/2", "Running")
    assert it.condition("Ready") == ("False", "ContainersNotReady")
    assert next(c.message for c in it.status.conditions if c.type == "Ready") == "containers with unready status: [s]"


def test_a_restarting_sidecar_does_not_make_an_initialised_pod_pending() -> None:
    it = shown(sidecar("s"))
    it.settle()
    for _ in range(2):
        it.world.crash("s")
        it.settle()
    assert reason(it.of("s")) == "CrashLoopBackOff"
    assert it.status.phase == "Running"
    assert it.condition("Initialized") == ("True", None)


@pytest.mark.parametrize(("code", "phase", "word"), [(0, "Succeeded", "Completed"), (3, "Failed", "Error")])
def test_a_job_with_a_sidecar_ends_when_the_sidecar_has(code: int, phase: str, word: str) -> None:
    it = shown(sidecar("s"), policy="Never")
    it.settle()
    it.world.crash(code=code)
    for step in it.look().steps:
        it.world.act(step)
    assert it.status.phase == "Running", "its sidecar runs"
    it.settle()
    assert it.status.phase == phase
    assert it.cells[2] == word
    assert it.condition("Ready") == ("False", "PodCompleted" if code == 0 else "PodFailed")
    assert it.condition("Initialized")[0] == "True"


def test_an_end_is_shown_although_no_record_of_it_is_left() -> None:
    it = shown(setup("i"), policy="Never")
    it.settle()
    it.world.crash(code=3)
    it.settle()
    it.world.containers.clear()
    it.world.sandboxes.clear()
    it.settle()
    assert it.status.phase == "Failed"
    web = it.of("web").state
    assert web is not None
    assert web.terminated is not None
    assert web.terminated.exit_code == 3
    it.world.history = World(effective=None).history
    it.settle()
    assert it.status.phase == "Failed"


def test_no_terminal_phase_between_a_kill_and_the_restart_after_it() -> None:
    it = shown(policy="OnFailure")
    it.settle()
    found = it.world.containers[0]
    memory = replace(it.world.history.of("web"), killed_attempt=0)
    it.world.history = replace(it.world.history, containers={"web": memory})
    it.world.containers = [replace(found, state=ContainerState.EXITED, exit_code=0, exit_seen=it.world.now)]
    it.look()
    assert it.status.phase == "Running"


def test_a_lost_container_does_not_make_the_pod_pending() -> None:
    it = shown()
    it.settle()
    it.world.containers.clear()
    it.look()
    assert it.status.phase == "Running"
    assert last(it.of("web")) == (137, "ContainerStatusUnknown")
    it.settle()
    assert last(it.of("web")) == (137, "ContainerStatusUnknown"), "what was shown is kept"
    assert it.of("web").restart_count == 1


def test_a_container_that_is_being_started_is_not_lost() -> None:
    it = shown()
    memory = ContainerHistory(last_attempt=0, started_attempt=0)
    it.world.history = replace(it.world.history, containers={"web": memory})
    it.world.in_flight = frozenset({"container:web"})
    it.look()
    assert it.of("web").last_state is None


def test_the_lost_record_of_an_init_container_is_no_loss() -> None:
    it = shown(setup("i"))
    it.settle()
    it.world.containers = [c for c in it.world.containers if c.name != "i"]
    it.world.history = replace(it.world.history, containers={"web": it.world.history.of("web")})
    it.look()
    assert reason(it.of("i")) == "Completed"
    assert it.of("i").ready
    assert it.cells[2] == "Running"


def test_a_new_sandbox_shows_that_the_pod_is_initialised_again() -> None:
    it = shown(setup("i"), setup("j"))
    it.settle()
    it.words.clear()
    it.world.sandboxes = [replace(it.world.sandboxes[0], ready=False)]
    it.world.crash()
    it.settle()
    assert it.words == ["Init:0/2", "Init:1/2", "PodInitializing", "Running"]
    assert it.cells[3].startswith("1")


def test_what_starts_over_says_so() -> None:
    main = v1.Container(name="web", image="img:1", restart_policy="Never", restart_policy_rules=(START_OVER,))
    it = shown(setup("i"), containers=(main,))
    it.settle()
    it.world.crash(code=88)
    for _ in range(3):
        actions = it.look()
        if not actions.restarting_all:
            break
        assert it.condition("AllContainersRestarting") == ("True", "RestartAllContainersStarted")
        for step in actions.steps:
            it.world.act(step)
    assert it.condition("AllContainersRestarting") == ("", None)
    assert last(it.of("web")) == (137, "RestartingAllContainers")
    it.settle()
    assert (it.of("web").restart_count, it.of("i").restart_count) == (1, 1)
    assert last(it.of("web")) == (137, "RestartingAllContainers")


def test_a_deadline_ends_a_pod_with_its_reason() -> None:
    it = shown(sidecar("s"), active_deadline_seconds=60)
    it.world.start_time = 1_700_000_000 + it.world.now
    it.settle()
    it.world.now += 60
    it.settle()
    assert (it.status.phase, it.status.reason) == ("Failed", "DeadlineExceeded")
    assert "60" in (it.status.message or "")


def test_a_pod_that_makes_room_says_that_it_is_disrupted() -> None:
    it = shown()
    it.settle()
    it.world.preempted = True
    it.settle()
    assert it.status.phase == "Pending"
    assert it.condition("DisruptionTarget") == ("True", "TerminationByKubelet")


def test_containers_are_sorted_by_name() -> None:
    pod = make_pod("b", "a", "c")
    it = Shown(World(effective=revision("r1", pod)))
    it.settle()
    assert [s.name for s in it.status.container_statuses] == ["a", "b", "c"]


def times(it: Shown) -> dict[str, str]:
    return {c.type: c.last_transition_time or "" for c in it.status.conditions}


def test_conditions_hold_since_when_they_did_for_the_agent_before() -> None:
    it = shown()
    it.settle()
    before = times(it)
    it.world.history = replace(it.world.history, transitions=transitions(it.status.conditions))
    it.world.now += 3600
    it.pod = None
    it.settle()
    assert times(it) == before
    it.world.history = replace(it.world.history, transitions={})
    it.pod = None
    it.settle()
    assert set(times(it).values()) == {"2023-11-14T23:30:00Z"}, "nobody has shown them before"


@pytest.mark.parametrize(
    ("status", "at", "shows"),
    [
        ("True", "2023-11-14T22:00:00Z", "2023-11-14T22:00:00Z"),
        ("False", "2023-11-14T22:00:00Z", "now"),
        ("True", "2031-01-01T00:00:00Z", "now"),
        ("True", "", "now"),
    ],
)
def test_a_time_of_another_status_or_still_to_come_is_none(status: str, at: str, shows: str) -> None:
    it = shown()
    it.settle()
    it.world.history = replace(it.world.history, transitions={"Ready": Transition(status=status, at=at)})
    it.pod = None
    it.settle()
    found = times(it)
    assert found["Ready"] == (found["PodScheduled"] if shows == "now" else shows)
