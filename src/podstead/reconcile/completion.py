"""The end of a pod that is not wanted gone: it has done its work, failed for good, or used up its time.

The end is written down before anything follows from it, and kept: a job that has run is not run again because the
machine was restarted or a runtime's record removed (which the kubelet would do).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.reconcile.actions import Conclude, PodActions, RemoveContainer, StopSandbox
from podstead.reconcile.candidate import plan_run_anew
from podstead.reconcile.sandbox import remove_empty
from podstead.reconcile.termination import stop_pod
from podstead.state.observed import ContainerState
from podstead.state.records import Completion

if TYPE_CHECKING:
    from podstead.clock import Instant
    from podstead.reconcile.actions import Step
    from podstead.state.desired import DesiredPod
    from podstead.state.observed import ObservedPod
    from podstead.state.records import PodHistory, PodRecord, Revision

SUCCEEDED = "Succeeded"
FAILED = "Failed"
DEADLINE_EXCEEDED = "DeadlineExceeded"

RECORDS_KEPT = 2
"""Records of a container's name that are kept: the last, and the one before for lastState and `logs --previous`."""


def conclusion(effective: Revision, observed: ObservedPod, history: PodHistory, *, failed_init: bool) -> PodActions:
    """Return the note that a pod has ended of which nothing runs on and nothing starts again."""
    codes = [exit_code(c.name, observed, history) for c in effective.pod.spec.containers]
    succeeded = not failed_init and all(code == 0 for code in codes)
    completion = Completion(phase=SUCCEEDED if succeeded else FAILED)
    return PodActions(steps=(Conclude(revision=effective.id, completion=completion),))


def exit_code(name: str, observed: ObservedPod, history: PodHistory) -> int | None:
    """Return with which code a container ended last, by the runtime's record or else ours; None where nobody knows."""
    found = observed.newest(name)
    if found is not None:
        return found.exit_code if found.state is ContainerState.EXITED else None
    memory = history.of(name)
    return memory.exit_code if memory.exit_attempt == memory.last_attempt >= 0 else None


def deadline(desired: DesiredPod, now: Instant) -> float | None:
    """Return the boot-clock second at which the effective content's activeDeadlineSeconds are over, if it has any.

    They count from the first time that the pod might start, as the kubelet has it, and go on over restarts of the agent.
    """
    revision, record = desired.effective, desired.record
    seconds = revision.pod.spec.active_deadline_seconds if revision else None
    if seconds is None or record.start_time is None or record.evicted is not None:
        return None
    return now.boot - active_seconds(record, now) + seconds


def active_seconds(record: PodRecord, now: Instant) -> float:
    """Return how long a pod has been active: by the boot clock, and over a reboot by what the wall clock says."""
    if record.start_boot is not None and record.start_boot_id == now.boot_id:
        return now.boot - record.start_boot
    return max(0.0, now.wall - record.start_time) if record.start_time is not None else 0.0


def past_deadline(effective: Revision) -> PodActions:
    """Return the note that a pod's time is over; what runs of it is stopped after that."""
    text = f"the pod was active for more than its activeDeadlineSeconds, {effective.pod.spec.active_deadline_seconds}"
    completion = Completion(phase=FAILED, reason=DEADLINE_EXCEEDED, message=text)
    return PodActions(steps=(Conclude(revision=effective.id, completion=completion),))


def plan_ended(desired: DesiredPod, observed: ObservedPod, now: Instant) -> PodActions:
    """Return what is left to do of a pod that has ended: its sidecars stop, and an edit may let it run again."""
    stop = stop_pod(desired, observed, now)
    if not stop.ended:
        return stop.actions()
    ready: tuple[Step, ...] = tuple(StopSandbox(id=s.id) for s in observed.sandboxes if s.ready)
    if ready:
        return PodActions(steps=ready)
    anew = plan_run_anew(desired, observed, now)
    if anew.steps or anew.stuck:
        return anew
    return PodActions(steps=(*prune(observed), *remove_empty(observed)))


def prune(observed: ObservedPod) -> list[Step]:
    """Return the removal of all but the newest ended records of each name."""
    steps: list[Step] = []
    seen: dict[str, int] = {}
    for found in observed.containers:
        seen[found.name] = seen.get(found.name, 0) + 1
        unused = found.state is ContainerState.CREATED
        if unused or (seen[found.name] > RECORDS_KEPT and found.state is ContainerState.EXITED):
            steps.append(RemoveContainer(id=found.id))
    return steps
