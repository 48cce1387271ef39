"""The outcome of reading one manifest file."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from podstead.identity import PodKey, RevisionID
    from podstead.k8s import core_v1 as v1


class Severity(StrEnum):
    """An error refuses the file; a warning only speaks."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Message:
    """One remark about one place of a file. `line` and `column` count from 1; 0 means the file as a whole.

    `message` never holds a value of env, command, args or a Secret (foundation 24).
    """

    line: int
    column: int
    field: str
    severity: Severity
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestPod:
    """One Pod document of an accepted file: decoded, defaulted, named with the node's suffix."""

    key: PodKey
    revision: RevisionID
    pod: v1.Pod
    data: bytes
    document: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a file's bytes say. `reason` is CamelCase and empty exactly when the file is accepted."""

    pods: tuple[ManifestPod, ...] = ()
    messages: tuple[Message, ...] = ()
    reason: str = ""

    @property
    def accepted(self) -> bool:
        """Whether the content may become a desired state."""
        return not self.reason
