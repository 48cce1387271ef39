"""What to do with each container of the pod in its living sandbox (spec/kubelet-static-pods.md 3.6, 3.8, 3.9).

Invariant: at most one instance of a container name runs; a successor starts only after the old one has exited.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, assert_never

from podstead.identity import SandboxID
from podstead.reconcile import restarts
from podstead.reconcile.actions import RemoveContainer, StartContainer, Waiting
from podstead.reconcile.backoff import crash_delay, crash_level
from podstead.reconcile.hooks import (
    POST_START_ERROR,
    post_start_failure,
    post_start_pending,
    post_start_step,
)
from podstead.reconcile.inputs import is_refreshed, refresh_at, refresh_message
from podstead.reconcile.termination import grace_seconds, stop_all, stop_one
from podstead.state.observed import ContainerState
from podstead.state.probes import Outcome, ProbeKind

if TYPE_CHECKING:
    from podstead.clock import Instant
    from podstead.config import RestartSettings
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
    waiting: dict[str, Waiting] = field(default_factory=dict)
    requeue_at: float | None = None
    unfinished: bool = False
    """Whether some container runs, starts, or will."""
    hook_of: str = ""
    """The container, of those looked at, whose postStart hook has not ended."""

    def later(self, moment: float) -> None:
        """Ask for another plan at this boot-clock second."""
        self.requeue_at = moment if self.requeue_at is None else min(self.requeue_at, moment)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerPass:
    """Plans the containers of one pod: snapshot in, `ContainerPlan` out."""

    desired: DesiredPod
    effective: Revision
    observed: ObservedPod
    probes: PodProbes
    history: PodHistory
    drift: Drift
    now: Instant
    settings: RestartSettings

    def plan(self, sandbox: ObservedSandbox | None) -> ContainerPlan:
        """Return what to do; without a sandbox only which containers would start is of interest."""
        out = ContainerPlan()
        names = {c.name for c in self.effective.pod.spec.containers}
        for container in self.effective.pod.spec.containers:
            self._one(container, sandbox, out)
        self._strangers(names, out)
        self._prune(names, out)
        return out

    def _one(self, spec: v1.Container, sandbox: ObservedSandbox | None, out: ContainerPlan) -> None:
        found = self.observed.newest(spec.name)
        if f"container:{spec.name}" in self.observed.in_flight:
            out.unfinished = True
            return
        if found is None:
            self._start_missing(spec.name, sandbox, out)
            return
        match found.state:
            case ContainerState.RUNNING:
                out.unfinished = True
                self._running(spec, found, out)
            case ContainerState.UNKNOWN:
                out.unfinished = True
                self._stop(found, grace_seconds(self.desired), "Stopping container in unknown state", out)
            case ContainerState.CREATED:
                self._created(found, sandbox, out)
            case ContainerState.EXITED:
                self._exited(found, sandbox, out)
            case _:
                assert_never(found.state)

    def _start_missing(self, name: str, sandbox: ObservedSandbox | None, out: ContainerPlan) -> None:
        memory = self.history.of(name)
        # A record that is gone although its start had succeeded was removed behind our back: that is a restart (S37).
        # But not when root asked for another one in its place.
        lost = memory.started_attempt >= 0 and memory.started_attempt == memory.last_attempt
        lost = lost and memory.last_attempt > self.desired.record.replaced.get(name, -1)
        self._start(name, sandbox, out, restart_count=memory.restart_count + (1 if lost else 0))

    def _running(self, spec: v1.Container, found: ObservedContainer, out: ContainerPlan) -> None:
        if self.drift.is_outdated(found):
            self._stop(found, grace_seconds(self.desired), "Definition changed: stopping container", out)
            return
        if (due := refresh_at(self.desired, found, self.now)) is not None:
            out.later(due)
            if due <= self.now.boot:
                self._stop(found, grace_seconds(self.desired), refresh_message(self.desired, found), out)
                return
        if (failed := post_start_failure(found, self.observed)) is not None:
            message = f"postStart hook failed ({failed.message}): stopping container"
            self._stop(found, grace_seconds(self.desired), message, out)
            return
        record = self.desired.record
        if restarts.is_replaced(record, found) and restarts.has_turn(record, self.effective, self.observed, found):
            self._stop(found, grace_seconds(self.desired), restarts.MESSAGE, out)
            return
        for kind, probe in ((ProbeKind.LIVENESS, spec.liveness_probe), (ProbeKind.STARTUP, spec.startup_probe)):
            if probe is None or self.probes.outcome(found.id, kind) is not Outcome.FAILURE:
                continue
            grace = probe.termination_grace_period_seconds
            seconds = grace_seconds(self.desired) if grace is None else grace
            reason = f"{kind.value} probe failed: stopping container"
            self._stop(found, seconds, reason, out, probe_failure=True)
            return
        stopping = f"stop:{found.id}" in self.observed.in_flight  # for a reason that is no more: it is not taken back
        if post_start_pending(spec, found, self.history.of(found.name)) and not stopping:
            out.hook_of = out.hook_of or found.name
            out.steps.append(post_start_step(found, self.effective.id))

    def _created(self, found: ObservedContainer, sandbox: ObservedSandbox | None, out: ContainerPlan) -> None:
        usable = sandbox is not None and found.sandbox_id == sandbox.id and not self.drift.container(found)
        if usable and not is_refreshed(self.desired, found, self.now):
            self._start(found.name, sandbox, out, restart_count=found.restart_count, created=found)
            return
        out.unfinished = True
        out.steps.append(RemoveContainer(id=found.id))

    def _exited(self, found: ObservedContainer, sandbox: ObservedSandbox | None, out: ContainerPlan) -> None:
        memory = self.history.of(found.name)
        count = max(found.restart_count, memory.restart_count)
        if self.drift.container(found):
            self._start(found.name, sandbox, out, restart_count=count, new_revision=True)
            return
        if self._start_was_cut(found):
            self._start(found.name, sandbox, out, restart_count=count)
            return
        killed = memory.killed_attempt == found.attempt
        restarts = self._restarts(found, killed=killed)
        if (restarts or killed) and is_refreshed(self.desired, found, self.now):
            self._start(found.name, sandbox, out, restart_count=count, new_revision=True)
            return
        if not restarts:
            return
        if sandbox is None or found.sandbox_id != sandbox.id:
            # The sandbox died (a reboot, a killed pause): containers come back with it, whatever their back-off.
            self._start(found.name, sandbox, out, restart_count=count + 1)
            return
        level = crash_level(found, memory, self.settings, self.now)
        delay = crash_delay(level, self.settings)
        due = (self.now.boot if found.exit_seen is None else found.exit_seen) + delay
        if delay and self.now.boot < due:
            out.unfinished = True
            out.later(due)
            message = f"back-off {delay:.0f}s restarting failed container {found.name} of pod {self.desired.record.key}"
            out.waiting[found.name] = self._back_off(found, message)
            return
        self._start(found.name, sandbox, out, restart_count=count + 1, crash=level)

    def _back_off(self, found: ObservedContainer, message: str) -> Waiting:
        """Return why an exited container waits: its hook, where that ended it, for its own exit then tells nothing."""
        failed = post_start_failure(found, self.observed)
        if failed is not None:
            return Waiting(reason=POST_START_ERROR, message=f"{failed.message}; {message}")
        return Waiting(reason="CrashLoopBackOff", message=message)

    def _start_was_cut(self, found: ObservedContainer) -> bool:
        """Return whether the container never ran because the agent that started it died: that is no crash.

        The runtime cancels a call whose caller goes away, and says so in a dozen ways. But a start that failed while
        this agent lives has left its failure with us.
        """
        return found.reason == START_ERROR and f"container:{found.name}" not in self.observed.failures

    def _restarts(self, found: ObservedContainer, *, killed: bool) -> bool:
        policy = self.effective.pod.spec.restart_policy
        if policy == "OnFailure":
            return killed or found.exit_code != 0
        return policy != "Never"

    def _start(  # the four ways to start differ only in these
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
        if out.hook_of:
            text = f"waits for the postStart hook of container {out.hook_of}"
            out.held[name] = Waiting(reason="ContainerCreating", message=text)

    def _stop(
        self, found: ObservedContainer, grace: int, message: str, out: ContainerPlan, *, probe_failure: bool = False
    ) -> None:
        out.steps.append(stop_one(found, grace, "Killing", message, probe_failure=probe_failure))

    def _strangers(self, names: set[str], out: ContainerPlan) -> None:
        """Stop containers that the manifest no longer has, and all but the newest instance of a name."""
        grace = grace_seconds(self.desired)
        for found in self.observed.containers:
            newest = self.observed.newest(found.name)
            if found.name in names and newest is not None and newest.id == found.id:
                continue
            stops = stop_all((found,), grace, "Killing", "Stopping container")
            out.steps += stops
            if stops:
                out.unfinished = True
            elif found.name not in names or found.state is ContainerState.CREATED:
                out.steps.append(RemoveContainer(id=found.id))

    def _prune(self, names: set[str], out: ContainerPlan) -> None:
        """Keep the newest record of a name and the one before it, for lastState and `logs --previous`."""
        seen: dict[str, int] = {}
        for found in self.observed.containers:
            seen[found.name] = seen.get(found.name, 0) + 1
            if found.name in names and seen[found.name] > 2 and found.state is ContainerState.EXITED:
                out.steps.append(RemoveContainer(id=found.id))
