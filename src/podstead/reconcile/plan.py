"""The planner: from what should be and what is to what to do next.

Called for one pod after every change of its inputs. It looks at one snapshot, asks nothing, and returns every step
that may be started now; the worker starts those that are not under way, cancels pulls that are no longer asked for,
and plans again when anything ends. From any observed state repeated plans converge, and a converged pod's plan is
empty.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from podstead.config.runtime import RestartSettings
from podstead.k8s.containers import all_containers
from podstead.reconcile.actions import PodActions, Promote, RemoveSandbox, RunSandbox
from podstead.reconcile.candidate import plan_candidate
from podstead.reconcile.changes import Drift
from podstead.reconcile.completion import conclusion, deadline, past_deadline, plan_ended
from podstead.reconcile.containers import ContainerPass
from podstead.reconcile.eviction import plan_making_way
from podstead.reconcile.holding import hold_back
from podstead.reconcile.order import plan_containers, plan_without_sandbox
from podstead.reconcile.readiness import plan_ahead, plan_readiness, plan_upkeep
from podstead.reconcile.resize import with_resize
from podstead.reconcile.sandbox import current_sandbox, fit, plan_leftovers, plan_new_sandbox
from podstead.reconcile.stopping import plan_stopped
from podstead.reconcile.termination import grace_seconds, plan_termination

if TYPE_CHECKING:
    from podstead.clock import Instant
    from podstead.reconcile.containers import ContainerPlan
    from podstead.state.desired import DesiredPod
    from podstead.state.observed import ObservedPod, ObservedSandbox
    from podstead.state.probes import PodProbes
    from podstead.state.records import PodHistory


def compute_pod_actions(
    desired: DesiredPod,
    observed: ObservedPod,
    probes: PodProbes,
    history: PodHistory,
    now: Instant,
    settings: RestartSettings | None = None,
) -> PodActions:
    """Return what to do now for one pod.

    The order of the questions is the order of authority: can the runtime be trusted, is the pod leaving, is it stopped,
    has it ended, is its time over, must it make room, does an edit wait, and only then: do its containers run. Of a pod that is
    held the last answer is left out of the plan again.
    """
    if not observed.fresh:
        return PodActions()
    if desired.record.terminating:
        return plan_termination(desired, observed, now)
    if desired.record.stopped:
        return plan_stopped(desired, observed, now)
    if desired.record.completion is not None:
        return plan_ended(desired, observed, now)
    due = deadline(desired, now)
    if due is not None and now.boot >= due and desired.effective is not None:
        return past_deadline(desired.effective)
    actions = _plan_wanted(desired, observed, probes, history, now, settings or RestartSettings())
    if desired.held is not None and desired.effective is not None and not desired.preempted:
        actions = hold_back(actions, desired.held, desired.effective, observed)
    return actions.beside(PodActions(requeue_at=due))


def _plan_wanted(
    desired: DesiredPod,
    observed: ObservedPod,
    probes: PodProbes,
    history: PodHistory,
    now: Instant,
    settings: RestartSettings,
) -> PodActions:
    if desired.preempted and (desired.candidate is None or desired.blocked is not None):
        return plan_making_way(desired, observed, now)
    edit = plan_candidate(desired, observed, now)
    if any(isinstance(step, Promote) for step in edit.steps) or desired.effective is None:
        return edit
    if desired.preempted:  # an edit that fits is on its way where the effective content does not
        return edit.beside(plan_making_way(desired, observed, now))
    each = ContainerPass(
        desired=desired,
        effective=desired.effective,
        observed=observed,
        probes=probes,
        history=history,
        drift=Drift(desired),
        now=now,
        settings=settings,
    )
    sandbox = current_sandbox(observed)
    if sandbox is None or not fit(sandbox, desired.effective, observed, each.drift):
        return edit.beside(_plan_without_sandbox(each))
    return with_resize(desired, observed, history, edit.beside(_plan_in_sandbox(each, sandbox)))


def _plan_without_sandbox(each: ContainerPass) -> PodActions:
    """Return the way to a new sandbox, unless nothing would start in it."""
    wanted = plan_without_sandbox(each)
    if not wanted.unfinished:
        return conclusion(each.effective, each.observed, each.history, failed_init=False)
    made = plan_new_sandbox(
        each.desired, each.effective, each.observed, each.history, each.drift, each.now, each.settings
    )
    # Images and volumes are made ready beside the sandbox, not after it.
    beside = _readiness_of(wanted, each) if _only_starts(made) else PodActions()
    return made.beside(beside).beside(PodActions(waiting=wanted.waiting))


def _plan_in_sandbox(each: ContainerPass, sandbox: ObservedSandbox) -> PodActions:
    """Return what the containers need in a sandbox that is fit."""
    plan = plan_containers(each, sandbox)
    if plan.failed_init or (not plan.unfinished and not plan.steps):
        return conclusion(each.effective, each.observed, each.history, failed_init=plan.failed_init)
    leftovers = plan_leftovers(each.observed, sandbox, grace_seconds(each.desired))
    ready = _readiness_of(plan, each)
    starts = [s for s in plan.starts if s.name not in ready.waiting and s.name not in plan.held]
    busy = any(key.startswith("container:") for key in each.observed.in_flight)
    # One start at a time and in the manifest's order, as the kubelet does; one that cannot start delays no other.
    now_steps = (*leftovers, *plan.steps, *ready.steps, *([] if busy else starts[:1]))
    own = PodActions(
        steps=now_steps, waiting=plan.waiting, requeue_at=plan.requeue_at, restarting_all=plan.restarting_all
    )
    waits = replace(ready, steps=()).beside(own).beside(PodActions(waiting=plan.held))
    return waits.beside(plan_upkeep(each.effective, each.observed, each.now))


def _only_starts(made: PodActions) -> bool:
    """Return whether nothing is in the way of a sandbox; one that empties the volumes first has them to itself."""
    runs = [step for step in made.steps if isinstance(step, RunSandbox)]
    others = all(isinstance(step, RunSandbox | RemoveSandbox) for step in made.steps)
    return others and not any(step.reset_volumes for step in runs)


def _readiness_of(plan: ContainerPlan, each: ContainerPass) -> PodActions:
    names = {step.name for step in plan.starts}
    starting = [c for c in all_containers(each.effective.pod.spec) if c.name in names]
    ready = plan_readiness(starting, each.effective, each.observed, each.now)
    return ready.beside(plan_ahead(plan.ahead, each.effective, each.observed, each.now)) if plan.ahead else ready
