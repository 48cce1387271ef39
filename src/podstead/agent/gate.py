"""Watches whether a pod has become ready under its effective revision, and what follows for a health-gated update."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from podstead.reconcile.actions import FallBack
from podstead.reconcile.progress import CHANGING, is_paused, is_settled, plan_progress

if TYPE_CHECKING:
    from podstead.agent.session import PodSession
    from podstead.clock import Instant
    from podstead.reconcile.actions import PodActions
    from podstead.state.observed import ObservedPod


def gated(session: PodSession, observed: ObservedPod, actions: PodActions, now: Instant, *, ready: bool) -> PodActions:
    """Return the plan with what the gate adds to it; `ready` is what the pod's status says as of this plan."""
    desired = session.desired()
    effective = session.record.effective
    if not (ready and is_settled(desired, observed, actions)):
        session.ready_since = None
    elif session.ready_since is None or session.was_ready != effective:
        session.was_ready, session.ready_since = effective, now.boot
    paused = is_paused(desired)
    if session.paused and not paused:
        session.resumed_at = now.boot
    session.paused = paused
    more = plan_progress(desired, observed, now, ready_since=session.ready_since, resumed_at=session.resumed_at)
    if any(isinstance(step, FallBack) for step in more.steps):
        # What the failed revision asks for is not begun any more: what comes back may still be running.
        actions = replace(actions, steps=tuple(step for step in actions.steps if not step.key.startswith(CHANGING)))
    return actions.beside(more)
