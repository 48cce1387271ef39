"""A container's resources as the CRI's (spec/kubelet-static-pods.md 5.7); pure.

Swap is not mentioned: with a memory limit and no word on swap, containerd and CRI-O set both alike, which is what
the kubelet asks for on behalf of static pods.
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
    out.hugepage_limits.extend(hugepage_limits(container))
    if node.cgroup_v2:
        out.unified["memory.oom.group"] = "1"
    return out


def sandbox_resources(pod: v1.Pod) -> pb.LinuxContainerResources:
    """Return the sum of the containers: for runtimes whose sandbox is a virtual machine; others do not read it."""
    return cgroup_resources(resources.pod_values(replace(pod, spec=replace(pod.spec, overhead={}))))


def sandbox_overhead(pod: v1.Pod) -> pb.LinuxContainerResources | None:
    """Return what the sandbox takes beside its containers; None where the pod's class has no overhead."""
    return cgroup_resources(resources.overhead_values(pod)) if pod.spec.overhead else None


def hugepage_limits(container: v1.Container) -> list[pb.HugepageLimit]:
    """Return the limits of `hugepages-2Mi` and its kin; the CRI writes the size as `2MB`."""
    limits = container.resources.limits if container.resources else {}
    out = []
    for name, amount in limits.items():
        size = name.removeprefix(resources.HUGEPAGES_PREFIX)
        if size == name or size[-2:] not in _BINARY_UNITS:
            continue
        out.append(pb.HugepageLimit(page_size=size[:-2] + _BINARY_UNITS[size[-2:]], limit=int(quantity.parse(amount))))
    return out
