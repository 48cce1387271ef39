"""The planner: from what should be and what is to what to do next.

Called for one pod after every change of its inputs. It looks at one snapshot, asks nothing, and returns every step
that may be started now; the worker starts those that are not under way, cancels pulls that are no longer asked for,
and plans again when anything ends. From any observed state repeated plans converge, and a converged pod's plan is
empty.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from podstead.config import RestartSettings
from podstead.k8s.volumes import keeps_up
from podstead.manifest.compare import compare
from podstead.reconcile.actions import (
    PodActions,
    PrepareVolumes,
    Promote,
    RemoveSandbox,
    RunSandbox,
    StopSandbox,
    Waiting,
)
from podstead.reconcile.changes import Drift
from podstead.reconcile.containers import ContainerPass
from podstead.reconcile.images import image_needs
from podstead.reconcile.resize import with_resize
from podstead.reconcile.sandbox import current_sandbox, fit, plan_leftovers, plan_new_sandbox
from podstead.reconcile.stopping import plan_stopped
from podstead.reconcile.termination import grace_seconds, plan_preemption, plan_termination, stop_all

if TYPE_CHECKING:
    from collections.abc import Iterable

    from podstead.clock import Instant
    from podstead.k8s import core_v1 as v1
    from podstead.reconcile.actions import Step
    from podstead.reconcile.containers import ContainerPlan
    from podstead.state.desired import DesiredPod
    from podstead.state.observed import ObservedPod, TaskFailure
    from podstead.state.probes import PodProbes
    from podstead.state.records import PodHistory, Revision


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
    must it make room, does an edit wait, and only then: do its containers run.
    """
    if not observed.fresh:
        return PodActions()
    if desired.record.terminating:
        return plan_termination(desired, observed)
    if desired.record.stopped:
        return plan_stopped(desired, observed)
    if desired.preempted and (desired.candidate is None or desired.blocked is not None):
        return plan_preemption(desired, observed)
    edit = _plan_candidate(desired, observed, now)
    if any(isinstance(step, Promote) for step in edit.steps) or desired.effective is None:
        return edit
    if desired.preempted:  # an edit that fits is on its way where the effective content does not
        return _join(edit, plan_preemption(desired, observed))
    run = _plan_effective(desired, desired.effective, observed, probes, history, now, settings or RestartSettings())
    return with_resize(desired, observed, history, _join(edit, run))


def _plan_candidate(desired: DesiredPod, observed: ObservedPod, now: Instant) -> PodActions:
    """Return the steps that bring a waiting revision closer to being effective (foundation 15).

    The old revision runs on until the new one's images and volumes are there and the node has room.
    """
    candidate = desired.candidate
    if candidate is None:
        return PodActions()
    blocked = Waiting(reason=desired.blocked.reason, message=desired.blocked.message) if desired.blocked else None
    if desired.effective is None and blocked:
        return _plan_blocked(candidate.pod.spec.containers, candidate, blocked, observed, now)
    if desired.effective is None:
        return _plan_after_loss(desired, candidate, observed, now)
    changes = compare(desired.effective.pod, candidate.pod)
    if not (changes.disturbs or (blocked and changes.resize)):
        return PodActions(steps=(Promote(revision=candidate.id),))
    starting = [c for c in candidate.pod.spec.containers if changes.pod or c.name in changes.containers]
    if blocked:
        return _plan_blocked(starting, candidate, blocked, observed, now)
    ready = _plan_readiness(starting, candidate, observed, now)
    return ready if ready.steps or ready.stuck else PodActions(steps=(Promote(revision=candidate.id),))


def _plan_after_loss(desired: DesiredPod, candidate: Revision, observed: ObservedPod, now: Instant) -> PodActions:
    """Return the way to the first revision that can be read: of a new pod, or of one whose effective one was lost.

    What runs by the lost one cannot be compared, so it makes way, once everything is there that the other needs.
    """
    stops = stop_all(
        observed.containers, grace_seconds(desired), "Killing", "Its revision was lost: stopping container"
    )
    if stops:
        ready = _plan_readiness(candidate.pod.spec.containers, candidate, observed, now)
        return ready if ready.steps or ready.stuck else PodActions(steps=tuple(stops))
    return PodActions(steps=(Promote(revision=candidate.id),))


