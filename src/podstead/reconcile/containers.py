"""What to do with one container of the pod in its living sandbox (spec/kubelet-static-pods.md 3.6, 3.8, 3.9).

Invariant: at most one instance of a container name runs; a successor starts only after the old one has exited.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, assert_never

from podstead.identity import SandboxID
from podstead.k8s.containers import all_containers
from podstead.k8s.restart_rules import NEVER, Restart, after_exit, after_kill, restart_policy
from podstead.reconcile import restarts
from podstead.reconcile.actions import RemoveContainer, StartContainer, Waiting
from podstead.reconcile.backoff import crash_delay, crash_level
from podstead.reconcile.hooks import POST_START_ERROR, post_start_failure, post_start_pending, post_start_step
from podstead.reconcile.inputs import is_refreshed, refresh_at, refresh_message
from podstead.reconcile.termination import grace_seconds, stop_one
from podstead.state.observed import ContainerState
from podstead.state.probes import Outcome, ProbeKind

if TYPE_CHECKING:
    from podstead.clock import Instant
    from podstead.config.runtime import RestartSettings
    from podstead.k8s import core_v1 as v1
    from podstead.reconcile.actions import Step
    from podstead.reconcile.changes import Drift
    from podstead.state.desired import DesiredPod
    from podstead.state.observed import ObservedContainer, ObservedPod, ObservedSandbox
    from podstead.state.probes import PodProbes
    from podstead.state.records import PodHistory, Revision

# What containerd notes as the reason of a container whose start failed.
START_ERROR = "StartError"

# Stands in a start that is planned before its sandbox exists; such starts are looked at, never carried out.
_NO_SANDBOX = SandboxID("")


@dataclass(slots=True)
class ContainerPlan:
    """Findings of one pass over the containers."""

    steps: list[Step] = field(default_factory=list)
    starts: list[StartContainer] = field(default_factory=list)
    """Wanted starts, in the manifest's order; images and volumes have not been looked at yet."""
    held: dict[str, Waiting] = field(default_factory=dict)
    """Wanted starts that wait for the postStart hook of a container before them."""
    ahead: list[v1.Container] = field(default_factory=list)
    """Containers that will start when others are through with theirs."""
    waiting: dict[str, Waiting] = field(default_factory=dict)
    requeue_at: float | None = None
    unfinished: bool = False
    """Whether some container runs, starts, or will."""
    hook_of: str = ""
    """The container, of those looked at, whose postStart hook has not ended."""
    failed_init: bool = False
    """Whether an init container failed for good: nothing starts any more."""
    restarting_all: bool = False
    """Whether everything is being cleared away to start over."""

    def later(self, moment: float) -> None:
        """Ask for another plan at this boot-clock second."""
        self.requeue_at = moment if self.requeue_at is None else min(self.requeue_at, moment)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerPass:
    """What is known of a pod, and the decisions about a single container of it; findings go into a `ContainerPlan`."""

    desired: DesiredPod
    effective: Revision
    observed: ObservedPod
    probes: PodProbes
    history: PodHistory
    drift: Drift
    now: Instant
    settings: RestartSettings

    def one(self, spec: v1.Container, sandbox: ObservedSandbox | None, out: ContainerPlan) -> None:
        """Find what to do with a regular container or a sidecar whose turn has come.

        Without a sandbox only whether it would start is of interest.
        """
        found = self.observed.newest(spec.name)
        if self.is_starting(spec):
            out.unfinished = True
            self.begin(spec.name, sandbox, out)
            return
        if found is None:
            self._missing(spec, sandbox, out)
            return
        match found.state:
            case ContainerState.RUNNING:
                out.unfinished = True
                self._running(spec, found, out)
            case ContainerState.UNKNOWN:
                out.unfinished = True
                self.stop(found, grace_seconds(self.desired), "Stopping container in unknown state", out)
            case ContainerState.CREATED:
                self.created(found, sandbox, out)
            case ContainerState.EXITED:
                self.exited(spec, found, sandbox, out)
            case _:
                assert_never(found.state)

    def is_starting(self, spec: v1.Container) -> bool:
        """Return whether a start of this container is under way."""
        return f"container:{spec.name}" in self.observed.in_flight

    def begin(self, name: str, sandbox: ObservedSandbox | None, out: ContainerPlan) -> None:
        """Say that a container is about to start where only another sandbox has a record of it."""
        found = self.observed.newest(name)
        if found is not None and (sandbox is None or found.sandbox_id != sandbox.id):
            out.waiting.setdefault(name, Waiting(reason="ContainerCreating"))

    def _missing(self, spec: v1.Container, sandbox: ObservedSandbox | None, out: ContainerPlan) -> None:
        """Start a container without a record, unless it has ended and its record was removed behind our back."""
        memory = self.history.of(spec.name)
        ended = memory.exit_attempt == memory.last_attempt >= 0
        over = memory.last_attempt in {memory.cleared_attempt, memory.returning_attempt}
        if ended and not over and not self._is_replaced(spec.name):
            killed = memory.killed_attempt == memory.last_attempt
            if self.again(spec, memory.exit_code, killed=killed) is Restart.NONE:
                return
        if sandbox is None and self._is_abandoned(spec):
            return
        self.start_lost(spec.name, sandbox, out)

    def start_lost(self, name: str, sandbox: ObservedSandbox | None, out: ContainerPlan) -> None:
        """Start a container without a record: one whose start had succeeded was lost, and that is a restart (S37).

        But not when the pod was stopped to come back, nor when root asked for another one in its place.
        """
        memory = self.history.of(name)
        lost = memory.started_attempt == memory.last_attempt >= 0
        lost = lost and not self.comes_back and not self._is_replaced(name)
        self.start(name, sandbox, out, restart_count=memory.restart_count + (1 if lost else 0))

    def _is_replaced(self, name: str) -> bool:
        """Return whether root asked for another one in the place of the last attempt that is remembered."""
        return self.history.of(name).last_attempt <= self.desired.record.replaced.get(name, -1)

    def _is_abandoned(self, spec: v1.Container) -> bool:
        """Return whether a pod that is never restarted has lost its sandbox before this container's turn came.

        As the kubelet has it, such a pod ends; one that was stopped to come back, or has another content now, does not.
        """
        if restart_policy(self.effective.pod.spec, spec) != NEVER:
            return False
        records = self.observed.containers
        return bool(records) and not self.comes_back and not any(self.drift.container(c) for c in records)

    def _running(self, spec: v1.Container, found: ObservedContainer, out: ContainerPlan) -> None:
        if self.drift.is_outdated(found):
            # An edit that is taken back meanwhile finds it ended by us: that is no restart either.
            message = "Definition changed: stopping container"
            self.stop(found, grace_seconds(self.desired), message, out, comes_back=True)
            return
        if (due := refresh_at(self.desired, found, self.now)) is not None:
            out.later(due)
            if due <= self.now.boot:
                self.stop(found, grace_seconds(self.desired), refresh_message(self.desired, found), out)
                return
        if (failed := post_start_failure(found, self.observed)) is not None:
            message = f"postStart hook failed ({failed.message}): stopping container"
            self.stop(found, grace_seconds(self.desired), message, out)
            return
        record = self.desired.record
        if restarts.is_replaced(record, found) and restarts.has_turn(record, self.effective, self.observed, found):
            self.stop(found, grace_seconds(self.desired), restarts.MESSAGE, out)
            return
        for kind, probe in ((ProbeKind.LIVENESS, spec.liveness_probe), (ProbeKind.STARTUP, spec.startup_probe)):
            if probe is None or self.probes.outcome(found.id, kind) is not Outcome.FAILURE:
                continue
            grace = probe.termination_grace_period_seconds
            seconds = grace_seconds(self.desired) if grace is None else grace
            reason = f"{kind.value} probe failed: stopping container"
            self.stop(found, seconds, reason, out, probe_failure=True)
            return
        stopping = f"stop:{found.id}" in self.observed.in_flight  # for a reason that is no more: it is not taken back
        if post_start_pending(spec, found, self.history.of(found.name)) and not stopping:
            out.hook_of = out.hook_of or found.name
            out.steps.append(post_start_step(found, self.effective.id))

    def created(self, found: ObservedContainer, sandbox: ObservedSandbox | None, out: ContainerPlan) -> None:
        """Start a container that was created and not started, or remove it where it is of no use."""
        usable = sandbox is not None and found.sandbox_id == sandbox.id and not self.drift.container(found)
        if usable and not is_refreshed(self.desired, found, self.now):
            self.start(found.name, sandbox, out, restart_count=found.restart_count, created=found)
            return
        out.unfinished = True
        out.steps.append(RemoveContainer(id=found.id))

    def exited(
        self, spec: v1.Container, found: ObservedContainer, sandbox: ObservedSandbox | None, out: ContainerPlan
    ) -> None:
        """Start a container again that has ended, when its policy says so and its back-off is over.

        What counts as a restart: a crash, a failed probe, a lost sandbox. What does not: an edit, a return, a start that
        died with the agent that made it.
        """
        count = self.count(found)
        if self.drift.container(found):
            self.start(found.name, sandbox, out, restart_count=count, new_revision=True)
        elif self.returns(found) or self._start_was_cut(found):
            self.start(found.name, sandbox, out, restart_count=count)
        elif self._is_renewed(spec, found):
            self.start(found.name, sandbox, out, restart_count=count, new_revision=True)
        elif self.after(spec, found) is not Restart.NONE:
            if sandbox is None or found.sandbox_id != sandbox.id:
                # The sandbox died (a reboot, a killed pause): containers come back with it, whatever their back-off.
                self.start(found.name, sandbox, out, restart_count=count + 1)
            elif self.is_due(found, out):
                level = crash_level(found, self.history.of(found.name), self.settings, self.now)
                self.start(found.name, sandbox, out, restart_count=count + 1, crash=level)

    def _is_renewed(self, spec: v1.Container, found: ObservedContainer) -> bool:
        """Return whether a container that starts again, or was ended for that, finds a newer configuration."""
        killed = self.history.of(found.name).killed_attempt == found.attempt
        again = killed or self.after(spec, found) is not Restart.NONE
        return again and is_refreshed(self.desired, found, self.now)

    def is_due(self, found: ObservedContainer, out: ContainerPlan) -> bool:
        """Return whether the back-off after this exit is over; if not, say who waits, and until when."""
        delay = crash_delay(crash_level(found, self.history.of(found.name), self.settings, self.now), self.settings)
        due = (self.now.boot if found.exit_seen is None else found.exit_seen) + delay
        if not delay or self.now.boot >= due:
            return True
        out.unfinished = True
        out.later(due)
        message = f"back-off {delay:.0f}s restarting failed container {found.name} of pod {self.desired.record.key}"
        out.waiting[found.name] = self._back_off(found, message)
        return False

    def _back_off(self, found: ObservedContainer, message: str) -> Waiting:
        """Return why an exited container waits: its hook, where that ended it, for its own exit then tells nothing."""
        failed = post_start_failure(found, self.observed)
        if failed is not None:
            return Waiting(reason=POST_START_ERROR, message=f"{failed.message}; {message}")
        return Waiting(reason="CrashLoopBackOff", message=message)

    def count(self, found: ObservedContainer) -> int:
        """Return how often this container was restarted, by its record or our memory, whichever knows of more."""
        return max(found.restart_count, self.history.of(found.name).restart_count)

    def returns(self, found: ObservedContainer) -> bool:
        """Return whether a container was stopped to come back."""
        return self.history.of(found.name).returning_attempt == found.attempt

    @property
    def comes_back(self) -> bool:
        """Whether the pod was stopped to come back, and not everything of it has come yet."""
        memories = (self.history.of(c.name) for c in all_containers(self.effective.pod.spec))
        return any(memory.returning_attempt == memory.last_attempt >= 0 for memory in memories)

    def after(self, spec: v1.Container, found: ObservedContainer) -> Restart:
        """Return what follows from this exit by the policies and rules of today."""
        killed = self.history.of(found.name).killed_attempt == found.attempt
        return self.again(spec, found.exit_code, killed=killed)

    def again(self, spec: v1.Container, exit_code: int, *, killed: bool) -> Restart:
        """Return what follows from an exit with this code."""
        pod = self.effective.pod.spec
        return after_kill(pod, spec) if killed else after_exit(pod, spec, exit_code)

    def _start_was_cut(self, found: ObservedContainer) -> bool:
        """Return whether the container never ran because the agent that started it died: that is no crash.

        The runtime cancels a call whose caller goes away, and says so in a dozen ways. But a start that failed while
        this agent lives has left its failure with us.
        """
        return found.reason == START_ERROR and f"container:{found.name}" not in self.observed.failures

    def start(  # the ways to start differ only in these
        self,
        name: str,
        sandbox: ObservedSandbox | None,
        out: ContainerPlan,
        *,
        restart_count: int,
        created: ObservedContainer | None = None,
        crash: int | None = None,
        new_revision: bool = False,
    ) -> None:
        """Ask for a start, unless the last one failed so recently that it must wait."""
        out.unfinished = True
        attempts = [c.attempt for c in self.observed.containers if c.name == name]
        step = StartContainer(
            name=name,
            sandbox=sandbox.id if sandbox else created.sandbox_id if created else _NO_SANDBOX,
            revision=self.effective.id,
            attempt=created.attempt if created else 1 + max(self.history.of(name).last_attempt, *attempts, -1),
            restart_count=restart_count,
            created=created.id if created else None,
            crash_level=crash,
            new_revision=new_revision,
        )
        failure = self.observed.failures.get(step.key)
        if failure and self.now.boot < failure.retry_at:
            out.waiting[name] = Waiting(reason=failure.reason, message=failure.message)
            out.later(failure.retry_at)
            return
        out.starts.append(step)
        self.begin(name, sandbox, out)
        if out.hook_of:
            text = f"waits for the postStart hook of container {out.hook_of}"
            out.held[name] = Waiting(reason="ContainerCreating", message=text)

    def stop(
        self,
        found: ObservedContainer,
        grace: int,
        message: str,
        out: ContainerPlan,
        *,
        probe_failure: bool = False,
        comes_back: bool = False,
    ) -> None:
        """Ask for the end of a container."""
        step = stop_one(found, grace, "Killing", message, probe_failure=probe_failure, comes_back=comes_back)
        out.steps.append(step)
