"""A pod that went because the node ran short: what it used is given back, and it comes back as from new.

Unlike one that makes room for another it keeps nothing: not the layers and records of its containers, not its
emptyDirs. The kubelet's evicted pods end in the same way, and whoever replaces them starts with nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from podstead.reconcile.actions import PodActions, RemoveSandbox, Waiting
from podstead.reconcile.termination import plan_preemption, preparing, removal, stop_pod

if TYPE_CHECKING:
    from podstead.clock import Instant
    from podstead.state.desired import DesiredPod
    from podstead.state.observed import ObservedPod
    from podstead.state.records import Eviction

MESSAGE = "The pod was evicted: stopping container"


def plan_making_way(desired: DesiredPod, observed: ObservedPod, now: Instant) -> PodActions:
    """Return the next steps of a pod that must not run now: one that was evicted, or that makes room for another."""
    evicted = desired.record.evicted
    return (
        plan_preemption(desired, observed, now) if evicted is None else _plan_evicted(evicted, desired, observed, now)
    )


def _plan_evicted(evicted: Eviction, desired: DesiredPod, observed: ObservedPod, now: Instant) -> PodActions:
    blocked = desired.blocked
    stuck = Waiting(reason=blocked.reason, message=blocked.message) if blocked is not None else None
    limit = evicted.grace_seconds if desired.grace_limit is None else min(desired.grace_limit, evicted.grace_seconds)
    stop = stop_pod(replace(desired, grace_limit=limit), observed, now, MESSAGE)
    if not stop.ended or preparing(observed):
        return stop.actions(stuck)
    steps = (replace(s, reset_volumes=True) if isinstance(s, RemoveSandbox) else s for s in removal(observed))
    return PodActions(steps=tuple(steps), stuck=stuck)
