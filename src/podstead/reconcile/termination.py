"""Ends a pod: containers by their grace, then sandboxes, then what it left on the node.

Regular containers stop at once and together, then the sidecars that served them, one after the other and the last started
first (spec/kubelet-static-pods.md 3.11). All share the pod's grace, counted from the moment the stop began; when it is
over nobody waits for a turn. Invariant at each step: nothing of a sandbox is removed while one of its containers may
still run.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING

from podstead.admission.plan import PREEMPTED
from podstead.admission.shutdown import TERMINATED
from podstead.k8s.containers import find_container, is_sidecar
from podstead.reconcile.actions import (
    FinishIncarnation,
    PodActions,
    RemoveContainer,
    RemoveSandbox,
    RunPreStop,
    StopContainer,
    StopSandbox,
    Waiting,
)
from podstead.state.observed import ContainerState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from podstead.clock import Instant
    from podstead.reconcile.actions import Step
    from podstead.state.desired import DesiredPod
    from podstead.state.observed import ObservedContainer, ObservedPod
    from podstead.state.records import Revision

DEFAULT_GRACE_SECONDS = 30
ALIVE = (ContainerState.RUNNING, ContainerState.UNKNOWN)
STARTING = ("container:", "sandbox")


def grace_seconds(desired: DesiredPod) -> int:
    """Return the pod's own grace period, cut to its limit; a negative one is none."""
    revision = desired.effective or desired.candidate
    grace = revision.pod.spec.termination_grace_period_seconds if revision else None
    own = max(0, DEFAULT_GRACE_SECONDS if grace is None else grace)
    return own if desired.grace_limit is None else min(own, desired.grace_limit)


def stop_all(containers: Iterable[ObservedContainer], grace: int, reason: str, message: str) -> list[Step]:
    """Return a stop for each of these containers that may still run."""
    return [stop_one(c, grace, reason, message) for c in containers if c.state in ALIVE]


def stop_one(
    found: ObservedContainer,
    grace: int,
    reason: str,
    message: str,
    *,
    probe_failure: bool = False,
    comes_back: bool = False,
) -> StopContainer:
    """Return the stop of a container; its name is put after the message."""
    return StopContainer(
        id=found.id,
        name=found.name,
        attempt=found.attempt,
        revision=found.revision,
        grace_seconds=grace,
        reason=reason,
        message=f"{message} {found.name}",
        probe_failure=probe_failure,
        comes_back=comes_back,
    )


def starting(observed: ObservedPod) -> bool:
    """Return whether a start is under way whose outcome must be awaited."""
    return any(key.startswith(STARTING) for key in observed.in_flight)


def preparing(observed: ObservedPod) -> bool:
    """Return whether volumes are being made: what is removed meanwhile might come back, and stay for ever."""
    return any(key.startswith("volumes:") for key in observed.in_flight)


@dataclass(frozen=True, slots=True, kw_only=True)
class PodStop:
    """How far the stop of a whole pod has come: `ended` when nothing runs and nothing is being started."""

    ended: bool
    steps: tuple[Step, ...] = ()
    requeue_at: float | None = None

    def actions(self, stuck: Waiting | None = None) -> PodActions:
        """Return this stop as a plan of its own."""
        return PodActions(steps=self.steps, requeue_at=self.requeue_at, stuck=stuck, stopping=not self.ended)


def stop_pod(
    desired: DesiredPod,
    observed: ObservedPod,
    now: Instant,
    message: str = "Stopping container",
    *,
    reason: str = "Killing",
    comes_back: bool = False,
) -> PodStop:
    """Return the stops to ask for now, and when the next are due.

    The stop of a sidecar is asked for once, with what is left of the grace: asked for again it would only ask for less.
    """
    alive = [c for c in observed.containers if c.state in ALIVE]
    if not alive:
        return PodStop(ended=not starting(observed))
    grace = grace_seconds(desired)
    since = now.boot if observed.stopping_since is None else observed.stopping_since
    left = since + grace - now.boot
    turns = {c.id: _turn(c, desired) for c in alive}
    turn = min(turns.values())
    steps: list[Step] = []
    for found in alive:
        if not turns[found.id]:
            steps.append(stop_one(found, grace, reason, message, comes_back=comes_back))
        elif left <= 0:
            steps.append(stop_one(found, 0, reason, message, comes_back=comes_back))
        elif f"stop:{found.id}" in observed.in_flight:
            continue
        elif turns[found.id] > turn or f"pre-stop:{found.id}" in observed.in_flight:
            steps += _pre_stop(found, desired, observed, ceil(left))
        else:
            steps.append(stop_one(found, ceil(left), reason, message, comes_back=comes_back))
    waits = left > 0 and any(turns.values())
    return PodStop(ended=False, steps=tuple(steps), requeue_at=since + grace if waits else None)


