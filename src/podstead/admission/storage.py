"""Whether a pod uses more of the node's disk than it said it would: its own limits, whatever room there is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from podstead.k8s import quantity
from podstead.k8s.containers import all_containers
from podstead.k8s.resources import EPHEMERAL_STORAGE, container_limits, pod_limits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from podstead.k8s import core_v1 as v1


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageUse:
    """What a pod has on the node's disks, in bytes."""

    volumes: Mapping[str, int] = field(default_factory=dict)
    """By emptyDir on disk."""
    containers: Mapping[str, int] = field(default_factory=dict)
    """Writable layer and logs, by container."""

    @property
    def total(self) -> int:
        """All bytes."""
        return sum(self.volumes.values()) + sum(self.containers.values())


def is_limited(pod: v1.Pod) -> bool:
    """Return whether a pod sets any limit on what it stores, so that it must be measured now and then."""
    sized = any(v.empty_dir is not None and v.empty_dir.size_limit for v in _disk_volumes(pod))
    stored = any(container_limits(c).get(EPHEMERAL_STORAGE) for c in all_containers(pod.spec))
    return bool(sized or stored or pod_limits(pod).get(EPHEMERAL_STORAGE))


def excess(pod: v1.Pod, use: StorageUse) -> str | None:
    """Return which limit a pod has exceeded, in a sentence; None where it keeps them all."""
    for volume in _disk_volumes(pod):
        limit = volume.empty_dir.size_limit if volume.empty_dir is not None else None
        if limit and use.volumes.get(volume.name, 0) > quantity.value(limit):
            return f'Usage of EmptyDir volume "{volume.name}" exceeds the limit "{limit}".'
    whole = pod_limits(pod).get(EPHEMERAL_STORAGE)
    if whole and _limits_all(pod) and use.total > whole:
        shown = quantity.render(whole, quantity.Style.BINARY)
        return f"Pod ephemeral local storage usage exceeds the total limit of containers {shown}."
    for container in all_containers(pod.spec):
        own = container_limits(container).get(EPHEMERAL_STORAGE)
        if own and use.containers.get(container.name, 0) > own:
            shown = quantity.render(own, quantity.Style.BINARY)
            return f'Container {container.name} exceeded its local ephemeral storage limit "{shown}".'
    return None


def _disk_volumes(pod: v1.Pod) -> list[v1.Volume]:
    """Return the emptyDirs on the node's disk; one in memory cannot grow beyond its size."""
    return [v for v in pod.spec.volumes if v.empty_dir is not None and not v.empty_dir.medium]


def _limits_all(pod: v1.Pod) -> bool:
    """Return whether the sum of the limits bounds the pod: a container without one may store as much as it likes."""
    if pod.spec.resources is not None and EPHEMERAL_STORAGE in pod.spec.resources.limits:
        return True
    return all(container_limits(c).get(EPHEMERAL_STORAGE) for c in pod.spec.containers)
