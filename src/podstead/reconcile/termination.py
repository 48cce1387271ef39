"""Ends a pod: containers by their grace, then sandboxes, then what it left on the node.

Invariant at each step: nothing of a sandbox is removed while one of its containers may still run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.reconcile.actions import FinishIncarnation, PodActions, RemoveSandbox, StopContainer, StopSandbox, Waiting
from podstead.state.observed import ContainerState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from podstead.reconcile.actions import Step
    from podstead.state.desired import DesiredPod
    from podstead.state.observed import ObservedContainer, ObservedPod

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
    found: ObservedContainer, grace: int, reason: str, message: str, *, probe_failure: bool = False
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
    )


def starting(observed: ObservedPod) -> bool:
    """Return whether a start is under way whose outcome must be awaited."""
    return any(key.startswith(STARTING) for key in observed.in_flight)


def preparing(observed: ObservedPod) -> bool:
    """Return whether volumes are being made: what is removed meanwhile might come back, and stay for ever."""
    return any(key.startswith("volumes:") for key in observed.in_flight)


def plan_termination(desired: DesiredPod, observed: ObservedPod) -> PodActions:
    """Return the next steps towards nothing of this incarnation being left."""
    steps = stop_all(observed.containers, grace_seconds(desired), "Killing", "Stopping container")
    if steps or starting(observed):
        return PodActions(steps=tuple(steps))
    if observed.sandboxes:
        return PodActions(steps=tuple(RemoveSandbox(id=s.id) for s in observed.sandboxes))
    return PodActions() if preparing(observed) else PodActions(steps=(FinishIncarnation(),))


def plan_preemption(desired: DesiredPod, observed: ObservedPod) -> PodActions:
    """Return the steps that make room: everything stops, records and volumes stay for the pod's return."""
    blocked = desired.blocked
    reason = Waiting(
        reason=blocked.reason if blocked else "Preempted",
        message=blocked.message if blocked else "makes room for a critical pod",
    )
    steps = stop_all(observed.containers, grace_seconds(desired), "Preempting", "Stopping container")
    if not steps and not starting(observed):
        steps = [StopSandbox(id=s.id) for s in observed.sandboxes if s.ready]
    return PodActions(steps=tuple(steps), stuck=reason)
