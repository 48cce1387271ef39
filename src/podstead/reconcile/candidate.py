"""The way of a waiting revision to being effective (foundation 15).

The old revision runs on until the new one's images and volumes are there and the node has room.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.k8s.containers import all_containers
from podstead.k8s.restart_rules import restart_policy
from podstead.manifest.compare import compare
from podstead.reconcile.actions import PodActions, Promote, Waiting
from podstead.reconcile.readiness import plan_ahead, plan_readiness
from podstead.reconcile.termination import removal, stop_pod

if TYPE_CHECKING:
    from collections.abc import Iterable

    from podstead.clock import Instant
    from podstead.k8s import core_v1 as v1
    from podstead.state.desired import DesiredPod
    from podstead.state.observed import ObservedPod
    from podstead.state.records import Revision


def plan_candidate(desired: DesiredPod, observed: ObservedPod, now: Instant) -> PodActions:
    """Return the steps that bring the candidate, if there is one, closer to being effective."""
    candidate = desired.candidate
    if candidate is None:
        return PodActions()
    blocked = _blocked(desired)
    if desired.effective is None and blocked:
        return _plan_blocked(all_containers(candidate.pod.spec), candidate, blocked, observed, now)
    if desired.effective is None:
        return _plan_after_loss(desired, candidate, observed, now)
    changes = compare(desired.effective.pod, candidate.pod)
    names = frozenset(c.name for c in all_containers(candidate.pod.spec) if changes.pod or c.name in changes.containers)
    promote = PodActions(steps=(Promote(revision=candidate.id, renews=names),))
    if not (changes.disturbs or (blocked and changes.resize)):
        return promote
    starting = [c for c in all_containers(candidate.pod.spec) if c.name in names]
    if blocked:
        return _plan_blocked(starting, candidate, blocked, observed, now)
    ready = plan_readiness(starting, candidate, observed, now)
    return ready if ready.steps or ready.stuck else promote


def _plan_after_loss(desired: DesiredPod, candidate: Revision, observed: ObservedPod, now: Instant) -> PodActions:
    """Return the way to the first revision that can be read: of a new pod, or of one whose effective one was lost.

    What runs by the lost one cannot be compared, so it makes way, once everything is there that the other needs.
    """
    stop = stop_pod(desired, observed, now, "Its revision was lost: stopping container", comes_back=True)
    if stop.ended:
        return PodActions(steps=(Promote(revision=candidate.id),))
    ready = plan_readiness(all_containers(candidate.pod.spec), candidate, observed, now)
    return ready if ready.steps or ready.stuck else stop.actions()


def plan_run_anew(desired: DesiredPod, observed: ObservedPod, now: Instant) -> PodActions:
    """Return the way of a candidate where the pod has ended, nothing of it runs and its sandbox has stopped.

    An edit that would restart anything lets the pod run as a whole again, as a pod of its own would for the kubelet.
    What is left of the last run goes first: it would be taken for the present one's.
    """
    candidate = desired.candidate
    if candidate is None:
        return PodActions()
    if desired.effective is None or not runs_again(desired.effective.pod, candidate.pod):
        return PodActions(steps=(Promote(revision=candidate.id),))
    everyone = all_containers(candidate.pod.spec)
    if blocked := _blocked(desired):
        return _plan_blocked(everyone, candidate, blocked, observed, now)
    ready = plan_readiness(everyone, candidate, observed, now)
    if ready.steps or ready.stuck:
        return ready
    names = frozenset(c.name for c in everyone)
    return PodActions(steps=removal(observed) or (Promote(revision=candidate.id, renews=names, anew=True),))


def runs_again(old: v1.Pod, new: v1.Pod) -> bool:
    """Return whether an edit lets a pod that has ended run again: one that restarts something, or says when to restart."""
    changes = compare(old, new)
    return changes.pod or bool(changes.containers) or _policies(old) != _policies(new)


def _policies(pod: v1.Pod) -> dict[str, object]:
    return {c.name: (restart_policy(pod.spec, c), c.restart_policy_rules) for c in all_containers(pod.spec)}


def _blocked(desired: DesiredPod) -> Waiting | None:
    blocked = desired.blocked
    return Waiting(reason=blocked.reason, message=blocked.message) if blocked else None


def _plan_blocked(
    starting: Iterable[v1.Container], candidate: Revision, blocked: Waiting, observed: ObservedPod, now: Instant
) -> PodActions:
    """Return the pulls of a revision that waits for room: nobody is preempted before its images are there."""
    return PodActions(stuck=blocked).beside(plan_ahead(starting, candidate, observed, now))
