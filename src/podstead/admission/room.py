"""What pods take of the node: ports, resources, places; and what is missing for one more."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from podstead.admission.ports import NODE_PORTS, HostPort, host_ports
from podstead.k8s.qos import effective_priority
from podstead.k8s.resources import CPU, EPHEMERAL_STORAGE, HUGEPAGES_PREFIX, MEMORY, pod_requests
from podstead.state.desired import Blocked

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from podstead.admission.values import NodeFacts
    from podstead.identity import PodKey
    from podstead.k8s import core_v1 as v1

OUT_OF_PODS = "OutOfpods"
MILLI = 1000
_ORDER = (CPU, MEMORY, EPHEMERAL_STORAGE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What one pod holds, or would hold.

    `occupies` and `terminating` are as in NodePod. `stopping` was chosen by an earlier plan to make room. `waiting` is
    held for a pod that waits for its victims: it cannot be preempted before it runs. `requests` are thousandths of a
    core, a byte or a piece, as whole numbers: sums of fractions over 300 pods took a third of a second.
    """

    key: PodKey
    priority: int
    created_at: float
    ports: frozenset[HostPort]
    requests: Mapping[str, int]
    occupies: bool = False
    terminating: bool = False
    stopping: bool = False
    waiting: bool = False

    def beside(self, old: Holding) -> Holding:
        """Return what is held while one content of a pod takes the place of another: both ports, the larger sums."""
        names = {**self.requests, **old.requests}
        return Holding(
            key=self.key,
            priority=self.priority,
            created_at=self.created_at,
            ports=self.ports | old.ports,
            requests={name: max(self.requests.get(name, 0), old.requests.get(name, 0)) for name in names},
            occupies=old.occupies,
            stopping=old.stopping,
            waiting=self.waiting,
        )


def holding(key: PodKey, pod: v1.Pod, created_at: float) -> Holding:
    """Return what a content would hold."""
    return Holding(
        key=key,
        priority=effective_priority(pod),
        created_at=created_at,
        ports=host_ports(pod),
        requests={name: ceil(amount * MILLI) for name, amount in pod_requests(pod).items()},
    )


def shortage(ask: Holding, held: Iterable[Holding], node: NodeFacts) -> Blocked | None:
    """Return what the node lacks for `ask` beside what is held; None when it fits. Ports first, then pods, then sums.

    What the pod itself holds is not in its way, unless that is an earlier incarnation which is still ending.
    """
    others = [one for one in held if one.key != ask.key or one.terminating]
    conflicts = sorted(
        (port, other.key, other.terminating) for other in others for port in ask.ports if _binds(other, port)
    )
    if conflicts:
        each = [f"{port} is used by pod {key}{', which is stopping' if ends else ''}" for port, key, ends in conflicts]
        return Blocked(reason=NODE_PORTS, message=f"host port {'; '.join(each)}")
    if len(others) + 1 > node.max_pods:
        return Blocked(reason=OUT_OF_PODS, message=f"this node takes {node.max_pods} pods and has as many (maxPods)")
    for name in (*_ORDER, *sorted(node.allocatable.keys() - set(_ORDER))):
        wanted = ask.requests.get(name, 0)
        if name not in node.allocatable or not wanted:
            continue
        whole = int(node.allocatable[name] * MILLI)
        free = whole - sum(one.requests.get(name, 0) for one in others)
        if wanted > free:
            message = (
                f"the pod requests {_amount(name, wanted)} of {name}, {_amount(name, max(free, 0))} of the"
                f" node's {_amount(name, whole)} are free"
            )
            return Blocked(reason=f"OutOf{name}", message=message)
    return None


def conflicting(ask: Holding, held: Iterable[Holding]) -> frozenset[PodKey]:
    """Return the pods that bind a port which `ask` needs."""
    return frozenset(one.key for one in held if one.key != ask.key and any(_binds(one, port) for port in ask.ports))


def _binds(other: Holding, port: HostPort) -> bool:
    return any(port.conflicts_with(own) for own in other.ports)


def _amount(resource: str, thousandths: int) -> str:
    """Return an amount for people: thousandths of a core, MiB, or pieces."""
    if resource == CPU:
        return f"{thousandths}m"
    value = thousandths / MILLI
    if resource in {MEMORY, EPHEMERAL_STORAGE} or resource.startswith(HUGEPAGES_PREFIX):
        return f"{value / 2**20:.4g}Mi" if value < 10_000 * 2**20 else f"{value / 2**30:.4g}Gi"
    return f"{value:.6g}"
