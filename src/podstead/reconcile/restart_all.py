"""The rule that starts a whole pod over in its sandbox: RestartAllContainers (spec/kubelet-static-pods.md 3.8, KEP-5532).

What runs is stopped, every record is removed, that of the container whose end began it last: until then a crash of the
agent finds it and goes on. With no record left the pod starts from its first init container. Unlike the kubelet's, a
second time soon after the first waits by the crash-loop curve: a rule that always matches would spin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.k8s.containers import all_containers
from podstead.k8s.restart_rules import Restart
from podstead.reconcile.actions import RemoveContainer
from podstead.reconcile.backoff import crash_level
from podstead.reconcile.containers import ContainerPlan
from podstead.reconcile.termination import ALIVE, starting, stop_one
from podstead.state.observed import ContainerState

if TYPE_CHECKING:
    from podstead.reconcile.containers import ContainerPass
    from podstead.state.observed import ObservedContainer, ObservedSandbox


def plan_restart_of_all(each: ContainerPass, sandbox: ObservedSandbox, out: ContainerPlan) -> bool:
    """Find how far the clearing away has come; returns False where there is nothing to clear away."""
    causes = _causes(each, sandbox)
    if not causes:
        return False
    out.unfinished = out.restarting_all = True
    alive = [c for c in each.observed.containers if c.state in ALIVE]
    if alive:
        # Without a grace, so without a hook, as the kubelet does it: what runs has nobody to say goodbye to.
        message = f"All containers start over after the end of {causes[0].name}: stopping container"
        out.steps += [stop_one(c, 0, "Killing", message) for c in alive]
    elif not starting(each.observed):
        others = [c for c in each.observed.containers if c.id not in {cause.id for cause in causes}]
        out.steps += [_remove(c, each, None) for c in others] or _remove_causes(causes, each)
    return True


def _causes(each: ContainerPass, sandbox: ObservedSandbox) -> list[ObservedContainer]:
    """Return the containers in this sandbox whose last exit a rule answers so, and whose back-off is over."""
    causes = []
    for spec in all_containers(each.effective.pod.spec):
        found = each.observed.newest(spec.name)
        if found is None or found.state is not ContainerState.EXITED or found.sandbox_id != sandbox.id:
            continue
        if each.drift.container(found) or each.returns(found) or each.after(spec, found) is not Restart.ALL:
            continue
        if _is_cleared(found, each) or each.is_due(found, ContainerPlan()):
            causes.append(found)
    return causes


def _is_cleared(found: ObservedContainer, each: ContainerPass) -> bool:
    """Return whether the removal of this record is noted already; what is left of it is done, whatever the back-off."""
    return each.history.of(found.name).cleared_attempt == found.attempt


def _remove_causes(causes: list[ObservedContainer], each: ContainerPass) -> list[RemoveContainer]:
    """Return the removal of the last records, those of regular containers before those of init containers."""
    regular = {c.name for c in each.effective.pod.spec.containers}
    return [
        _remove(
            c,
            each,
            None if _is_cleared(c, each) else crash_level(c, each.history.of(c.name), each.settings, each.now),
        )
        for c in [c for c in causes if c.name in regular] or causes
    ]


def _remove(found: ObservedContainer, each: ContainerPass, level: int | None) -> RemoveContainer:
    newest = each.observed.newest(found.name)
    clears = found.name if newest is not None and newest.id == found.id else ""
    return RemoveContainer(id=found.id, clears=clears, crash_level=level)
