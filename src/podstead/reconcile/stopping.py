"""A pod that root has stopped: nothing of it runs, and all that it needs to come back stays."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from podstead.k8s.containers import standing_containers
from podstead.reconcile.actions import Waiting
from podstead.reconcile.termination import rest

if TYPE_CHECKING:
    from podstead.clock import Instant
    from podstead.reconcile.actions import PodActions
    from podstead.state.desired import DesiredPod
    from podstead.state.observed import ObservedPod

STOPPED = Waiting(reason="Stopped", message="stopped by root: podstead start lets it run again")
MESSAGE = "The pod was stopped by root: stopping container"


def plan_stopped(desired: DesiredPod, observed: ObservedPod, now: Instant) -> PodActions:
    """Return the steps after which nothing of the pod runs: those of a pod that makes room, in another's name."""
    content = desired.effective or desired.candidate
    names = [container.name for container in standing_containers(content.pod.spec)] if content is not None else []
    return replace(rest(desired, observed, now, STOPPED, message=MESSAGE), waiting=dict.fromkeys(names, STOPPED))
