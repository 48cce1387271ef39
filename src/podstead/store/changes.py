"""The words of the object store: kinds, changes, listings."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from podstead.errors import PodsteadError
from podstead.k8s import core_v1 as v1

T = TypeVar("T", bound=v1.Pod | v1.Node | v1.Event | v1.Namespace)
T_co = TypeVar("T_co", bound=v1.Pod | v1.Node | v1.Event | v1.Namespace, covariant=True)


class Expired(PodsteadError):
    """The version a watch asks for is not known any more, or not yet: the client must list again (410 Expired)."""


class ChangeType(StrEnum):
    """The words of a watch event."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """A kind of object: the name in its URL and its type."""

    plural: str
    type: type[T]


PODS = Kind("pods", v1.Pod)
NODES = Kind("nodes", v1.Node)
EVENTS = Kind("events", v1.Event)
NAMESPACES = Kind("namespaces", v1.Namespace)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change(Generic[T_co]):
    """One step of a watch.

    `object` carries its new resource version; of a DELETED it is the last state. `previous` is the state before (None
    when ADDED): an object that a change brings into or out of a selection is ADDED to it or DELETED from it.
    """

    type: ChangeType
    object: T_co
    resource_version: int
    previous: T_co | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing(Generic[T_co]):
    """All objects of a kind, sorted by namespace and name, as they stood at `resource_version`."""

    items: tuple[T_co, ...]
    resource_version: int