def _plan_blocked(
    starting: Iterable[v1.Container], candidate: Revision, blocked: Waiting, observed: ObservedPod, now: Instant
) -> PodActions:
    """Return the pulls of a revision that waits for room: nobody is preempted before its images are there."""
    needs = image_needs(starting, candidate, observed, now)
    return PodActions(steps=tuple(dict.fromkeys(needs.pulls)), requeue_at=needs.requeue_at, stuck=blocked)


def _plan_readiness(
    starting: Iterable[v1.Container], revision: Revision, observed: ObservedPod, now: Instant
) -> PodActions:
    """Return pulls and volume work that must be done before these containers of `revision` can start."""
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
            waiting.setdefault(
                container.name, Waiting(reason="ContainerCreating", message=stuck.message if stuck else "")
            )
    return PodActions(steps=tuple(steps), waiting=waiting, requeue_at=requeue, stuck=stuck)


def _plan_volumes(revision: Revision, observed: ObservedPod, now: Instant) -> tuple[PodActions, TaskFailure | None]:
    """Return the step that prepares a revision's volumes, or when to take it again, and how it last failed."""
    step = PrepareVolumes(revision=revision.id)
    failure = observed.failures.get(step.key)
    if failure is None or now.boot >= failure.retry_at:
        return PodActions(steps=(step,)), failure
    return PodActions(requeue_at=failure.retry_at), failure


def _plan_upkeep(effective: Revision, observed: ObservedPod, now: Instant) -> PodActions:
    """Return what brings the files of volumes up to date under running containers; no trouble with it stops one."""
    if effective.id in observed.prepared or not keeps_up(effective.pod):
        return PodActions()
    return _plan_volumes(effective, observed, now)[0]


def _plan_effective(
    desired: DesiredPod,
    effective: Revision,
    observed: ObservedPod,
    probes: PodProbes,
    history: PodHistory,
    now: Instant,
    settings: RestartSettings,
) -> PodActions:
    drift = Drift(desired)
    walk = ContainerPass(
        desired=desired,
        effective=effective,
        observed=observed,
        probes=probes,
        history=history,
        drift=drift,
        now=now,
        settings=settings,
    )
    sandbox = current_sandbox(observed)
    if sandbox is None or not fit(sandbox, effective, observed, drift):
        wanted = walk.plan(None)
        if not wanted.unfinished:
            return PodActions(waiting=wanted.waiting)
        made = plan_new_sandbox(desired, observed, history, drift, now)
        # Images and volumes are made ready beside the sandbox, not after it.
        beside = _readiness_of(wanted, effective, observed, now) if _only_starts(made) else PodActions()
        return _join(made, beside)
    plan = walk.plan(sandbox)
    leftovers = plan_leftovers(observed, sandbox, grace_seconds(desired))
    if not plan.unfinished and not plan.steps:
        return PodActions(steps=(*leftovers, StopSandbox(id=sandbox.id)), waiting=plan.waiting)
    ready = _readiness_of(plan, effective, observed, now)
    starts = [s for s in plan.starts if s.name not in ready.waiting and s.name not in plan.held]
    busy = any(key.startswith("container:") for key in observed.in_flight)
    # One start at a time and in the manifest's order, as the kubelet does; one that cannot start delays no other.
    now_steps = (*leftovers, *plan.steps, *ready.steps, *([] if busy else starts[:1]))
    own = PodActions(steps=now_steps, waiting=plan.waiting, requeue_at=plan.requeue_at)
    held = _join(_join(own, replace(ready, steps=())), PodActions(waiting=plan.held))
    return _join(held, _plan_upkeep(effective, observed, now))


def _only_starts(made: PodActions) -> bool:
    return all(isinstance(step, RunSandbox | RemoveSandbox) for step in made.steps)


def _readiness_of(plan: ContainerPlan, effective: Revision, observed: ObservedPod, now: Instant) -> PodActions:
    names = {step.name for step in plan.starts}
    starting = [c for c in effective.pod.spec.containers if c.name in names]
    return _plan_readiness(starting, effective, observed, now)


def _join(first: PodActions, second: PodActions) -> PodActions:
    moments = [m for m in (first.requeue_at, second.requeue_at) if m is not None]
    return PodActions(
        steps=tuple(dict.fromkeys((*first.steps, *second.steps))),
        waiting={**second.waiting, **first.waiting},
        requeue_at=min(moments, default=None),
        stuck=first.stuck or second.stuck,
    )
