"""The API's objects in memory, by kind, with lists and watches as Kubernetes clients expect them (spec/kubectl.md 4)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, cast

import msgspec

from podstead.k8s import core_v1 as v1
from podstead.store.changes import EVENTS, NAMESPACES, NODES, PODS, Change, ChangeType, Expired, Kind, Listing, T
from podstead.store.watch import QUEUE, Watch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from podstead.store.versions import ResourceVersions

RING = 1024
"""Changes kept of each kind for watches that start in the past: some 3 MiB of pods' states when it is full."""

Name = tuple[str, str]
"""Namespace (empty where the kind has none) and name."""


@dataclass(slots=True)
class _Shelf(Generic[T]):
    """One kind's objects, its last changes, and who watches it. `floor` is the last version the ring does not hold."""

    floor: int
    objects: dict[Name, T] = field(default_factory=dict)
    ring: deque[Change[T]] = field(default_factory=deque)
    watches: set[Watch[T]] = field(default_factory=set)


class ObjectStore:
    """Holds the newest state of every object. Used from the event loop's thread; nothing here blocks or fails.

    `versions` is open already: a version given out by the process before must be older than all that is known here.
    """

    def __init__(self, versions: ResourceVersions, *, ring: int = RING, queue: int = QUEUE) -> None:
        self._versions = versions
        self._ring = ring
        self._queue = queue
        # Each shelf holds the type of its kind: `_shelf` is the one place that says so to the type checker.
        self._shelves: dict[str, _Shelf[Any]] = {
            kind.plural: _Shelf(floor=versions.current) for kind in (PODS, NODES, EVENTS, NAMESPACES)
        }

    def put(self, kind: Kind[T], item: T) -> T:
        """Set an object's state and return it with its version; a state that is there already changes nothing."""
        shelf = self._shelf(kind)
        name = _name(item)
        previous = shelf.objects.get(name)
        if previous is not None and item == _at(previous, _meta(item).resource_version):
            return previous
        version = self._versions.next()
        stored = _at(item, str(version))
        shelf.objects[name] = stored
        type_ = ChangeType.ADDED if previous is None else ChangeType.MODIFIED
        self._publish(shelf, Change(type=type_, object=stored, resource_version=version, previous=previous))
        return stored

    def delete(self, kind: Kind[T], namespace: str, name: str) -> bool:
        """Take an object away; False when there was none."""
        shelf = self._shelf(kind)
        previous = shelf.objects.pop((namespace, name), None)
        if previous is None:
            return False
        version = self._versions.next()
        last = _at(previous, str(version))
        self._publish(shelf, Change(type=ChangeType.DELETED, object=last, resource_version=version, previous=previous))
        return True

    def get(self, kind: Kind[T], namespace: str, name: str) -> T | None:
        """Return an object, None where there is none. `namespace` is empty for nodes and namespaces."""
        return self._shelf(kind).objects.get((namespace, name))

    def list(self, kind: Kind[T]) -> Listing[T]:
        """Return all objects of a kind and the version from which a watch misses nothing."""
        objects = self._shelf(kind).objects
        items = tuple(objects[name] for name in sorted(objects))
        return Listing(items=items, resource_version=self._versions.current)

    def watch(self, kind: Kind[T], since: int | None = None) -> Watch[T]:
        """Return the changes after version `since`, or (None, 0) all objects as ADDED and then the changes.

        Raises:
            Expired: the changes after `since` are not all kept any more, or `since` has not been given out yet.
        """
        shelf = self._shelf(kind)
        if not since:
            past = list(_as_added(self.list(kind)))
        else:
            if since < shelf.floor:
                raise Expired(f"resource version {since} is too old; the oldest known is {shelf.floor}")
            if since > self._versions.current:
                raise Expired(f"resource version {since} is not known yet; the newest is {self._versions.current}")
            past = [change for change in shelf.ring if change.resource_version > since]
        watch = Watch(past, queue=self._queue, closed=shelf.watches.discard)
        shelf.watches.add(watch)
        return watch

    def close(self) -> None:
        """End all watches, so that the server can go."""
        for shelf in self._shelves.values():
            for watch in tuple(shelf.watches):
                watch.close()

    def _shelf(self, kind: Kind[T]) -> _Shelf[T]:
        return cast("_Shelf[T]", self._shelves[kind.plural])

    def _publish(self, shelf: _Shelf[T], change: Change[T]) -> None:
        shelf.ring.append(change)
        while len(shelf.ring) > self._ring:
            shelf.floor = shelf.ring.popleft().resource_version
        for watch in tuple(shelf.watches):
            if not watch.offer(change):
                shelf.watches.discard(watch)


def _meta(item: v1.Pod | v1.Node | v1.Event | v1.Namespace) -> v1.ObjectMeta:
    return item.metadata or v1.ObjectMeta()


def _name(item: v1.Pod | v1.Node | v1.Event | v1.Namespace) -> Name:
    meta = _meta(item)
    return (meta.namespace or "", meta.name or "")


def _at(item: T, version: str | None) -> T:
    """Return the object with this resource version."""
    return msgspec.structs.replace(item, metadata=msgspec.structs.replace(_meta(item), resource_version=version))


def _as_added(listing: Listing[T]) -> Iterator[Change[T]]:
    for item in listing.items:
        version = int(_meta(item).resource_version or 0)
        yield Change(type=ChangeType.ADDED, object=item, resource_version=version)
