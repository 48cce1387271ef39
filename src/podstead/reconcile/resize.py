"""Other requests and limits for what runs, in place.

A container that is started takes those of the effective revision by itself; the pod's own cgroup, and containers that
run on, are changed by one step. It comes when nothing of an older content runs any more, so that the pod's cgroup never
has less than what is in it, and before anything starts, so that nothing that starts has more than its pod's.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from podstead.k8s.containers import standing_containers
from podstead.k8s.resources import pod_values
from podstead.manifest.compare import compare
from podstead.reconcile.actions import ResizePod, RunningContainer, StartContainer, StopContainer
from podstead.reconcile.changes import given_by
from podstead.reconcile.sandbox import current_sandbox
from podstead.state.observed import ContainerState

if TYPE_CHECKING:
    from podstead.reconcile.actions import PodActions
    from podstead.state.desired import DesiredPod
    from podstead.state.observed import ObservedContainer, ObservedPod, ObservedSandbox
    from podstead.state.records import PodHistory, Revision


def with_resize(desired: DesiredPod, observed: ObservedPod, history: PodHistory, actions: PodActions) -> PodActions:
    """Return a plan with the step that changes resources in place, if one is due."""
    effective, sandbox = desired.effective, current_sandbox(observed)
    if effective is None or sandbox is None or desired.resized == effective.id or not observed.fresh:
        return actions
    running = [c for c in observed.containers if c.state is ContainerState.RUNNING]
    again = history.resized_sandbox == sandbox.attempt
    if not again and all(made_by == effective.id for made_by in (sandbox.revision, *(c.revision for c in running))):
        return actions
    if not (
        again or _pod_differs(desired, effective, sandbox) or any(_differs(desired, effective, c) for c in running)
    ):
        return actions
    if any(isinstance(step, StopContainer) for step in actions.steps):
        return actions
    present = {c.name for c in standing_containers(effective.pod.spec)}
    step = ResizePod(
        revision=effective.id,
        attempt=sandbox.attempt,
        containers=tuple(
            RunningContainer(id=c.id, name=c.name, attempt=c.attempt)
            for c in running
            if c.name in present and desired.in_place
        ),
    )
    kept = tuple(one for one in actions.steps if not isinstance(one, StartContainer))
    return replace(actions, steps=(*kept, step))


def _pod_differs(desired: DesiredPod, effective: Revision, sandbox: ObservedSandbox) -> bool:
    """Return whether the pod's cgroup was made for another content with other sums."""
    made = desired.revisions.get(sandbox.revision) if sandbox.revision else None
    return made is not None and made.id != effective.id and pod_values(made.pod) != pod_values(effective.pod)


def _differs(desired: DesiredPod, effective: Revision, container: ObservedContainer) -> bool:
    given = given_by(desired, container)
    made = desired.revisions.get(given) if given else None
    if made is None or made.id == effective.id:
        return False
    return container.name in compare(made.pod, effective.pod).resize
