"""What the upkeep needs of the pods and of the runtime, stated where it is used; `daemon` fills these in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from podstead.identity import ContainerID, PodKey, PodUID
    from podstead.k8s import core_v1 as v1
    from podstead.state.observed import ObservedContainer
    from podstead.state.records import Eviction
    from podstead.state.runtime import Image, LayerUse
    from podstead.volumes.usage import VolumeUsage


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggingPod:
    """A pod as the upkeep of logs sees it: its containers as of the last look, and the names that they may have.

    `fresh` is False while the runtime cannot be asked: nothing may be concluded from an absence then.
    """

    key: PodKey
    uid: PodUID
    containers: tuple[ObservedContainer, ...]
    names: frozenset[str]
    fresh: bool


class LoggingPods(Protocol):
    """The pods of this node."""

    def all(self) -> Iterable[LoggingPod]:
        """Return every incarnation that has not ended."""
        ...

    def one(self, uid: PodUID) -> LoggingPod | None:
        """Return an incarnation, None when it has ended."""
        ...


class LogRuntime(Protocol):
    """The runtime as the writer of logs."""

    async def reopen_log(self, container: ContainerID) -> None:
        """Make it open a container's log anew; raises RuntimeFault."""
        ...


class ImageRuntime(Protocol):
    """The runtime as the keeper of images; raises RuntimeFault."""

    async def images(self) -> list[Image]:
        """Return every image it holds."""
        ...

    async def remove_image(self, reference: str) -> None:
        """Remove an image with all its tags."""
        ...


class ImageNeeds(Protocol):
    """Who needs which images."""

    def names(self) -> frozenset[str]:
        """Return the tags, digests and ids of everything that pods of ours need (foundation 23)."""
        ...

    async def strangers(self) -> frozenset[str]:
        """Return what containers of others on the same runtime are made of; raises RuntimeFault."""
        ...

    def may_remove(self, image: Image) -> bool:
        """Return whether an image is ours to remove (foundation 1), and could be had again."""
        ...

    async def removed(self, image: Image) -> None:
        """Note that an image is there no more."""
        ...


class PodRecorder(Protocol):
    """Where events about pods go. Never blocks and never raises."""

    def event(self, key: PodKey, uid: PodUID, reason: str, message: str, *, warning: bool = False) -> None:
        """Record one event."""
        ...


class NodeRecorder(Protocol):
    """Where events about the node go. Never blocks and never raises."""

    def node_event(self, reason: str, message: str, *, warning: bool = False) -> None:
        """Record one event."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningPod:
    """A pod of which something runs and that is not going already, with what its effective revision says."""

    key: PodKey
    uid: PodUID
    pod: v1.Pod
    containers: tuple[ObservedContainer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvictedPod:
    """A pod that went; `created_at` is Unix seconds."""

    uid: PodUID
    pod: v1.Pod
    created_at: float
    eviction: Eviction


class NodePods(Protocol):
    """The pods of this node as far as its room is concerned."""

    def running(self) -> list[RunningPod]:
        """Return the pods that could go."""
        ...

    def evicted(self) -> list[EvictedPod]:
        """Return the pods that went and wait to come back."""
        ...

    def is_gone(self, uid: PodUID) -> bool:
        """Return whether nothing of a pod runs any more."""
        ...


class Evictor(Protocol):
    """Carries evictions out."""

    async def evict(self, uid: PodUID, eviction: Eviction) -> bool:
        """Let a pod go; False when it is going already, or has gone."""
        ...

    async def bring_back(self, uid: PodUID) -> None:
        """Let an evicted pod come back; raises PodsteadError where that cannot be written down."""
        ...


class VolumeMeter(Protocol):
    """Measures volumes."""

    async def usage(self, pod: v1.Pod, uid: PodUID, *, all_of_them: bool = False) -> tuple[VolumeUsage, ...]:
        """Return what the emptyDirs on disk hold."""
        ...


class LayerMeter(Protocol):
    """Measures containers' own layers; raises RuntimeFault."""

    async def layer_use(self, container: ContainerID) -> LayerUse:
        """Return what a container has written over its image."""
        ...
