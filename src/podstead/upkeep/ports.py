"""What the upkeep needs of the pods and of the runtime, stated where it is used; `daemon` fills these in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from podstead.identity import ContainerID, PodKey, PodUID
    from podstead.state.observed import ObservedContainer


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
