"""Ours under /apis/podstead.io/v1alpha1: files, status, images, and what an operator may tell the agent."""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING, TypeVar

import msgspec

from podstead.errors import OperatorError, PodsteadError
from podstead.k8s import core_v1 as v1
from podstead.k8s.readiness import is_ready
from podstead.k8s.text import printable
from podstead.server.discovery import CONFIG_MAPS, FILES, IMAGES, OWN_GROUP, OWN_VERSION, SECRETS, OwnResource
from podstead.server.faults import ApiError, status_of
from podstead.server.handlers.objects import json_reply
from podstead.server.messages import Reply, Request, StreamingResponse
from podstead.server.negotiation import include_object, representation
from podstead.server.port import FileReport, ImageReport, LocalObjectReport, Progress
from podstead.server.printers import files, images, local_objects
from podstead.server.resources import PODS
from podstead.server.tables import Printer, render

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Sequence

    from podstead.clock import Clock
    from podstead.server.port import AgentPort
    from podstead.server.routing import PathValues
    from podstead.store.objects import ObjectStore

API_VERSION = f"{OWN_GROUP}/{OWN_VERSION}"
JSON_LINES = "application/jsonl"

Report = TypeVar("Report", FileReport, ImageReport, LocalObjectReport)
Body = TypeVar("Body")


class PullRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of a pull: the image's name."""

    image: str


class ImportRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of an import: the absolute path of an archive on the node."""

    path: str


class ProgressLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of long work: `Progress` any number of times, then `Done` or `Error` (with a Status) as the last."""

    type: str
    message: str = ""
    current: int = 0
    total: int = 0
    object: v1.Status | None = None


def decode_body(request: Request, kind: type[Body]) -> Body:
    """Return a JSON body as a value; raises `ApiError` 400 that names the field, or 415."""
    content_type = request.header("content-type").partition(";")[0].strip()
    if content_type not in {"", "application/json"}:
        raise ApiError(415, f"cannot read a body of {content_type}: send application/json")
    try:
        return msgspec.json.decode(request.body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ApiError(400, f"cannot read the request's body: {error}") from error


async def _lines(steps: AsyncIterator[Progress], done: str) -> AsyncGenerator[bytes]:
    """Yield progress as JSON lines; an error after the first byte has no status line left and becomes the last line."""
    last = ProgressLine(type="Done", message=printable(done))
    try:
        async for step in steps:
            line = ProgressLine(
                type="Progress", message=printable(step.message), current=step.current, total=step.total
            )
            yield msgspec.json.encode(line) + b"\n"
    except PodsteadError as error:
        last = ProgressLine(type="Error", message=printable(str(error)), object=status_of(error))
    except OSError as error:  # a full disk, most likely
        named = f" ({error.filename})" if error.filename else ""
        fault = OperatorError(f"cannot go on: {error.strerror or error}{named}")
        last = ProgressLine(type="Error", message=printable(str(fault)), object=status_of(fault))
    yield msgspec.json.encode(last) + b"\n"


def _progress(steps: AsyncIterator[Progress], done: str) -> StreamingResponse:
    return StreamingResponse(headers=(("content-type", JSON_LINES),), chunks=_lines(steps, done))


def _document(kind: str, name: str, report: FileReport | ImageReport | LocalObjectReport) -> dict[str, object]:
    body: dict[str, object] = msgspec.to_builtins(report)
    metadata: dict[str, object] = {"name": name}
    if isinstance(report, LocalObjectReport):  # an object like those of Kubernetes, but for its data
        metadata |= {"namespace": report.namespace, "creationTimestamp": report.taken}
        body = {key: value for key, value in body.items() if key not in {"kind", "name", "namespace", "taken"}}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, **body}


