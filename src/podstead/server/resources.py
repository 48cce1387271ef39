"""The kinds that are served: their names, verbs, printers and selectable fields; discovery is made of this table. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from podstead.k8s import core_v1 as v1
from podstead.server import field_selectors as fields
from podstead.server.printers import events, namespaces, nodes, pods
from podstead.store import changes

if TYPE_CHECKING:
    from podstead.server.field_selectors import ApiObject
    from podstead.server.selectors import Requirement
    from podstead.server.tables import Printer
    from podstead.store.changes import Kind

KINDS: dict[type[msgspec.Struct], str] = {v1.Pod: "Pod", v1.Node: "Node", v1.Event: "Event", v1.Namespace: "Namespace"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Subresource:
    """A path below an object, as discovery names it."""

    name: str
    kind: str
    verbs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One kind of core/v1. `name` is its plural, as in paths; `store_kind` is where its objects are."""

    name: str
    singular: str
    kind: str
    namespaced: bool
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ("get", "list", "watch")
    subresources: tuple[Subresource, ...] = ()
    store_kind: Kind[Any]
    printer: Printer
    fields: frozenset[str]


PODS = Resource(
    name="pods",
    singular="pod",
    kind="Pod",
    namespaced=True,
    short_names=("po",),
    categories=("all",),
    subresources=(
        Subresource(name="exec", kind="PodExecOptions", verbs=("get",)),
        Subresource(name="log", kind="Pod", verbs=("get",)),
        Subresource(name="status", kind="Pod", verbs=("get",)),
    ),
    store_kind=changes.PODS,
    printer=pods.PRINTER,
    fields=fields.POD_FIELDS,
)
NODES = Resource(
    name="nodes",
    singular="node",
    kind="Node",
    namespaced=False,
    short_names=("no",),
    store_kind=changes.NODES,
    printer=nodes.PRINTER,
    fields=fields.NODE_FIELDS,
)
NAMESPACES = Resource(
    name="namespaces",
    singular="namespace",
    kind="Namespace",
    namespaced=False,
    short_names=("ns",),
    store_kind=changes.NAMESPACES,
    printer=namespaces.PRINTER,
    fields=fields.NAMESPACE_FIELDS,
)
EVENTS = Resource(
    name="events",
    singular="event",
    kind="Event",
    namespaced=True,
    short_names=("ev",),
    store_kind=changes.EVENTS,
    printer=events.PRINTER,
    fields=fields.EVENT_FIELDS,
)
RESOURCES = (EVENTS, NAMESPACES, NODES, PODS)


def meta_of(item: ApiObject) -> v1.ObjectMeta:
    """Return an object's metadata, empty when it has none."""
    return item.metadata or v1.ObjectMeta()


def typed(item: ApiObject) -> ApiObject:
    """Return the object with its `apiVersion` and `kind` set, which the store does not ask for."""
    return msgspec.structs.replace(item, api_version="v1", kind=KINDS[type(item)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which objects of a kind a client asked for: a namespace ("" for all), label terms and field terms."""

    namespace: str = ""
    labels: tuple[Requirement, ...] = ()
    fields: tuple[fields.FieldTerm, ...] = field(default=())

    def matches(self, item: ApiObject) -> bool:
        """Return whether the object is selected."""
        meta = meta_of(item)
        if self.namespace and meta.namespace != self.namespace:
            return False
        if not all(term.matches(meta.labels) for term in self.labels):
            return False
        if not self.fields:
            return True
        values = fields.fields_of(item)
        return all(term.matches(values) for term in self.fields)
