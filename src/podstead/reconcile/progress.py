"""Health-gated updates: a revision that is not ready in its time makes way for the last one that was.

The time counts from the promotion, so a candidate that waits for its image loses none of it, and from anew after a
reboot and after a pause (stopped, preempted). A revision that came back this way is not gated again: no loop begins.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from podstead.k8s.containers import find_container, standing_containers
from podstead.k8s.volumes import needed_images
from podstead.manifest.gate import deadline_seconds
from podstead.reconcile.actions import FallBack, NoteProgress, PodActions, PullImage
from podstead.state.updates import begun

if TYPE_CHECKING:
    from podstead.clock import Instant
    from podstead.reconcile.actions import Step
    from podstead.state.desired import DesiredPod
    from podstead.state.observed import ObservedPod
    from podstead.state.records import Progress, Revision

CHANGING = ("container:", "sandbox", "stop:", "stop-sandbox:", "post-start:", "resize:")
"""Beginnings of the keys of steps after which another thing runs than before."""


def is_settled(desired: DesiredPod, observed: ObservedPod, actions: PodActions) -> bool:
    """Return whether what runs is what the effective revision asks for, as far as any step could still change it."""
    if not observed.fresh or desired.effective is None or is_paused(desired):
        return False
    keys = (*(step.key for step in actions.steps), *observed.in_flight)
    return not any(key.startswith(CHANGING) for key in keys)


def is_paused(desired: DesiredPod) -> bool:
    """Return whether the pod is not meant to run now, so that it cannot become ready."""
    return desired.record.stopped or desired.preempted or desired.record.terminating


def plan_progress(
    desired: DesiredPod, observed: ObservedPod, now: Instant, *, ready_since: float | None, resumed_at: float
) -> PodActions:
    """Return what the gate asks for now.

    `ready_since` is the boot-clock second since when the pod has been ready and settled under its effective revision, None
    while it is not; `resumed_at` is when its last pause ended.
    """
    progress, effective = desired.record.progress, desired.effective
    if progress is None or effective is None or is_paused(desired):
        return PodActions()
    seconds = deadline_seconds(effective.pod)
    if seconds is None:  # today's code does not read it as the code did that promoted it
        return PodActions(steps=(NoteProgress(revision=effective.id, progress=None),))
    if progress.boot_id != now.boot_id:
        return PodActions(steps=(NoteProgress(revision=effective.id, progress=begun(now)),))
    due = max(progress.since, resumed_at) + seconds
    if ready_since is not None:
        proven = ready_since + proof_seconds(desired, effective, observed)
        if now.boot >= proven:
            return PodActions(steps=(NoteProgress(revision=effective.id, progress=None),))
        return PodActions(requeue_at=proven)
    if now.boot < due:
        return PodActions(requeue_at=due)
    if progress.expired:  # told already: there was nothing to come back to, or it may not come back
        return PodActions()
    return _give_up(desired, observed, progress, effective)


def _give_up(desired: DesiredPod, observed: ObservedPod, progress: Progress, effective: Revision) -> PodActions:
    target = desired.revisions.get(desired.record.last_ready) if desired.record.last_ready else None
    if target is None or target.id == effective.id:
        told = NoteProgress(revision=effective.id, progress=replace(progress, expired=True))
        return PodActions(steps=(told,))
    # Its images are in use, so they are there unless somebody took them away: then they come before anything stops.
    missing = set(needed_images(target.pod)) - observed.images.keys()
    steps: list[Step] = [PullImage(image=image, revision=target.id) for image in sorted(missing)]
    return PodActions(steps=tuple(steps) or (FallBack(revision=effective.id, target=target.id),))


def proof_seconds(desired: DesiredPod, effective: Revision, observed: ObservedPod) -> float:
    """Return how long readiness must last until it is that of the effective revision.

    A readiness probe that takes the place of another in a running container goes on with the verdict of the old one: it is
    its own once it could have failed often enough.
    """
    longest = 0.0
    for container in standing_containers(effective.pod.spec):
        found = observed.newest(container.name)
        made_by = desired.revisions.get(found.revision) if found is not None and found.revision else None
        probe = container.readiness_probe
        if probe is None or made_by is None or made_by.id == effective.id:
            continue
        before = find_container(made_by.pod.spec, container.name)
        if before is None or probe != before.readiness_probe:
            attempts, period = probe.failure_threshold or 1, probe.period_seconds or 1
            longest = max(longest, float(attempts * period + (probe.timeout_seconds or 1)))
    return longest
