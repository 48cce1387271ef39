"""Whether a Pod as the API shows it is ready, has ended, or is held."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from podstead.k8s import core_v1 as v1


HELD = "podstead.io/Held"
"""The condition that is True while what runs runs on and nothing of the pod is started again; absent otherwise."""


def is_ready(pod: v1.Pod) -> bool:
    """Return whether the pod's condition Ready is True."""
    conditions = pod.status.conditions if pod.status is not None else ()
    return any(condition.type == "Ready" and condition.status == "True" for condition in conditions)


def has_done_its_work(pod: v1.Pod) -> bool:
    """Return whether every container of the pod has ended well and none will start again."""
    return pod.status is not None and pod.status.phase == "Succeeded"


def held(pod: v1.Pod) -> v1.PodCondition | None:
    """Return the condition that says why nothing of the pod is started again; None: it is."""
    conditions = pod.status.conditions if pod.status is not None else ()
    return next((one for one in conditions if one.type == HELD and one.status == "True"), None)
