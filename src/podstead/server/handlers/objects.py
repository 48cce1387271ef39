"""GET and LIST of Kubernetes objects from the store."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import msgspec

from podstead.k8s import core_v1 as v1
from podstead.server.faults import ApiError, not_found
from podstead.server.messages import JSON, Reply, Request, Response
from podstead.server.negotiation import Representation, include_object, representation
from podstead.server.parameters import flag, selection
from podstead.server.resources import PODS, Resource, Selection, meta_of, typed
from podstead.server.tables import PartialObject, render

if TYPE_CHECKING:
    from collections.abc import Sequence

    from podstead.clock import Clock
    from podstead.server.field_selectors import ApiObject
    from podstead.server.handlers.watch import WatchHandler
    from podstead.server.routing import PathValues
    from podstead.store.objects import ObjectStore


def json_reply(value: object, status: int = 200) -> Response:
    """Return a value as a JSON reply."""
    return Response(status=status, headers=(("content-type", JSON),), body=msgspec.json.encode(value) + b"\n")


class ObjectHandlers:
    """GET, LIST and, through `WatchHandler`, WATCH of every kind in the table of resources."""

    def __init__(self, store: ObjectStore, clock: Clock, node_name: str, watch: WatchHandler) -> None:
        self._store = store
        self._clock = clock
        self._node_name = node_name
        self._watch = watch

    async def list_or_watch(self, resource: Resource, request: Request, path: PathValues) -> Reply:
        """Answer a LIST, or a WATCH when `watch=true`."""
        asked = self._named(resource, selection(request, resource, path.get("namespace", "")))
        if flag(request, "watch"):
            return await self._watch.watch(resource, request, asked)
        shape = representation(request)
        listing = self._store.list(resource.store_kind)
        items = [item for item in listing.items if asked.matches(item)]
        return json_reply(self._list_document(resource, request, shape, items, str(listing.resource_version)))

    def _list_document(
        self, resource: Resource, request: Request, shape: Representation, items: Sequence[ApiObject], version: str
    ) -> object:
        if shape.kind == "Table":
            return render(
                resource.printer,
                [typed(item) for item in items],
                now=self._clock.now().wall,
                include=include_object(request),
                resource_version=version,
                api_version=shape.api_version,
            )
        meta = v1.ListMeta(resource_version=version)
        if shape.kind:
            partial = [PartialObject(api_version=shape.api_version, metadata=meta_of(item)) for item in items]
            kind = "PartialObjectMetadataList"
            return {"kind": kind, "apiVersion": shape.api_version, "metadata": meta, "items": partial}
        return {"kind": f"{resource.kind}List", "apiVersion": "v1", "metadata": meta, "items": items}

    async def get(self, resource: Resource, request: Request, path: PathValues) -> Reply:
        """Answer a GET of one object."""
        item = typed(self.find(resource, path.get("namespace", ""), path["name"]))
        shape = representation(request)
        if shape.kind == "Table":
            table = render(
                resource.printer,
                [item],
                now=self._clock.now().wall,
                include=include_object(request),
                resource_version=meta_of(item).resource_version or "",
                api_version=shape.api_version,
            )
            return json_reply(table)
        if shape.kind:
            return json_reply(PartialObject(api_version=shape.api_version, metadata=meta_of(item)))
        return json_reply(item)

    def find(self, resource: Resource, namespace: str, name: str) -> ApiObject:
        """Return the object of this name; a pod is found without the node's suffix too. Raises `ApiError` 404."""
        wanted = self.full_name(namespace, name) if resource is PODS else name
        item: ApiObject | None = self._store.get(resource.store_kind, namespace, wanted)
        if item is None:
            raise not_found(resource, name)
        return item

    def find_pod(self, namespace: str, name: str) -> v1.Pod:
        """Return the pod of this name, with or without the node's suffix; raises `ApiError` 404."""
        pod = self.find(PODS, namespace, name)
        if not isinstance(pod, v1.Pod):
            raise not_found(PODS, name)
        return pod

    def full_name(self, namespace: str, name: str) -> str:
        """Return the full name of a pod: the name itself where such a pod exists, else with the node's suffix.

        The operator knows the manifest's `mysql`, the API the kubelet's `mysql-NODE`; exact names win, so both of
        two pods `a` and `a-NODE` of one manifest directory can be reached.
        """
        suffix = f"-{self._node_name}"
        names = {pod.metadata.name for pod in self._pods(namespace)}
        if name in names or (name.endswith(suffix) and name + suffix not in names):
            return name
        return name + suffix

    def _pods(self, namespace: str) -> list[v1.Pod]:
        pods = self._store.list(PODS.store_kind).items
        return [pod for pod in pods if not namespace or pod.metadata.namespace == namespace]

    def _named(self, resource: Resource, asked: Selection) -> Selection:
        """Return the selection with the full name in place of a pod's short one: `get pod mysql -w` sends that."""
        if resource is not PODS:
            return asked
        terms = tuple(
            dataclasses.replace(term, value=self.full_name(asked.namespace, term.value))
            if term.field == "metadata.name" and term.equal
            else term
            for term in asked.fields
        )
        return Selection(namespace=asked.namespace, labels=asked.labels, fields=terms)

    async def services(self, request: Request, path: PathValues) -> Reply:  # noqa: ARG002 - a route's signature
        """Answer a LIST of services: there are none, but `kubectl cluster-info` asks."""
        if flag(request, "watch"):
            raise ApiError(405, "services cannot be watched on this node: there are none")
        version = str(self._store.list(PODS.store_kind).resource_version)
        shape = representation(request)
        meta = v1.ListMeta(resource_version=version)
        if shape.kind == "Table":
            empty: dict[str, object] = {"columnDefinitions": [], "rows": []}
            return json_reply({"kind": "Table", "apiVersion": shape.api_version, "metadata": meta, **empty})
        return json_reply({"kind": "ServiceList", "apiVersion": "v1", "metadata": meta, "items": []})
