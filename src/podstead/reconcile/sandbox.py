"""Which sandbox is the pod's, and what to do when none is fit (spec/kubelet-static-pods.md 3.6).

Invariant: a new sandbox is asked for only when no container of an older one runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.reconcile.actions import PodActions, RemoveSandbox, RunSandbox, StopSandbox, Waiting
from podstead.reconcile.backoff import crash_delay, sandbox_level
from podstead.reconcile.termination import ALIVE, preparing, starting, stop_all, stop_pod

if TYPE_CHECKING:
    from podstead.clock import Instant
    from podstead.config.runtime import RestartSettings
    from podstead.reconcile.actions import Step
    from podstead.reconcile.changes import Drift
    from podstead.state.desired import DesiredPod
    from podstead.state.observed import ObservedPod, ObservedSandbox
    from podstead.state.records import PodHistory, Revision


def current_sandbox(observed: ObservedPod) -> ObservedSandbox | None:
    """Return the ready sandbox in which most containers run, the newest among equals.

    More than one is ready only after a lost reply; keeping the one that works disturbs least.
    """
    alive: dict[str, int] = {}
    for container in observed.containers:
        if container.state in ALIVE:
            alive[container.sandbox_id] = alive.get(container.sandbox_id, 0) + 1
    ready = [s for s in observed.sandboxes if s.ready]
    return max(ready, key=lambda s: (alive.get(s.id, 0), s.attempt), default=None)


def fit(sandbox: ObservedSandbox, effective: Revision, observed: ObservedPod, drift: Drift) -> bool:
    """Return whether containers of the effective revision can run in this sandbox.

    A missing address makes only an empty sandbox unfit: containers that run prove more than a status without an IP.
    """
    wants_host = bool(effective.pod.spec.host_network)
    if sandbox.host_network != wants_host or drift.sandbox(sandbox):
        return False
    inside = any(c.sandbox_id == sandbox.id and c.state in ALIVE for c in observed.containers)
    return wants_host or inside or bool(sandbox.ips)


def plan_leftovers(observed: ObservedPod, keep: ObservedSandbox, grace: int) -> list[Step]:
    """Return the steps that end ready sandboxes besides the one that is kept, and remove those without any record.

    A stopped sandbox stays as long as it holds a container's record that `logs --previous` and lastState need.
    """
    steps: list[Step] = []
    for sandbox in observed.sandboxes:
        if sandbox.id == keep.id:
            continue
        inside = [c for c in observed.containers if c.sandbox_id == sandbox.id]
        stops = stop_all(inside, grace, "Killing", "Stopping doubled container")
        steps += stops
        if sandbox.ready and not stops:
            steps.append(StopSandbox(id=sandbox.id))
    return [*steps, *remove_empty(observed)]


def remove_empty(observed: ObservedPod) -> list[Step]:
    """Return the removal of stopped sandboxes without a record; one that is being made may look like that too."""
    if starting(observed):
        return []
    holding = {c.sandbox_id for c in observed.containers}
    return [RemoveSandbox(id=s.id) for s in observed.sandboxes if not s.ready and s.id not in holding]


def plan_new_sandbox(
    desired: DesiredPod,
    effective: Revision,
    observed: ObservedPod,
    history: PodHistory,
    drift: Drift,
    now: Instant,
    settings: RestartSettings,
) -> PodActions:
    """Return the steps from an unfit or missing sandbox to a new one.

    The sandbox of another content leaves its emptyDirs to nobody, also when it has died before the edit came; that of
    the same content leaves them to its successor.
    """
    message = "Pod sandbox changed, it will be killed and re-created: stopping container"
    stop = stop_pod(desired, observed, now, message)
    if not stop.ended:
        return stop.actions()
    if ready := tuple(StopSandbox(id=s.id) for s in observed.sandboxes if s.ready):
        return PodActions(steps=ready)
    newest = max(observed.sandboxes, key=lambda s: s.attempt, default=None)
    edited = newest is not None and drift.sandbox(newest)
    # One of another content stays until the next is there: it tells whose content the volumes are of.
    kept = newest.id if newest is not None and edited else None
    empty = tuple(step for step in remove_empty(observed) if kept is None or step != RemoveSandbox(id=kept))
    if edited and preparing(observed):
        return PodActions(steps=empty)
    level = None if edited else sandbox_level(history, settings, now)
    step = RunSandbox(
        revision=effective.id,
        attempt=1 + max(history.sandbox_attempt, *(s.attempt for s in observed.sandboxes), -1),
        reset_volumes=edited,
        crash_level=level,
    )
    failure = observed.failures.get(step.key)
    if failure and now.boot < failure.retry_at:
        stuck = Waiting(reason=failure.reason, message=failure.message)
        return PodActions(steps=empty, requeue_at=failure.retry_at, stuck=stuck)
    delay = crash_delay(level or 0, settings)
    due = (history.sandbox_made_at or 0.0) + delay
    if delay and now.boot < due:
        text = f"back-off {delay:.0f}s making the sandbox of pod {desired.record.key} again"
        return PodActions(steps=empty, requeue_at=due, stuck=Waiting(reason="CrashLoopBackOff", message=text))
    return PodActions(steps=(*empty, step))
