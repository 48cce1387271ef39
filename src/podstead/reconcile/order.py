"""The containers of a pod in their order: init containers and sidecars, then the regular ones, then what is left over.

Regular containers are not touched before the pod is initialised; sidecars are kept running as long as one of them runs
or will (spec/kubelet-static-pods.md 3.6 and 3.7).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.k8s.containers import all_containers, standing_containers
from podstead.reconcile.actions import RemoveContainer, Waiting
from podstead.reconcile.completion import RECORDS_KEPT
from podstead.reconcile.containers import ContainerPlan
from podstead.reconcile.initialisation import INITIALISING, is_initialised, plan_initialisation
from podstead.reconcile.restart_all import plan_restart_of_all
from podstead.reconcile.termination import grace_seconds, stop_all
from podstead.state.observed import ContainerState

if TYPE_CHECKING:
    from podstead.reconcile.containers import ContainerPass
    from podstead.state.observed import ObservedSandbox


def plan_containers(each: ContainerPass, sandbox: ObservedSandbox) -> ContainerPlan:
    """Return what to do with all containers in a sandbox that is fit; unfinished as long as a regular one is."""
    out = ContainerPlan()
    if plan_restart_of_all(each, sandbox, out):
        return out
    regular = ContainerPlan()
    _plan_regular(each, sandbox, regular)
    if not each.effective.pod.spec.init_containers or not regular.unfinished:
        out = regular
    elif is_initialised(each, sandbox):
        for container in standing_containers(each.effective.pod.spec):
            each.one(container, sandbox, out)
    elif plan_initialisation(each, sandbox, out):
        _plan_regular(each, sandbox, out)
    else:
        out.unfinished = not out.failed_init
        out.ahead += each.effective.pod.spec.containers
        out.waiting |= dict.fromkeys((*(s.name for s in regular.starts), *regular.waiting), INITIALISING)
    _leave_over(each, out)
    return out


def plan_without_sandbox(each: ContainerPass) -> ContainerPlan:
    """Return which containers would start if there were a sandbox; a new one begins with the first init container."""
    out = ContainerPlan()
    _plan_regular(each, None, out)
    if out.unfinished:
        init = each.effective.pod.spec.init_containers
        out.ahead += init
        waiting = INITIALISING if init else Waiting(reason="ContainerCreating")
        out.waiting |= dict.fromkeys((*(c.name for c in init), *(s.name for s in out.starts)), waiting)
    return out


def _plan_regular(each: ContainerPass, sandbox: ObservedSandbox | None, out: ContainerPlan) -> None:
    for container in each.effective.pod.spec.containers:
        each.one(container, sandbox, out)


def _leave_over(each: ContainerPass, out: ContainerPlan) -> None:
    """Stop containers that the manifest no longer has, and all but the newest instance of a name; keep few records."""
    names = {c.name for c in all_containers(each.effective.pod.spec)}
    grace = grace_seconds(each.desired)
    seen: dict[str, int] = {}
    for found in each.observed.containers:
        seen[found.name] = seen.get(found.name, 0) + 1
        if found.name in names and seen[found.name] == 1:
            continue
        stops = stop_all((found,), grace, "Killing", "Stopping container")
        out.steps += stops
        if stops:
            out.unfinished = True
        elif found.name not in names or found.state is ContainerState.CREATED or seen[found.name] > RECORDS_KEPT:
            out.steps.append(RemoveContainer(id=found.id))
