"""A world of values in which plans are carried out at once: the smallest runtime that can be true."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import msgspec

from podstead.clock import Instant
from podstead.config.runtime import RestartSettings
from podstead.identity import ContainerID, PodKey, PodUID, RevisionID, SandboxID
from podstead.k8s import core_v1 as v1
from podstead.k8s.containers import all_containers
from podstead.k8s.volumes import keeps_up
from podstead.manifest.defaults import apply_defaults
from podstead.reconcile.actions import (
    Conclude,
    FallBack,
    FinishIncarnation,
    NoteProgress,
    PodActions,
    PrepareVolumes,
    Promote,
    PullImage,
    RemoveContainer,
    RemoveSandbox,
    ResizePod,
    RunPostStart,
    RunPreStop,
    RunSandbox,
    StartContainer,
    Step,
    StopContainer,
    StopSandbox,
)
from podstead.reconcile.memory import (
    after_clearing,
    after_exits,
    after_promotion,
    after_sandbox,
    after_sandbox_stop,
    after_start,
    after_stop,
)
from podstead.reconcile.plan import compute_pod_actions
from podstead.state.desired import Blocked, DesiredPod, Held
from podstead.state.observed import ContainerState, ObservedContainer, ObservedPod, ObservedSandbox, TaskFailure
from podstead.state.probes import Outcome, PodProbes, ProbeKind, ProbeVerdict
from podstead.state.records import Claim, Completion, ContainerHistory, PodHistory, PodRecord, Revision

if TYPE_CHECKING:
    from podstead.state.inputs import Inputs

UID = PodUID("11111111-2222-4333-8444-555555555555")
KEY = PodKey("default", "web-node1")
BOOT = "boot-1"


def make_pod(
    *names: str,
    image: str = "img:1",
    host_network: bool = True,
    restart_policy: str = "Always",
    init: tuple[v1.Container, ...] = (),
    containers: tuple[v1.Container, ...] = (),
    **spec: object,
) -> v1.Pod:
    """Return a defaulted pod of these containers, or with one a name, after those of `init`."""
    containers = containers or tuple(v1.Container(name=name, image=image) for name in names or ("web",))
    pod_spec = v1.PodSpec(
        containers=containers,
        init_containers=init,
        host_network=host_network,
        restart_policy=restart_policy,
        **spec,  # type: ignore[arg-type]  # any further field of the spec
    )
    return apply_defaults(v1.Pod(metadata=v1.ObjectMeta(name=KEY.name, namespace=KEY.namespace), spec=pod_spec))


def hooked(pod: v1.Pod, *names: str) -> v1.Pod:
    """Return the pod with a postStart hook in each of these containers."""
    hook = v1.Lifecycle(post_start=v1.LifecycleHandler(exec=v1.ExecAction(command=("set-up",))))
    made = tuple(msgspec.structs.replace(c, lifecycle=hook) if c.name in names else c for c in pod.spec.containers)
    return msgspec.structs.replace(pod, spec=msgspec.structs.replace(pod.spec, containers=made))


def setup(name: str, **fields: object) -> v1.Container:
    """Return an init container."""
    return v1.Container(name=name, image="img:1", **fields)  # type: ignore[arg-type]  # any further field of it


def sidecar(name: str, **fields: object) -> v1.Container:
    """Return a sidecar."""
    return setup(name, restart_policy="Always", **fields)


def revision(identifier: str, pod: v1.Pod) -> Revision:
    """Return a revision of the world's pod."""
    return Revision(id=RevisionID(identifier), key=KEY, pod=pod, data=b"", file="web.yaml")


def sandbox(attempt: int = 0, *, ready: bool = True, rev: str = "r1", host: bool = True) -> ObservedSandbox:
    """Return an observed sandbox."""
    return ObservedSandbox(
        id=SandboxID(f"s{attempt}"),
        key=KEY,
        uid=UID,
        instance="i",
        attempt=attempt,
        ready=ready,
        created_at=attempt,
        host_network=host,
        ips=() if host else ("10.88.0.2",),
        revision=RevisionID(rev),
    )


def container(
    name: str = "web",
    attempt: int = 0,
    state: ContainerState = ContainerState.RUNNING,
    *,
    inside: str = "s0",
    rev: str = "r1",
    exit_code: int = 0,
    exit_seen: float | None = None,
    restarts: int = 0,
) -> ObservedContainer:
    """Return an observed container."""
    return ObservedContainer(
        id=ContainerID(f"{name}-{attempt}"),
        sandbox_id=SandboxID(inside),
        uid=UID,
        instance="i",
        name=name,
        attempt=attempt,
        state=state,
        created_at=attempt,
        started_at=1,
        exit_code=exit_code,
        exit_seen=exit_seen,
        restart_count=restarts,
        revision=RevisionID(rev),
    )


