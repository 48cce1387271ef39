"""Local ConfigMaps and Secrets: what pods may refer to without an API server."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from podstead.manifest.reading import ManifestObject


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

    `data` holds the decoded bytes by key and is never printed; `binary` are the keys that no environment can take.
    `digest` changes whenever `data` or `type` does. The content of an `immutable` one never changes in its file.
    """

    key: ObjectKey
    data: Mapping[str, bytes] = field(repr=False)
    digest: str
    type: str = ""
    binary: frozenset[str] = frozenset()
    immutable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldObject:
    """A local object and where it comes from: class A state (foundation 21).

    `since` is when this content was taken, in Unix seconds. `gone` says that no file gives it any more, and that it is
    kept for the pods that refer to it: what runs must be able to start again.
    """

    object: LocalObject
    file: str
    document: int
    since: float
    gone: bool = False

    @property
    def key(self) -> ObjectKey:
        """The object's name."""
        return self.object.key


class ObjectLookup(Protocol):
    """Where pods' references are resolved."""

    def get(self, key: ObjectKey) -> LocalObject | None:
        """Return the object, None when no accepted file gives it."""
        ...


def local_object(given: ManifestObject) -> LocalObject:
    """Return the object that a document of an accepted file stands for."""
    return LocalObject(
        key=ObjectKey(kind=ObjectKind(given.kind), namespace=given.namespace, name=given.name),
        data=given.data,
        digest=digest_of(given.type, given.data),
        type=given.type,
        binary=given.binary,
        immutable=given.immutable,
    )


def digest_of(type_: str, data: Mapping[str, bytes]) -> str:
    """Return the digest of an object's content; equal contents in another order have the same one."""
    content = hashlib.sha256(type_.encode())
    for key, value in sorted(data.items()):
        content.update(f"\n{key} {len(value)}\n".encode())
        content.update(value)
    return content.hexdigest()
