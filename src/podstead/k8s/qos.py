"""QoS class, priority and OOM score of a pod.

Source: spec/kubelet-static-pods.md 5.7; foundation 18 for the priority. `quantity.QuantityError` is raised on a
text that is no quantity; a validated pod has none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from podstead.k8s import labels, resources
from podstead.k8s.containers import all_containers, is_sidecar

if TYPE_CHECKING:
    from collections.abc import Mapping
    from fractions import Fraction

    from podstead.k8s import core_v1 as v1

QOSClass = Literal["Guaranteed", "Burstable", "BestEffort"]

_COMPUTE = (resources.CPU, resources.MEMORY)
NODE_CRITICAL_CLASS = "system-node-critical"
"""The priority class whose pods the kernel's OOM killer takes last."""

PROTECTED_OOM_SCORE = -997
"""oom_score_adj of Guaranteed and node-critical pods."""
BEST_EFFORT_OOM_SCORE = 1000
"""oom_score_adj of BestEffort pods."""
_MIN_BURSTABLE = 1000 + PROTECTED_OOM_SCORE
_MAX_BURSTABLE = BEST_EFFORT_OOM_SCORE - 1


def qos_class(pod: v1.Pod) -> QOSClass:
    """Return the QoS class of a defaulted pod; cpu and memory alone count.

    Guaranteed: every container (or the pod level, where it is set) limits both and requests as much. BestEffort:
    nothing is limited or requested. Burstable: anything else.
    """
    if pod.spec.resources is not None and (pod.spec.resources.requests or pod.spec.resources.limits):
        holders: tuple[v1.ResourceRequirements | None, ...] = (pod.spec.resources,)
    else:
        holders = tuple(c.resources for c in all_containers(pod.spec))
    asked = [_compute(holder.requests) if holder is not None else {} for holder in holders]
    limited = [_compute(holder.limits) if holder is not None else {} for holder in holders]
    if not any(asked) and not any(limited):
        return "BestEffort"
    if asked == limited and all(len(limits) == len(_COMPUTE) for limits in limited):
        return "Guaranteed"
    return "Burstable"


def effective_priority(pod: v1.Pod) -> int:
    """Return spec.priority, else that of the priority class, else 0.

    The kubelet treats every static pod as critical; ranking them by what they say is a named difference.
    """
    if pod.spec.priority is not None:
        return pod.spec.priority
    return labels.PRIORITY_CLASSES.get(pod.spec.priority_class_name or "", 0)


def is_oom_protected(pod: v1.Pod) -> bool:
    """Return whether the OOM killer is kept from this pod as from the node's own services."""
    return pod.spec.priority_class_name == NODE_CRITICAL_CLASS or qos_class(pod) == "Guaranteed"


def oom_score_adj(pod: v1.Pod, container: v1.Container, node_memory_bytes: int) -> int:
    """Return oom_score_adj of a container, -997 to 1000, on a node with this much memory.

    A Burstable container is killed the sooner the smaller the part of the node's memory that it requested. With
    pod-level resources each container also counts its share of what no container requested. A sidecar is never
    killed before the regular containers that need it.
    """
    if is_oom_protected(pod):
        return PROTECTED_OOM_SCORE
    if qos_class(pod) == "BestEffort":
        return BEST_EFFORT_OOM_SCORE
    spare = _unrequested_share(pod)
    requested = _memory(container) + spare
    if any(init.name == container.name and is_sidecar(init) for init in pod.spec.init_containers):
        requested = max([requested, *(_memory(regular) + spare for regular in pod.spec.containers)])
    score = 1000 - 1000 * requested // max(1, node_memory_bytes)
    return max(_MIN_BURSTABLE, min(_MAX_BURSTABLE, score))


def _compute(texts: Mapping[str, str]) -> dict[str, Fraction]:
    found = resources.amounts({name: texts[name] for name in _COMPUTE if name in texts})
    return {name: amount for name, amount in found.items() if amount > 0}


def _memory(container: v1.Container) -> int:
    """Return the bytes a container requests."""
    return int(resources.container_requests(container).get(resources.MEMORY, 0))


def _unrequested_share(pod: v1.Pod) -> int:
    """Return an equal part of the pod-level memory request that no container took, 0 without one."""
    if pod.spec.resources is None or resources.MEMORY not in pod.spec.resources.requests:
        return 0
    whole = int(resources.amounts(pod.spec.resources.requests)[resources.MEMORY])
    left = whole - int(resources.aggregate_requests(pod).get(resources.MEMORY, 0))
    sidecars = sum(is_sidecar(init) for init in pod.spec.init_containers)
    return max(0, left) // (len(pod.spec.containers) + sidecars)
