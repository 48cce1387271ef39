"""The names by which pods, revisions and runtime objects are known; every room may use them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NewType

PodUID = NewType("PodUID", str)
"""One incarnation of a namespace/name on this instance; a UUID in lower case (foundation 12)."""
RevisionID = NewType("RevisionID", str)
"""One admitted content of a pod: the first 16 hex digits of the SHA-256 of its document's bytes."""
SandboxID = NewType("SandboxID", str)
ContainerID = NewType("ContainerID", str)


@dataclass(frozen=True, slots=True, order=True)
class PodKey:
    """The full name of a pod on this node: `name` carries the node suffix (`mysql-node1`)."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"
