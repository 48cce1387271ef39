"""A pod that root has stopped: nothing of it runs, and all that it needs to come back stays."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from podstead.k8s.containers import standing_containers
from podstead.reconcile.actions import PodActions, StopContainer, Waiting
from podstead.reconcile.termination import plan_preemption

if TYPE_CHECKING:
    from podstead.state.desired import DesiredPod
    from podstead.state.observed import ObservedPod

STOPPED = Waiting(reason="Stopped", message="stopped by root: podstead start lets it run again")


def plan_stopped(desired: DesiredPod, observed: ObservedPod) -> PodActions:
    """Return the steps after which nothing of the pod runs: those of a pod that makes room, in another's name."""
    steps = tuple(
        replace(step, reason="Killing", message=f"Stopping container {step.name}: the pod was stopped by root")
        if isinstance(step, StopContainer)
        else step
        for step in plan_preemption(desired, observed).steps
    )
    content = desired.effective or desired.candidate
    names = [container.name for container in standing_containers(content.pod.spec)] if content is not None else []
    return PodActions(steps=steps, waiting=dict.fromkeys(names, STOPPED), stuck=STOPPED)
