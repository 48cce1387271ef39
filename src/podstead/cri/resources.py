"""A container's resources as the CRI's (spec/kubelet-static-pods.md 5.7); pure.

No container gets swap, as the kubelet has it for static pods (NoSwap). On cgroup v2 that is written for each; on v1
containerd and CRI-O set the limit of memory and swap to that of memory where nobody says otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from podstead.cri._pb import cri_pb2 as pb
from podstead.k8s import quantity, resources

if TYPE_CHECKING:
    from podstead.cri.node import NodeFacts
    from podstead.k8s import core_v1 as v1

_BINARY_UNITS = {"Ki": "KB", "Mi": "MB", "Gi": "GB"}


def cgroup_resources(values: resources.CgroupValues) -> pb.LinuxContainerResources:
    """Return the values of one cgroup."""
    return pb.LinuxContainerResources(
        cpu_shares=values.shares,
        cpu_quota=values.quota,
        cpu_period=values.period,
        memory_limit_in_bytes=values.memory_limit,
    )


def container_resources(
    pod: v1.Pod, container: v1.Container, oom_score_adj: int, node: NodeFacts
) -> pb.LinuxContainerResources:
    """Return the cgroup values of one container; the pod is asked for the limits the container has not."""
    out = cgroup_resources(resources.container_values(pod, container))
    out.oom_score_adj = oom_score_adj
    out.hugepage_limits.extend(hugepage_limits(container, node.huge_page_sizes))
    if node.oom_group:
        out.unified["memory.oom.group"] = "1"
    if node.no_swap:
        out.unified["memory.swap.max"] = "0"
    return out


def sandbox_resources(pod: v1.Pod) -> pb.LinuxContainerResources:
    """Return the sum of the containers: for runtimes whose sandbox is a virtual machine; others do not read it."""
    return cgroup_resources(resources.pod_values(replace(pod, spec=replace(pod.spec, overhead={}))))


def sandbox_overhead(pod: v1.Pod) -> pb.LinuxContainerResources | None:
    """Return what the sandbox takes beside its containers; None where the pod's class has no overhead."""
    return cgroup_resources(resources.overhead_values(pod)) if pod.spec.overhead else None


def hugepage_limits(container: v1.Container, sizes: tuple[str, ...] = ()) -> list[pb.HugepageLimit]:
    """Return the limits of `hugepages-2Mi` and its kin; the CRI writes the size as `2MB`.

    The other `sizes` that the kernel counts are limited to nothing, as the kubelet does.
    """
    limits = container.resources.limits if container.resources else {}
    found = dict.fromkeys(sizes, 0)
    for name, amount in limits.items():
        size = name.removeprefix(resources.HUGEPAGES_PREFIX)
        if size == name or size[-2:] not in _BINARY_UNITS:
            continue
        found[size[:-2] + _BINARY_UNITS[size[-2:]]] = int(quantity.parse(amount))
    return [pb.HugepageLimit(page_size=size, limit=limit) for size, limit in found.items()]
