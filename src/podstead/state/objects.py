"""Local ConfigMaps and Secrets: what pods may refer to without an API server."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


class ObjectKind(StrEnum):
    """The kinds that a local object may have."""

    CONFIG_MAP = "ConfigMap"
    SECRET = "Secret"  # noqa: S105 - the name of a kind


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectKey:
    """What names a local object."""

    kind: ObjectKind
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalObject:
    """One ConfigMap or Secret as its file last gave it.

    `data` holds the decoded bytes by key and is never printed. `digest` changes whenever `data` or `type` does.
    """

    key: ObjectKey
    data: Mapping[str, bytes] = field(repr=False)
    digest: str
    type: str = ""


class ObjectLookup(Protocol):
    """Where pods' references are resolved."""

    def get(self, key: ObjectKey) -> LocalObject | None:
        """Return the object, None when no accepted file gives it."""
        ...
