"""What must be there before containers of a revision can start: their images, and what they mount."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.errors import FORBIDDEN
from podstead.k8s.volumes import keeps_up
from podstead.reconcile.actions import PodActions, PrepareVolumes, Waiting
from podstead.reconcile.images import image_needs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from podstead.clock import Instant
    from podstead.k8s import core_v1 as v1
    from podstead.reconcile.actions import Step
    from podstead.state.observed import ObservedPod, TaskFailure
    from podstead.state.records import Revision


def plan_readiness(
    starting: Iterable[v1.Container], revision: Revision, observed: ObservedPod, now: Instant
) -> PodActions:
    """Return pulls and volume work that must be done before these containers of `revision` can start.

    Who waits for one of them stands in `waiting`, why in `stuck`; without steps and without either all can start.
    """
    containers = list(starting)
    needs = image_needs(containers, revision, observed, now)
    steps: list[Step] = list(dict.fromkeys(needs.pulls))
    waiting = dict(needs.waiting)
    requeue = needs.requeue_at
    stuck = next(iter(needs.waiting.values()), None)
    if containers and revision.id not in observed.prepared:
        volumes, failure = _plan_volumes(revision, observed, now)
        steps += volumes.steps
        requeue = min((m for m in (requeue, volumes.requeue_at) if m is not None), default=None)
        if failure:
            stuck = Waiting(reason=failure.reason, message=failure.message)
        for container in containers:
            waiting.setdefault(container.name, _behind(stuck))
    return PodActions(steps=tuple(steps), waiting=waiting, requeue_at=requeue, stuck=stuck)


def _behind(stuck: Waiting | None) -> Waiting:
    """Return what a container waits for whose pod is stuck: what the kubelet says, unless a word of ours says more."""
    if stuck is None or stuck.reason in FORBIDDEN:
        return stuck or Waiting(reason="ContainerCreating")
    return Waiting(reason="ContainerCreating", message=stuck.message)


def plan_ahead(later: Iterable[v1.Container], revision: Revision, observed: ObservedPod, now: Instant) -> PodActions:
    """Return the pulls for containers whose turn has not come: an init container's work is time enough for them."""
    needs = image_needs(later, revision, observed, now)
    return PodActions(steps=tuple(dict.fromkeys(needs.pulls)), requeue_at=needs.requeue_at)


def plan_upkeep(effective: Revision, observed: ObservedPod, now: Instant) -> PodActions:
    """Return what brings the files of volumes up to date under running containers; no trouble with it stops one."""
    if effective.id in observed.prepared or not keeps_up(effective.pod):
        return PodActions()
    return _plan_volumes(effective, observed, now)[0]


def _plan_volumes(revision: Revision, observed: ObservedPod, now: Instant) -> tuple[PodActions, TaskFailure | None]:
    """Return the step that prepares a revision's volumes, or when to take it again, and how it last failed."""
    step = PrepareVolumes(revision=revision.id)
    failure = observed.failures.get(step.key)
    if failure is None or now.boot >= failure.retry_at:
        return PodActions(steps=(step,)), failure
    return PodActions(requeue_at=failure.retry_at), failure