def _pre_stop(found: ObservedContainer, desired: DesiredPod, observed: ObservedPod, seconds: int) -> list[Step]:
    """Return the step that runs the preStop hook of a sidecar whose turn has not come, unless it has been run."""
    revision = _made_by(found, desired)
    spec = find_container(revision.pod.spec, found.name) if revision is not None else None
    if found.id in observed.pre_stopped or spec is None or spec.lifecycle is None or spec.lifecycle.pre_stop is None:
        return []
    return [RunPreStop(id=found.id, name=found.name, revision=found.revision, grace_seconds=seconds)]


def _turn(found: ObservedContainer, desired: DesiredPod) -> int:
    """Return when a container's turn to stop is: 0 for all but sidecars, and the later a sidecar started the sooner."""
    revision = _made_by(found, desired)
    init = revision.pod.spec.init_containers if revision is not None else ()
    for index, container in enumerate(init):
        if container.name == found.name and is_sidecar(container):
            return len(init) - index
    return 0


def _made_by(found: ObservedContainer, desired: DesiredPod) -> Revision | None:
    made_by = desired.revisions.get(found.revision) if found.revision else None
    return made_by or desired.effective


def plan_termination(desired: DesiredPod, observed: ObservedPod, now: Instant) -> PodActions:
    """Return the next steps towards nothing of this incarnation being left."""
    stop = stop_pod(desired, observed, now)
    if not stop.ended:
        return stop.actions()
    if removed := removal(observed):
        return PodActions(steps=removed)
    return PodActions() if preparing(observed) else PodActions(steps=(FinishIncarnation(),))


def removal(observed: ObservedPod) -> tuple[Step, ...]:
    """Return the removal of every sandbox with the containers in it, and of records that are in none."""
    inside = {s.id for s in observed.sandboxes}
    return (
        *(RemoveSandbox(id=s.id) for s in observed.sandboxes),
        *(RemoveContainer(id=c.id) for c in observed.containers if c.sandbox_id not in inside),
    )


def plan_preemption(desired: DesiredPod, observed: ObservedPod, now: Instant) -> PodActions:
    """Return the steps that make room: everything stops, records and volumes stay for the pod's return.

    A pod that goes for a critical one has the kubelet's event Preempting, one that is evicted or whose node goes down Killing.
    """
    blocked = desired.blocked
    stuck = Waiting(
        reason=blocked.reason if blocked else PREEMPTED,
        message=blocked.message if blocked else "makes room for a critical pod",
    )
    actions = rest(desired, observed, now, stuck, reason="Preempting" if stuck.reason == PREEMPTED else "Killing")
    if stuck.reason != TERMINATED.reason:
        return actions
    # A boot is a restart, as it is to the kubelet.
    steps = (replace(step, counts=True) if isinstance(step, StopContainer) else step for step in actions.steps)
    return replace(actions, steps=tuple(steps))


def rest(
    desired: DesiredPod,
    observed: ObservedPod,
    now: Instant,
    stuck: Waiting,
    *,
    message: str = "Stopping container",
    reason: str = "Killing",
) -> PodActions:
    """Return the steps after which nothing of the pod runs, and all that it needs to come back is there."""
    stop = stop_pod(desired, observed, now, message, reason=reason, comes_back=True)
    if not stop.ended:
        return stop.actions(stuck)
    return PodActions(steps=tuple(StopSandbox(id=s.id) for s in observed.sandboxes if s.ready), stuck=stuck)