class AgentHandlers:
    """Answers what the agent alone can tell or do."""

    def __init__(self, agent: AgentPort, store: ObjectStore, clock: Clock) -> None:
        self._agent = agent
        self._store = store
        self._clock = clock

    def _listed(
        self, request: Request, own: OwnResource, printer: Printer, reports: Sequence[tuple[str, Report]]
    ) -> Reply:
        """Return named reports as a list of objects, or as a Table."""
        shape = representation(request)
        if shape.kind == "Table":
            table = render(
                printer,
                [report for _, report in reports],
                now=self._clock.now().wall,
                include=include_object(request),
                api_version=shape.api_version,
            )
            rows = tuple(
                msgspec.structs.replace(row, object=_document(own.kind, name, report))
                for row, (name, report) in zip(table.rows, reports, strict=True)
            )
            return json_reply(msgspec.structs.replace(table, rows=rows))
        items = [_document(own.kind, name, report) for name, report in reports]
        return json_reply({"kind": f"{own.kind}List", "apiVersion": API_VERSION, "metadata": {}, "items": items})

    async def files(self, request: Request, path: PathValues) -> Reply:
        """Answer GET …/files[/NAME]."""
        # A name that steers a terminal is written as an escape in `metadata.name`: kubectl prints that as it is.
        reports = [(printable(files.file_name(report)), report) for report in self._agent.files()]
        if (wanted := path.get("name")) is not None:
            reports = [pair for pair in reports if pair[0] == wanted]
            if not reports:
                details = v1.StatusDetails(name=wanted, group=OWN_GROUP, kind=FILES.name)
                raise ApiError(404, f'files.{OWN_GROUP} "{wanted}" not found', details=details)
            if representation(request).kind != "Table":
                return json_reply(_document(FILES.kind, *reports[0]))
        return self._listed(request, FILES, files.PRINTER, reports)

    async def config_maps(self, request: Request, path: PathValues) -> Reply:
        """Answer GET …/configmaps, of all namespaces or one, or one by its name."""
        return self._local_objects(request, path, CONFIG_MAPS, local_objects.CONFIG_MAPS)

    async def secrets(self, request: Request, path: PathValues) -> Reply:
        """Answer GET …/secrets as for ConfigMaps."""
        return self._local_objects(request, path, SECRETS, local_objects.SECRETS)

    def _local_objects(self, request: Request, path: PathValues, own: OwnResource, printer: Printer) -> Reply:
        namespace, wanted = path.get("namespace"), path.get("name")
        found = [
            (report.name, report)
            for report in self._agent.local_objects()
            if report.kind == own.kind and namespace in {None, report.namespace} and wanted in {None, report.name}
        ]
        if wanted is not None and not found:
            details = v1.StatusDetails(name=wanted, group=OWN_GROUP, kind=own.name)
            raise ApiError(404, f'{own.name}.{OWN_GROUP} "{wanted}" not found', details=details)
        if wanted is not None and representation(request).kind != "Table":
            return json_reply(_document(own.kind, *found[0]))
        return self._listed(request, own, printer, found)

    async def status(self, request: Request, path: PathValues) -> Reply:  # noqa: ARG002 - a route's signature
        """Answer GET …/status: the agent's facts, with its files and pods counted, those of objects apart."""
        status = self._agent.status()
        of_objects = f"{status.objects}/" if status.objects else None
        verdicts: dict[bool, collections.Counter[str]] = {False: collections.Counter(), True: collections.Counter()}
        for report in self._agent.files():
            verdicts[of_objects is not None and report.path.startswith(of_objects)][report.verdict] += 1
        phases: collections.Counter[str] = collections.Counter()
        ready = 0
        for pod in self._store.list(PODS.store_kind).items:
            phases[(pod.status.phase if pod.status else None) or "Unknown"] += 1
            ready += is_ready(pod)
        files_of = {"files": dict(verdicts[False]), "objectFiles": dict(verdicts[True])}
        counts = {**files_of, "pods": dict(phases), "podsReady": ready}
        head = {"apiVersion": API_VERSION, "kind": "Status"}
        return json_reply({**head, **msgspec.to_builtins(status), **counts})

    async def images(self, request: Request, path: PathValues) -> Reply:  # noqa: ARG002 - a route's signature
        """Answer GET …/images."""
        reports = await self._agent.images()
        named = [(report.tags[0] if report.tags else report.id, report) for report in reports]
        return self._listed(request, IMAGES, images.PRINTER, named)

    async def pull_image(self, request: Request, path: PathValues) -> Reply:  # noqa: ARG002 - a route's signature
        """Answer POST …/images/pull by progress."""
        image = decode_body(request, PullRequest).image.strip()
        if not image:
            raise ApiError(400, "image: Required value: which image is to be pulled")
        return _progress(self._agent.pull_image(image), f"pulled {image}")

    async def import_image(self, request: Request, path: PathValues) -> Reply:  # noqa: ARG002 - a route's signature
        """Answer POST …/images/import by progress."""
        archive = decode_body(request, ImportRequest).path
        if not archive.startswith("/"):
            raise ApiError(400, "path: Invalid value: must be an absolute path of an archive on the node")
        return _progress(self._agent.import_image(archive), f"imported {archive}")

    async def remove_image(self, request: Request, path: PathValues) -> Reply:  # noqa: ARG002 - a route's signature
        """Answer DELETE …/images/NAME with the names that went."""
        removed = await self._agent.remove_image(path["name"])
        return json_reply({"kind": "ImageRemoval", "apiVersion": API_VERSION, "removed": list(removed)})

    async def stop_all(self, request: Request, path: PathValues) -> Reply:  # noqa: ARG002 - a route's signature
        """Answer POST …/stop-all by progress."""
        return _progress(self._agent.stop_all(), "all pods are stopped")

    async def accept_directory(self, request: Request, path: PathValues) -> Reply:  # noqa: ARG002 - a route's signature
        """Answer POST …/accept-directory with a sentence."""
        message = await self._agent.accept_directory()
        return json_reply({"kind": "DirectoryAcceptance", "apiVersion": API_VERSION, "message": printable(message)})

    def directory(self) -> str:
        """Return the manifest directory, for messages that tell where to change a pod."""
        return self._agent.status().directory
