"""Init containers and sidecars before the regular containers: one after the other (spec/kubelet-static-pods.md 3.7).

An init container runs to its end. A sidecar counts as through once it runs and its startup probe, if it has one, has
succeeded. How far a pod has come is told by the records in its sandbox: another sandbox starts from the beginning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.k8s.containers import is_sidecar
from podstead.k8s.restart_rules import Restart
from podstead.reconcile.actions import Waiting
from podstead.reconcile.hooks import is_started
from podstead.reconcile.termination import grace_seconds
from podstead.state.observed import ContainerState

if TYPE_CHECKING:
    from podstead.k8s import core_v1 as v1
    from podstead.reconcile.containers import ContainerPass, ContainerPlan
    from podstead.state.observed import ObservedContainer, ObservedSandbox


INITIALISING = Waiting(reason="PodInitializing")


def is_initialised(each: ContainerPass, sandbox: ObservedSandbox) -> bool:
    """Return whether a regular container was ever started in this sandbox: init containers are not run again then."""
    regular = {c.name for c in each.effective.pod.spec.containers}
    inside = (c for c in each.observed.containers if c.sandbox_id == sandbox.id and c.name in regular)
    return any(c.state is not ContainerState.CREATED for c in inside)


def plan_initialisation(each: ContainerPass, sandbox: ObservedSandbox, out: ContainerPlan) -> bool:
    """Find what to do with the init containers and sidecars whose turn has come; returns whether all are through."""
    init = each.effective.pod.spec.init_containers
    begun = [index for index, spec in enumerate(init) if _inside(each, spec, sandbox) or each.is_starting(spec)]
    front = max(begun, default=0)
    for index, spec in enumerate(init):
        if is_sidecar(spec):
            each.one(spec, sandbox, out)
            through = is_started(spec, _inside(each, spec, sandbox), each.probes, each.history.of(spec.name))
        else:
            through = index < front or _run_to_its_end(each, spec, sandbox, out)
        if not through and index >= front:
            out.ahead += init[index + 1 :]
            out.waiting |= dict.fromkeys((c.name for c in init[index + 1 :]), INITIALISING)
            return False
    return True


def _inside(each: ContainerPass, spec: v1.Container, sandbox: ObservedSandbox) -> ObservedContainer | None:
    found = each.observed.newest(spec.name)
    return found if found is not None and found.sandbox_id == sandbox.id else None


def _run_to_its_end(each: ContainerPass, spec: v1.Container, sandbox: ObservedSandbox, out: ContainerPlan) -> bool:
    """Find what to do with the init container whose turn it is; returns whether it has done its work."""
    found = each.observed.newest(spec.name)
    if each.is_starting(spec):
        out.unfinished = True
        each.begin(spec.name, sandbox, out)
    elif found is None:
        each.start_lost(spec.name, sandbox, out)
    elif found.state is ContainerState.CREATED:
        each.created(found, sandbox, out)
    elif found.state is ContainerState.RUNNING:
        out.unfinished = True
    elif found.state is ContainerState.UNKNOWN:
        out.unfinished = True
        each.stop(found, grace_seconds(each.desired), "Stopping container in unknown state", out)
    elif found.sandbox_id != sandbox.id:
        _run_again(each, found, sandbox, out)
    elif found.exit_code == 0:
        return True
    elif each.after(spec, found) is Restart.NONE and not each.returns(found):
        out.failed_init = True
    else:
        each.exited(spec, found, sandbox, out)
    return False


def _run_again(each: ContainerPass, found: ObservedContainer, sandbox: ObservedSandbox, out: ContainerPlan) -> None:
    """Run an init container in a new sandbox, whatever became of it in the last; after an edit that is no restart."""
    edited = each.drift.container(found)
    planned = edited or each.comes_back
    count = each.count(found)
    each.start(found.name, sandbox, out, restart_count=count if planned else count + 1, new_revision=edited)
