"""Ours under …/pods/NAME, and apply: a pod's revisions, and what root asks to be run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from podstead.identity import PodKey
from podstead.k8s import core_v1 as v1
from podstead.k8s.text import printable
from podstead.server.faults import ApiError
from podstead.server.handlers.agent import API_VERSION, decode_body
from podstead.server.handlers.objects import json_reply
from podstead.server.messages import Reply, Request, Response
from podstead.server.negotiation import include_object, representation
from podstead.server.parameters import flag
from podstead.server.printers import revisions
from podstead.server.tables import Include, render

if TYPE_CHECKING:
    from podstead.clock import Clock
    from podstead.server.handlers.objects import ObjectHandlers
    from podstead.server.operations import OperationsPort
    from podstead.server.routing import PathValues

YAML = "application/yaml"
MANIFEST_TYPES = ("", YAML, "application/json", "text/plain", "application/octet-stream")


class RollbackRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of a rollback: the revision to go to, empty for the one before."""

    revision: str = ""


class RestartRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of a restart: the container, empty for all."""

    container: str = ""


class OperationHandlers:
    """Answers what concerns one pod's revisions and its life, and takes manifests."""

    def __init__(self, operations: OperationsPort, objects: ObjectHandlers, clock: Clock) -> None:
        self._operations = operations
        self._objects = objects
        self._clock = clock

    async def revisions(self, request: Request, path: PathValues) -> Reply:
        """Answer GET …/pods/NAME/revisions."""
        key = self._key(path)
        reports = await self._operations.revisions(key)
        shape = representation(request)
        if shape.kind == "Table":
            include = include_object(request)
            table = render(
                revisions.PRINTER,
                reports,
                now=self._clock.now().wall,
                include=Include.NONE if include is Include.METADATA else include,
                api_version=shape.api_version,
            )
            return json_reply(table)
        return json_reply({"kind": "RevisionList", **_head(key), "items": reports})

    async def pod(self, request: Request, path: PathValues) -> Reply:  # noqa: ARG002 - a route's signature
        """Answer GET …/pods/NAME: which revision it runs."""
        key = self._key(path)
        return json_reply({"kind": "PodRevision", **_head(key), **msgspec.to_builtins(self._operations.pod(key))})

    async def manifest(self, request: Request, path: PathValues) -> Reply:  # noqa: ARG002 - a route's signature
        """Answer GET …/pods/NAME/revisions/ID with the bytes that were admitted."""
        data = await self._operations.manifest(self._key(path), path["revision"])
        return Response(headers=(("content-type", YAML),), body=data)

    async def roll_back(self, request: Request, path: PathValues) -> Reply:
        """Answer POST …/pods/NAME/rollback with a sentence."""
        wanted = decode_body(request, RollbackRequest) if request.body else RollbackRequest()
        return _sentence(await self._operations.roll_back(self._key(path), wanted.revision))

    async def restart(self, request: Request, path: PathValues) -> Reply:
        """Answer POST …/pods/NAME/restart with a sentence."""
        wanted = decode_body(request, RestartRequest) if request.body else RestartRequest()
        return _sentence(await self._operations.restart(self._key(path), wanted.container))

    async def stop(self, request: Request, path: PathValues) -> Reply:  # noqa: ARG002 - a route's signature
        """Answer POST …/pods/NAME/stop with a sentence."""
        return _sentence(await self._operations.stop(self._key(path)))

    async def start(self, request: Request, path: PathValues) -> Reply:  # noqa: ARG002 - a route's signature
        """Answer POST …/pods/NAME/start with a sentence."""
        return _sentence(await self._operations.start(self._key(path)))

    async def apply(self, request: Request, path: PathValues) -> Reply:  # noqa: ARG002 - a route's signature
        """Answer POST …/apply with what became of each pod; content that is refused changes nothing."""
        content_type = request.header("content-type").partition(";")[0].strip()
        if content_type not in MANIFEST_TYPES:
            raise ApiError(415, f"cannot read a body of {content_type}: send {YAML}")
        outcome = await self._operations.apply(request.body, dry_run=flag(request, "dryRun"))
        return json_reply({"kind": "Application", "apiVersion": API_VERSION, **msgspec.to_builtins(outcome)})

    async def delete(self, request: Request, path: PathValues) -> Reply:  # noqa: ARG002 - a route's signature
        """Answer POST …/pods/NAME/delete with the file that the pod was taken out of."""
        outcome = await self._operations.delete(self._key(path))
        return json_reply({"kind": "Deletion", "apiVersion": API_VERSION, **msgspec.to_builtins(outcome)})

    def _key(self, path: PathValues) -> PodKey:
        """Return the full name of the pod that a path names, with or without the node's suffix."""
        namespace = path["namespace"]
        return PodKey(namespace, self._objects.full_name(namespace, path["name"]))


def _head(key: PodKey) -> dict[str, object]:
    return {"apiVersion": API_VERSION, "metadata": v1.ObjectMeta(name=key.name, namespace=key.namespace)}


def _sentence(text: str) -> Response:
    return json_reply({"kind": "Acknowledgement", "apiVersion": API_VERSION, "message": printable(text)})