@dataclass
class World:
    """One pod, its desired state, and a runtime that does what it is told."""

    effective: Revision | None
    candidate: Revision | None = None
    terminating: bool = False
    preempted: bool = False
    blocked: Blocked | None = None
    held: Held | None = None
    sandboxes: list[ObservedSandbox] = field(default_factory=list)
    containers: list[ObservedContainer] = field(default_factory=list)
    history: PodHistory = field(default_factory=PodHistory)
    probes: PodProbes = field(default_factory=PodProbes)
    images: dict[str, str] = field(default_factory=dict)
    pulled: set[tuple[str, RevisionID]] = field(default_factory=set)
    prepared: set[RevisionID] = field(default_factory=set)
    failures: dict[str, TaskFailure] = field(default_factory=dict)
    in_flight: frozenset[str] = frozenset()
    others: list[Revision] = field(default_factory=list)
    now: float = 1000.0
    boot_id: str = BOOT
    settings: RestartSettings = field(default_factory=RestartSettings)
    resized: RevisionID | None = None
    in_place: bool = True
    stopped: bool = False
    replaced: dict[str, int] = field(default_factory=dict)
    inputs: dict[str, Inputs] = field(default_factory=dict)
    """What each container would be started with now."""
    finished: bool = False
    completion: Completion | None = None
    start_time: float | None = None
    stopping_since: float | None = None
    pre_stopped: set[ContainerID] = field(default_factory=set)
    exits: dict[str, list[int]] = field(default_factory=dict)
    """With which codes init containers end, one run after the other; with 0 where nothing is said."""
    resets: int = 0
    log: list[Step] = field(default_factory=list)
    planned_on: list[ObservedContainer] = field(default_factory=list)
    """The containers that the last plan saw."""

    def instant(self) -> Instant:
        """Return the present."""
        return Instant(boot_id=self.boot_id, boot=self.now, wall=1_700_000_000 + self.now)

    def desired(self) -> DesiredPod:
        """Return what should be."""
        known = [r for r in (self.effective, self.candidate, *self.others) if r is not None]
        record = PodRecord(
            key=KEY,
            uid=UID,
            claim=Claim(file="web.yaml", document=0),
            created_at=0.0,
            effective=self.effective.id if self.effective else None,
            candidate=self.candidate.id if self.candidate else None,
            terminating=self.terminating,
            stopped=self.stopped,
            replaced=dict(self.replaced),
            completion=self.completion,
            start_time=self.start_time,
            start_boot=None if self.start_time is None else self.start_time - 1_700_000_000,
            start_boot_id=BOOT,
        )
        return DesiredPod(
            record=record,
            effective=self.effective,
            candidate=self.candidate,
            revisions={r.id: r for r in known},
            blocked=self.blocked,
            preempted=self.preempted,
            held=self.held,
            resized=self.resized,
            in_place=self.in_place,
            resized_by={
                n: (m.resized_attempt, m.resized_by) for n, m in self.history.containers.items() if m.resized_by
            },
            inputs=dict(self.inputs),
        )

    def observed(self) -> ObservedPod:
        """Return what is."""
        return ObservedPod(
            uid=UID,
            sandboxes=tuple(sorted(self.sandboxes, key=lambda s: -s.attempt)),
            containers=tuple(sorted(self.containers, key=lambda c: (c.name, -c.attempt))),
            in_flight=self.in_flight,
            failures=dict(self.failures),
            images=dict(self.images),
            pulled=frozenset(self.pulled),
            prepared=frozenset(self.prepared),
            pre_stopped=frozenset(self.pre_stopped),
            stopping_since=self.stopping_since,
        )

    def plan(self) -> PodActions:
        """Return the next actions without doing them."""
        observed = self.observed()
        self.planned_on = list(self.containers)
        self.history = after_exits(observed.containers, self.history)
        actions = compute_pod_actions(
            self.desired(), observed, self.probes, self.history, self.instant(), self.settings
        )
        if not actions.stopping:
            self.stopping_since = None
        elif self.stopping_since is None:
            self.stopping_since = self.now
        return actions

    def settle(self, passes: int = 40) -> PodActions:
        """Plan and act until nothing is left to do now; the last, empty plan is returned.

        When nothing else happens, init containers end and startup probes succeed.
        """
        for _ in range(passes):
            actions = self.plan()
            if not actions.steps:
                if self.goes_on():
                    continue
                return actions
            for step in actions.steps:
                self.act(step)
                self.check()
            if self.finished:
                return actions
        raise AssertionError(f"no end of planning; last steps: {self.log[-5:]}")

    def run_out(self, passes: int = 200) -> None:
        """Settle, let time pass as far as the plans ask for it, and let what was under way at first come to nothing."""
        for _ in range(passes):
            actions = self.settle()
            if self.finished:
                return
            if self.in_flight:
                self.in_flight = frozenset()
            elif actions.requeue_at is not None:
                assert actions.requeue_at > self.now, f"a plan asks for itself again at once: {actions}"
                self.now = actions.requeue_at
            else:
                return
        raise AssertionError(f"no end of waiting; last steps: {self.log[-5:]}")

    def check(self) -> None:
        """Assert what must hold at every moment."""
        alive = [c.name for c in self.containers if c.state is ContainerState.RUNNING]
        assert len(alive) == len(set(alive)), f"two instances of a container: {alive}"

    def act(self, step: Step) -> None:
        """Carry out one step."""
        self.log.append(step)
        self.failures.pop(step.key, None)
        match step:
            case PullImage():
                self.images[step.image] = "sha256:1"
                self.pulled.add((step.image, step.revision))
            case Promote():
                assert self.candidate is not None
                assert self.candidate.id == step.revision
                if self.effective:
                    self.others.append(self.effective)
                self.effective, self.candidate = self.candidate, None
                self.history = after_promotion(step, self.history)
                if step.anew:
                    self._reset()
                    self.completion = None
                if keeps_up(self.effective.pod):
                    self.prepared.discard(self.effective.id)
            case Conclude():
                assert self.effective is not None
                assert self.effective.id == step.revision
                self.completion = step.completion
            case PrepareVolumes():
                self.prepared.add(step.revision)
            case RunSandbox():
                self._run_sandbox(step)
            case StartContainer():
                self._start(step)
            case RunPostStart():
                self._remember(step.name, replace(self.history.of(step.name), post_started_attempt=step.attempt))
            case StopContainer():
                assert step.grace_seconds >= 0
                assert step.revision is not None, "nobody would know its hook"
                self._remember(step.name, after_stop(step, self.history.of(step.name)))
                self._exit(step.id, 143)
            case RunPreStop():
                self.pre_stopped.add(step.id)
            case RemoveContainer():
                if step.clears:
                    memory = after_clearing(step, self.history.of(step.clears), self.instant())
                    self._remember(step.clears, memory)
                gone = next(c for c in self.containers if c.id == step.id)
                assert gone.state is not ContainerState.RUNNING
                self.containers.remove(gone)
            case StopSandbox():
                self.history = after_sandbox_stop(self.history)
                self._end_sandbox(step.id)
            case RemoveSandbox():
                self._end_sandbox(step.id)
                self.sandboxes = [s for s in self.sandboxes if s.id != step.id]
                self.containers = [c for c in self.containers if c.sandbox_id != step.id]
            case FinishIncarnation():
                assert not self.sandboxes
                self.finished = True
            case ResizePod():
                self.resized = step.revision
                self.history = replace(self.history, resized_sandbox=step.attempt)
                for one in step.containers:
                    memory = replace(self.history.of(one.name), resized_attempt=one.attempt, resized_by=step.revision)
                    self._remember(one.name, memory)
            case NoteProgress() | FallBack():
                raise AssertionError("these come from the gate")

    def _run_sandbox(self, step: RunSandbox) -> None:
        assert self.effective is not None
        assert all(c.state is not ContainerState.RUNNING for c in self.containers), "an old container still runs"
        assert step.attempt > max((s.attempt for s in self.sandboxes), default=-1)
        host = bool(self.effective.pod.spec.host_network)
        assert self.completion is None
        if step.reset_volumes:
            self._reset()
        self.history = replace(self.history, sandbox_attempt=step.attempt)
        self.history = after_sandbox(step, self.history, self.instant())
        self.sandboxes.append(sandbox(step.attempt, rev=step.revision, host=host))

    def _reset(self) -> None:
        self.resets += 1
        self.prepared.clear()

    def _start(self, step: StartContainer) -> None:
        self._check_order(step.name)
        assert any(s.id == step.sandbox and s.ready for s in self.sandboxes)
        self._remember(step.name, after_start(step, self.history.of(step.name), self.instant()))
        if step.created is not None:
            found = next(c for c in self.containers if c.id == step.created)
            self.containers.remove(found)
        else:
            assert all(c.attempt < step.attempt for c in self.containers if c.name == step.name)
        made = container(step.name, step.attempt, inside=step.sandbox, rev=step.revision, restarts=step.restart_count)
        started_at = int(self.instant().wall * 1e9)
        self.containers.append(replace(made, started_at=started_at, inputs=self.inputs.get(step.name, ())))

    def _check_order(self, name: str) -> None:
        """Assert that a container's turn has come: what is before it has done its work, or runs if it is a sidecar.

        Records tell how far a pod has come, so nothing is asked of what is before the last of them.
        """
        assert self.effective is not None
        spec = self.effective.pod.spec
        names = [c.name for c in spec.init_containers]
        found_inside = [c for c in self.planned_on if c.sandbox_id == self._sandbox()]
        inside = {c.name for c in found_inside}
        begun = {c.name for c in found_inside if c.state is not ContainerState.CREATED}
        if begun & {c.name for c in spec.containers}:
            return
        index = names.index(name) if name in names else len(names)
        front = max((names.index(one) for one in inside & set(names)), default=0)
        for one in spec.init_containers[front:index]:
            found = max((c for c in self.planned_on if c.name == one.name), key=lambda c: c.attempt, default=None)
            assert found is not None, f"{name} starts before {one.name}"
            if one.restart_policy == "Always":
                assert found.state is ContainerState.RUNNING, f"{name} starts while {one.name} does not run"
            else:
                ended = (found.state, found.exit_code) == (ContainerState.EXITED, 0)
                assert ended, f"{name} starts before {one.name} has ended"

    def _sandbox(self) -> str:
        return next((s.id for s in self.sandboxes if s.ready), "")

    def goes_on(self) -> bool:
        """Let init containers do their work and end, and startup probes succeed; returns whether anything happened."""
        return self._end_init() or self._succeed()

    def _succeed(self) -> bool:
        due = {(c.id, ProbeKind.STARTUP) for c in self.containers if c.state is ContainerState.RUNNING}
        new = due - self.probes.verdicts.keys() if self._has_startup_probe() else set()
        success = dict.fromkeys(new, ProbeVerdict(outcome=Outcome.SUCCESS))
        self.probes = PodProbes({**self.probes.verdicts, **success})
        return bool(new)

    def _has_startup_probe(self) -> bool:
        return self.effective is not None and any(c.startup_probe for c in all_containers(self.effective.pod.spec))

    def _end_init(self) -> bool:
        names = (
            {c.name for c in self.effective.pod.spec.init_containers if c.restart_policy != "Always"}
            if self.effective
            else set()
        )
        found = [c for c in self.containers if c.name in names and c.state is ContainerState.RUNNING]
        for one in found:
            codes = self.exits.get(one.name, [])
            self._exit(one.id, codes.pop(0) if codes else 0)
        return bool(found)

    def _remember(self, name: str, memory: ContainerHistory) -> None:
        self.history = replace(self.history, containers={**self.history.containers, name: memory})

    def _exit(self, identifier: str, code: int) -> None:
        self.containers = [
            replace(c, state=ContainerState.EXITED, exit_code=code, exit_seen=self.now) if c.id == identifier else c
            for c in self.containers
        ]

    def crash(self, name: str = "web", code: int = 1) -> None:
        """Let the running container of this name exit."""
        found = next(c for c in self.containers if c.name == name and c.state is ContainerState.RUNNING)
        self._exit(found.id, code)

    def _end_sandbox(self, identifier: str) -> None:
        for found in [c for c in self.containers if c.sandbox_id == identifier]:
            assert found.state is not ContainerState.RUNNING, "a sandbox was ended under a running container"
        self.sandboxes = [replace(s, ready=False) if s.id == identifier else s for s in self.sandboxes]

    def after(self, step: Step) -> PodHistory:
        """Return what is noted of a step, without doing it."""
        trial = replace(
            self,
            sandboxes=list(self.sandboxes),
            containers=list(self.containers),
            images=dict(self.images),
            pulled=set(self.pulled),
            prepared=set(self.prepared),
            failures=dict(self.failures),
            others=list(self.others),
            pre_stopped=set(self.pre_stopped),
            log=[],
        )
        trial.act(step)
        return trial.history

    def agent_dies(self) -> None:
        """Forget what lives only in the agent's memory."""
        self.prepared.clear()
        self.pulled.clear()
        self.images.clear()
        self.failures.clear()
        self.pre_stopped.clear()
        self.in_flight = frozenset()
        self.stopping_since = None

    def running(self) -> dict[str, int]:
        """Return the attempt of each running container by name."""
        return {c.name: c.attempt for c in self.containers if c.state is ContainerState.RUNNING}
