"""What a row of attempts means: thresholds, holds and first delays (spec/kubelet-static-pods.md 4.1). Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from podstead.probes.attempt import Result
from podstead.state.probes import Outcome, ProbeKind

if TYPE_CHECKING:
    from podstead.k8s import core_v1 as v1

INITIAL = {
    ProbeKind.LIVENESS: Outcome.SUCCESS,
    ProbeKind.READINESS: Outcome.FAILURE,
    ProbeKind.STARTUP: Outcome.UNKNOWN,
}
"""What holds for a new container id before its first verdict."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A probe's numbers with Kubernetes' defaults filled in; times in seconds."""

    initial_delay: float
    period: float
    timeout: float
    successes: int
    failures: int


def schedule_of(probe: v1.Probe) -> Schedule:
    """Return the numbers of a probe; a zero means the default, as it does to the API."""
    return Schedule(
        initial_delay=float(probe.initial_delay_seconds or 0),
        period=float(probe.period_seconds or 10),
        timeout=float(probe.timeout_seconds or 1),
        successes=probe.success_threshold or 1,
        failures=probe.failure_threshold or 3,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerState:
    """What one probe has shown of one container id.

    A new container id begins with a new state: a predecessor's failures never count towards its threshold (the kubelet
    carries them over; a named difference). `run` is how often in a row `last` came. `settled` means that nothing
    further is asked of this container id: liveness or startup failed for good, or startup succeeded.
    """

    kind: ProbeKind
    published: Outcome
    decided: bool = False
    """Whether `published` came from attempts; before that it is the initial value of the kind."""
    last: Outcome | None = None
    run: int = 0

    @property
    def settled(self) -> bool:
        """Whether the probe has said its last word about this container id."""
        if not self.decided:
            return False
        if self.kind is ProbeKind.STARTUP:
            return self.published is not Outcome.UNKNOWN
        return self.kind is ProbeKind.LIVENESS and self.published is Outcome.FAILURE

    @property
    def failures(self) -> int:
        """Failures in a row up to now."""
        return self.run if self.last is Outcome.FAILURE else 0


def begin(kind: ProbeKind, kept: Outcome | None = None) -> WorkerState:
    """Return the state of a container id before its first attempt by this process.

    `kept` is a verdict from before an agent restart or a change of the probe's definition. A kept failure of liveness
    or startup is asked again rather than believed: it may be hours old, and it would kill.
    """
    if kept is None or kept is Outcome.UNKNOWN or (kept is Outcome.FAILURE and kind is not ProbeKind.READINESS):
        return WorkerState(kind=kind, published=INITIAL[kind])
    return WorkerState(kind=kind, published=kept, decided=True)


def advance(state: WorkerState, result: Result, schedule: Schedule) -> WorkerState:
    """Return the state after one attempt.

    An outcome is published when it came `successes` or `failures` times in a row. Errors and disregarded attempts
    change nothing. A settled state stays as it is.
    """
    if state.settled or result in {Result.ERROR, Result.DISREGARDED}:
        return state
    outcome = Outcome.FAILURE if result is Result.FAILURE else Outcome.SUCCESS
    run = state.run + 1 if outcome is state.last else 1
    needed = schedule.failures if outcome is Outcome.FAILURE else schedule.successes
    if run < needed:
        return replace(state, last=outcome, run=run)
    return replace(state, last=outcome, run=run, published=outcome, decided=True)


def forgive(state: WorkerState) -> WorkerState:
    """Return the state with its row of attempts forgotten and its verdict kept: for when the runtime was away."""
    return replace(state, last=None, run=0)


def first_delay(schedule: Schedule, started_at: float, now: float, *, adopted: bool, jitter: float) -> float:
    """Return how many seconds after `now` the first attempt is due; `started_at` and `now` are boot-clock seconds.

    Never before initialDelaySeconds after the container's start. `adopted` says that this process did not see the
    container start: one that runs for longer than a period is asked at a random place (`jitter`, 0..1) of its period,
    so that an agent's restart does not fire every probe of the node at once.
    """
    delay = max(0.0, started_at + schedule.initial_delay - now)
    if adopted and delay == 0.0 and now - started_at > schedule.period:
        return schedule.period * jitter
    return delay


def next_due(due: float, period: float, now: float) -> float:
    """Return the next tick after `due`: a slow attempt delays its successor and is not made up for."""
    return max(due + period, now)
