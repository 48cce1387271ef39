"""The outcome of reading one manifest file."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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

    @property
    def placed(self) -> str:
        """The message behind its place and its field, as far as it has them."""
        place = f"{self.line}:{self.column}: " if self.line else ""
        return f"{place}{self.field + ': ' if self.field else ''}{self.message}"

    def as_line(self, path: str) -> str:
        """Return the message as compilers print it: `path:line:column: severity: field: text`."""
        place = f":{self.line}:{self.column}" if self.line else ""
        return f"{path}{place}: {self.severity}: {self.field + ': ' if self.field else ''}{self.message}"


def foremost(messages: Iterable[Message]) -> tuple[Message, ...]:
    """Return the messages with the errors first: where few are shown, they must say why a file is refused."""
    return tuple(sorted(messages, key=lambda message: message.severity is not Severity.ERROR))


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestPod:
    """One Pod document of an accepted file: decoded, defaulted, named with the node's suffix."""

    key: PodKey
    revision: RevisionID
    pod: v1.Pod
    data: bytes
    document: int
    led: tuple[tuple[str, str], ...] = ()
    """Where its paths of the node led when a policy judged it: each as it is written, and the real one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestObject:
    """One ConfigMap or Secret document of an accepted file of the objects directory.

    `kind` is `ConfigMap` or `Secret`; `data` holds the decoded bytes by key and is never printed; `binary` are the keys
    that stand in `binaryData`, which no environment can take. `document` counts from 1.
    """

    kind: str
    namespace: str
    name: str
    data: Mapping[str, bytes] = field(repr=False)
    binary: frozenset[str] = frozenset()
    type: str = ""
    immutable: bool = False
    document: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a file's bytes say: the pods of a manifest, or the objects of a file of the objects directory.

    `reason` is CamelCase and empty exactly when the file is accepted.
    """

    pods: tuple[ManifestPod, ...] = ()
    objects: tuple[ManifestObject, ...] = ()
    messages: tuple[Message, ...] = ()
    reason: str = ""
    empty_list: bool = False
    """Whether it says in so many words that there is no pod: a list without items, not a file without content."""
    unsure: bool = False
    """Whether it is refused because its reader or a judge could not find out what it has to know: later it may be accepted as it is."""

    @property
    def accepted(self) -> bool:
        """Whether the content may become a desired state."""
        return not self.reason
