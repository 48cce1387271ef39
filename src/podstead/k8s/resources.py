"""What a pod asks of the node: sums of requests and limits, and their translation into cgroup values.

Source: spec/kubelet-static-pods.md 5.7; KEP-753 for the peak of init containers, KEP-2837 for pod-level resources.
Every function here raises `quantity.QuantityError` on a text that is no quantity; a validated pod has none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from podstead.k8s import quantity
from podstead.k8s.containers import all_containers, is_sidecar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from podstead.k8s import core_v1 as v1

CPU = "cpu"
MEMORY = "memory"
EPHEMERAL_STORAGE = "ephemeral-storage"
HUGEPAGES_PREFIX = "hugepages-"

MIN_SHARES = 2
"""The kernel's smallest cpu.shares."""
MAX_SHARES = 262_144
"""The kernel's largest cpu.shares, 256 cores."""
CFS_PERIOD_US = 100_000
"""Length of a CFS period in microseconds (kubelet: cpuCFSQuotaPeriod)."""
MIN_QUOTA_US = 1_000
"""The kernel's smallest CFS quota in microseconds."""
MAX_QUOTA_US = 2**44 - 1
"""The kernel's largest CFS quota in microseconds (kernel/sched, MAX_BW)."""
MAX_MILLI_CPU = MAX_QUOTA_US * 1000 // CFS_PERIOD_US
"""Thousandths of a core whose quota the kernel still takes."""
MAX_BYTES = 2**63 - 4096
"""The largest amount that the kernel counts, in whole pages (PAGE_COUNTER_MAX), and that a 64-bit field of the CRI holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CgroupValues:
    """Limits of one cgroup in the words of cgroup v1.

    `shares` is the relative weight; `quota` is CPU time in microseconds within each `period` of microseconds, 0 for
    no limit; `memory_limit` is bytes, 0 for no limit.
    """

    shares: int
    quota: int
    period: int
    memory_limit: int


def cpu_shares(milli_cpu: int) -> int:
    """Return cpu.shares for thousandths of a core, within the kernel's bounds."""
    return min(MAX_SHARES, max(MIN_SHARES, milli_cpu * 1024 // 1000))


def cpu_quota(milli_cpu: int, period_us: int = CFS_PERIOD_US) -> int:
    """Return the CFS quota in microseconds for thousandths of a core; 0 for no limit."""
    return 0 if milli_cpu <= 0 else min(MAX_QUOTA_US, max(MIN_QUOTA_US, milli_cpu * period_us // 1000))


def largest(name: str) -> Fraction:
    """Return the largest amount of a resource that a limit can say."""
    return Fraction(MAX_MILLI_CPU, 1000) if name == CPU else Fraction(MAX_BYTES)


def amounts(texts: Mapping[str, str]) -> dict[str, Fraction]:
    """Return the exact amounts of a resource list."""
    return {name: quantity.parse(text) for name, text in texts.items()}


def container_requests(container: v1.Container) -> dict[str, Fraction]:
    """Return what one container requests; a limit stands in for a request that is absent."""
    if container.resources is None:
        return {}
    return amounts({**container.resources.limits, **container.resources.requests})


def container_limits(container: v1.Container) -> dict[str, Fraction]:
    """Return the limits of one container."""
    return {} if container.resources is None else amounts(container.resources.limits)


def aggregate_requests(pod: v1.Pod) -> dict[str, Fraction]:
    """Return what the containers together request: the running ones or the peak of initialisation, if higher."""
    return _aggregate(pod, container_requests)


def aggregate_limits(pod: v1.Pod) -> dict[str, Fraction]:
    """Return the limits of the containers together, by the rule of `aggregate_requests`."""
    return _aggregate(pod, container_limits)


def pod_requests(pod: v1.Pod) -> dict[str, Fraction]:
    """Return what the pod asks of the node: pod-level requests go before those of its containers; plus overhead.

    Amounts are cores, bytes or pieces. This is the sum that admission compares with the node's allocatable.
    """
    found = aggregate_requests(pod)
    if pod.spec.resources is not None:
        found |= amounts({**pod.spec.resources.limits, **pod.spec.resources.requests})
    return _sum(found, amounts(pod.spec.overhead))


def pod_limits(pod: v1.Pod) -> dict[str, Fraction]:
    """Return the limits of the pod: pod-level ones go before those of its containers; plus overhead where limited."""
    found = aggregate_limits(pod)
    if pod.spec.resources is not None:
        found |= amounts(pod.spec.resources.limits)
    return _sum(found, {name: more for name, more in amounts(pod.spec.overhead).items() if found.get(name)})


def container_values(pod: v1.Pod, container: v1.Container, period_us: int = CFS_PERIOD_US) -> CgroupValues:
    """Return the cgroup values of one container; a pod-level limit bounds a container that has none of its own."""
    limits = container_limits(container)
    if pod.spec.resources is not None:
        limits = amounts(pod.spec.resources.limits) | limits
    requests = limits | container_requests(container)
    return CgroupValues(
        shares=cpu_shares(_milli(requests.get(CPU))),
        quota=cpu_quota(_milli(limits.get(CPU)), period_us),
        period=period_us,
        memory_limit=_whole(limits.get(MEMORY)),
    )


def pod_values(pod: v1.Pod, period_us: int = CFS_PERIOD_US) -> CgroupValues:
    """Return the values of the pod's own cgroup.

    CPU and memory are limited only if the pod sets that limit or every container, init containers too, has it:
    else the sum of the limits would throttle the container that has none.
    """
    limits = pod_limits(pod)
    return CgroupValues(
        shares=cpu_shares(_milli(pod_requests(pod).get(CPU))),
        quota=cpu_quota(_milli(limits.get(CPU)), period_us) if _bounded(pod, CPU) else 0,
        period=period_us,
        memory_limit=_whole(limits.get(MEMORY)) if _bounded(pod, MEMORY) else 0,
    )


def overhead_values(pod: v1.Pod, period_us: int = CFS_PERIOD_US) -> CgroupValues:
    """Return what the sandbox of the pod's runtime class takes by itself, as the values of a cgroup."""
    amount = amounts(pod.spec.overhead)
    return CgroupValues(
        shares=cpu_shares(_milli(amount.get(CPU))),
        quota=cpu_quota(_milli(amount.get(CPU)), period_us),
        period=period_us,
        memory_limit=_whole(amount.get(MEMORY)),
    )


def widest(values: Sequence[CgroupValues]) -> CgroupValues:
    """Return limits within which each of these fits; no limit is the widest."""
    quotas, memories = [one.quota for one in values], [one.memory_limit for one in values]
    return CgroupValues(
        shares=max(one.shares for one in values),
        quota=0 if 0 in quotas else max(quotas),
        period=values[0].period,
        memory_limit=0 if 0 in memories else max(memories),
    )


def _bounded(pod: v1.Pod, resource: str) -> bool:
    if pod.spec.resources is not None and amounts(pod.spec.resources.limits).get(resource):
        return True
    return all(container_limits(container).get(resource) for container in all_containers(pod.spec))


def _aggregate(pod: v1.Pod, pick: Callable[[v1.Container], dict[str, Fraction]]) -> dict[str, Fraction]:
    running: dict[str, Fraction] = {}
    peak: dict[str, Fraction] = {}
    for container in pod.spec.init_containers:
        with_this = _sum(running, pick(container))
        peak = _maximum(peak, with_this)
        if is_sidecar(container):
            running = with_this
    for container in pod.spec.containers:
        running = _sum(running, pick(container))
    return _maximum(peak, running)


def _sum(one: Mapping[str, Fraction], other: Mapping[str, Fraction]) -> dict[str, Fraction]:
    return {name: one.get(name, Fraction(0)) + other.get(name, Fraction(0)) for name in {**one, **other}}


def _maximum(one: Mapping[str, Fraction], other: Mapping[str, Fraction]) -> dict[str, Fraction]:
    return {name: max(one.get(name, Fraction(0)), other.get(name, Fraction(0))) for name in {**one, **other}}


def _milli(amount: Fraction | None) -> int:
    return math.ceil((amount or 0) * 1000)


def _whole(amount: Fraction | None) -> int:
    # Validation refuses more, but a runtime class of the node may add its overhead to a sum that just passed.
    return min(MAX_BYTES, math.ceil(amount or 0))
