"""What the upkeep needs of the pods and of the runtime, stated where it is used; `daemon` fills these in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from podstead.identity import ContainerID, PodKey, PodUID
    from podstead.state.observed import ObservedContainer
    from podstead.state.runtime import Image


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


class NodeRecorder(Protocol):
    """Where events about the node go. Never blocks and never raises."""

    def node_event(self, reason: str, message: str, *, warning: bool = False) -> None:
        """Record one event."""
        ...
