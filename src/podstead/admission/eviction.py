"""Who goes when the node runs short, who waits meanwhile, and who comes back (spec/kubelet-static-pods.md 3.14).

The kubelet ranks as here, and never evicts a static pod. Here only critical pods are exempt: stopping the one thing
that the node is for frees nothing that it would not need again (ADR 8).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.admission.pressure import amount, told
from podstead.k8s.labels import SYSTEM_CRITICAL_PRIORITY
from podstead.k8s.qos import effective_priority, qos_class
from podstead.k8s.resources import EPHEMERAL_STORAGE, MEMORY, container_requests, pod_requests
from podstead.k8s.signals import PRESSURE, RESOURCE, Pressure, Signal
from podstead.state.desired import Blocked

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from podstead.admission.pressure import Measured
    from podstead.clock import Instant
    from podstead.config.upkeep import Threshold
    from podstead.identity import PodUID
    from podstead.k8s import core_v1 as v1
    from podstead.state.records import Eviction

EVICTED = "Evicted"
_REQUESTED = {Signal.MEMORY: MEMORY, Signal.NODEFS: EPHEMERAL_STORAGE, Signal.IMAGEFS: EPHEMERAL_STORAGE}
_WHY = {Pressure.MEMORY: "memory", Pressure.DISK: "disk space", Pressure.PID: "process ids"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A pod that runs, and what it uses of what is short: bytes or pieces, in all and by container where that is known."""

    uid: PodUID
    pod: v1.Pod
    used: int = 0
    by_container: Mapping[str, int] | None = None


def is_critical(pod: v1.Pod) -> bool:
    """Return whether a pod stays whatever happens."""
    return effective_priority(pod) >= SYSTEM_CRITICAL_PRIORITY


def order_of_leaving(candidates: Sequence[Candidate], signal: Signal) -> list[Candidate]:
    """Return those that may go, the first to go first.

    First who uses more than it requested, then the lower priority, then who is furthest beyond its request. Critical pods
    are not among them.
    """

    def rank(candidate: Candidate) -> tuple[bool, int, int, PodUID]:
        beyond = candidate.used - _requested(candidate.pod, signal)
        return (beyond <= 0, effective_priority(candidate.pod), -beyond, candidate.uid)

    return sorted((c for c in candidates if not is_critical(c.pod)), key=rank)


def message(threshold: Threshold, measured: Measured, candidate: Candidate) -> str:
    """Return what is said of a pod that goes: what is short, by how much, and what the pod's containers use of it."""
    signal = threshold.signal
    resource = RESOURCE[signal]
    words = [f"The node was low on resource: {resource}.", told(threshold, measured)]
    for container in candidate.pod.spec.containers:
        used = (candidate.by_container or {}).get(container.name)
        request = container_requests(container).get(_REQUESTED.get(signal, ""), 0)
        if used is not None and used > request:
            words.append(
                f"Container {container.name} was using {amount(signal, used)}, request is"
                f" {amount(signal, int(request))}, has larger consumption of {resource}."
            )
    return " ".join(words)


def refused(pod: v1.Pod, conditions: Collection[Pressure], *, runs: bool) -> Blocked | None:
    """Return why a content must wait while the node is short of something; None where it may start.

    Without memory only pods that promise nothing about it wait. Without disk space all but the critical wait, edits of
    what runs among them: a new image would make it worse.
    """
    if is_critical(pod):
        return None
    for condition in (Pressure.DISK, Pressure.PID, Pressure.MEMORY):
        if condition not in conditions or (runs and condition is not Pressure.DISK):
            continue
        if condition is Pressure.MEMORY and qos_class(pod) != "BestEffort":
            continue
        text = f"the node is short of {_WHY[condition]}: the pod waits until it is not"
        return Blocked(reason=condition.value, message=text)
    return None


def may_return(
    evicted: Eviction, pod: v1.Pod, conditions: Collection[Pressure], transition_seconds: float, now: Instant
) -> bool:
    """Return whether a pod that went may come back: what it went for has been enough for the time of transition.

    After a reboot nothing of what used the node up is left, so only what is measured now counts.
    """
    if evicted.boot_id == now.boot_id and now.boot - evicted.since < transition_seconds:
        return False
    went_for = PRESSURE.get(Signal(evicted.signal)) if evicted.signal else None
    return went_for not in conditions and refused(pod, conditions, runs=False) is None


def _requested(pod: v1.Pod, signal: Signal) -> int:
    return int(pod_requests(pod).get(_REQUESTED.get(signal, ""), 0))
