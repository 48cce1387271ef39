"""The agent as the API sees it: fills in `server.port.AgentPort`."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from podstead import __version__
from podstead.daemon.auditing import of_import
from podstead.daemon.image_needs import full_name
from podstead.errors import NotFoundFault, OperatorError, PodsteadError
from podstead.identity import PodKey, PodUID
from podstead.images.retention import names_of
from podstead.logs.paths import attempts, log_directory, log_path
from podstead.logs.reader import LogQuery, read_log
from podstead.server.port import ImageReport, LocalObjectReport, NodeStatusReport, Progress, RuntimeReport
from podstead.state.observed import ContainerState
from podstead.status.times import rfc3339

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from podstead.agent.session import PodSession
    from podstead.daemon.ground import Ground
    from podstead.daemon.parts import Parts
    from podstead.server.port import ExecRequest, FileReport, LogRequest


class AgentFront:
    """Answers what the API cannot read from the object store."""

    def __init__(self, ground: Ground, parts: Parts, halt: Callable[[], AsyncIterator[str]]) -> None:
        self._settings = ground.settings
        self._instance = ground.instance
        self._connection = ground.connection
        self._state = ground.state
        self._table = parts.table
        self._pleg = parts.pleg
        self._puller = parts.puller
        self._board = parts.board
        self._needs = parts.upkeep.needs
        self._directory = parts.directory
        self._objects = parts.objects
        self._signatures = parts.signatures
        self._departing = parts.departing
        self._auditor = ground.auditor
        self._policing = parts.gates.policing
        self._halt = halt

    def files(self) -> Sequence[FileReport]:
        """Return every entry of the manifest directory and of the objects directory as of the last look."""
        return (*self._board.files(), *self._objects.board.files())

    def local_objects(self) -> Sequence[LocalObjectReport]:
        """Return the ConfigMaps and Secrets of the node, without anything of their data."""
        return tuple(
            LocalObjectReport(
                kind=one.key.kind.value,
                namespace=one.key.namespace,
                name=one.key.name,
                keys=len(one.object.data),
                taken=rfc3339(one.since),
                file=one.file,
                type=one.object.type,
                immutable=one.object.immutable,
                gone=one.gone,
            )
            for one in self._objects.present.held.values()
        )

    def status(self) -> NodeStatusReport:
        """Return the node's facts as of now."""
        settings, state, connection = self._settings, self._state, self._connection
        info = state.runtime
        return NodeStatusReport(
            node=settings.node.name,
            version=__version__,
            instance=self._instance.id,
            address=state.address,
            started_at=rfc3339(state.started_at),
            root=str(settings.paths.root),
            directory=str(settings.source.path) if settings.source else "",
            objects=str(settings.objects.path) if settings.objects else "",
            url=settings.url.shown if settings.url else "",
            ready=state.ready,
            runtime=RuntimeReport(
                name=info.name if info else "",
                version=info.version if info else "",
                endpoint=connection.endpoint,
                oci_runtime=connection.handler,
                private=connection.private is not None,
                ready=bool(info and info.ready and self._pleg.connected),
                network_ready=bool(info and info.network_ready),
                message=info.message if info else "the runtime does not answer",
            ),
            signatures=self._signatures.summary if self._signatures is not None else "",
            shutdown=self._departing.sentence(),
            policy=self._policing.shown() if self._policing is not None else "",
            problems=state.problems,
        )

    async def open_log(self, request: LogRequest) -> AsyncIterator[bytes]:
        """Open a container's log."""
        directory = log_directory(
            self._settings.paths.pod_logs, PodKey(request.namespace, request.name), PodUID(request.uid)
        )
        found = self._attempts(directory / request.container)
        view = self._pleg.view(PodUID(request.uid))
        newest = next((c for c in view.containers if c.name == request.container), None)
        wanted = found[1:2] if request.previous else found[:1]
        if not wanted:
            what = "previous terminated container" if request.previous else "container"
            if request.previous or newest is not None:
                raise OperatorError(f'{what} "{request.container}" in pod "{request.name}" not found')
            raise OperatorError(
                f'container "{request.container}" in pod "{request.name}" is waiting to start: {request.waiting}'
            )
        path = directory / log_path(request.container, wanted[0])
        query = LogQuery(
            tail=request.tail_lines,
            since=request.since,
            timestamps=request.timestamps,
            limit_bytes=request.limit_bytes,
            follow=request.follow and not request.previous,
        )
        return read_log(path, query, ended=lambda: self._ended(PodUID(request.uid), request.container, wanted[0]))

    @staticmethod
    def _attempts(directory: Path) -> tuple[int, ...]:
        with contextlib.suppress(OSError):
            return attempts(p.name for p in directory.iterdir())
        return ()

    def _ended(self, uid: PodUID, container: str, attempt: int) -> bool:
        found = [c for c in self._pleg.view(uid).containers if c.name == container and c.attempt == attempt]
        return not found or found[0].state is ContainerState.EXITED

    async def exec_stream_url(self, request: ExecRequest) -> str:
        """Return the one-shot URL of the runtime's streaming server."""
        session = self._session(request.namespace, request.name)
        found = next((c for c in self._pleg.view(session.uid).containers if c.name == request.container), None)
        if found is None or found.state is not ContainerState.RUNNING:
            raise OperatorError(f'container "{request.container}" in pod "{request.name}" is not running')
        return await self._connection.client.exec_url(
            found.id,
            request.command,
            tty=request.tty,
            stdin=request.stdin,
            stdout=request.stdout,
            stderr=request.stderr,
        )

    def _session(self, namespace: str, name: str) -> PodSession:
        session = self._table.session(PodKey(namespace, name))
        if session is None:
            raise NotFoundFault(f'pods "{name}" not found')
        return session

    async def images(self) -> Sequence[ImageReport]:
        """Return the images the runtime holds, with the pods that need them."""
        return tuple(
            ImageReport(
                id=image.id,
                tags=image.tags,
                digests=image.digests,
                size=image.size,
                pinned=image.pinned,
                pods=tuple(self._needs.pods(names_of(image))),
            )
            for image in await self._connection.client.images()
        )

    async def pull_image(self, image: str) -> AsyncIterator[Progress]:
        """Pull an image, telling of it."""
        yield Progress(message=f"pulling {full_name(image)}")
        found = await self._puller.ensure(image, "Always")
        self._table.retry_all()
        yield Progress(message=f"pulled {full_name(image)}: {found.id}, {found.size} bytes")

    async def import_image(self, path: str) -> AsyncIterator[Progress]:
        """Import an image archive into the private runtime, telling of it."""
        private = self._connection.private
        if private is None:
            raise OperatorError(
                "images are imported into the private containerd only: use this runtime's own tool (ctr, crictl, podman)"
            )
        yield Progress(message=f"importing {path}")
        found = await private.importer.import_image(Path(path), pull=self._connection.client.pull_image)
        try:
            await self._needs.ledger.note_imported([imported.id for imported in found])
        except PodsteadError as error:
            yield Progress(message=f"these images go like others when disk space is short: {error}")
        for imported in found:
            self._auditor.note(of_import(path, imported.names, imported.id))
            yield Progress(message=f"imported {', '.join(imported.names)}: {imported.id}")
        self._table.retry_all()

    async def remove_image(self, name: str) -> Sequence[str]:
        """Remove an image unless a revision or every sandbox needs it; every tag of its id goes (foundation 23)."""
        client = self._connection.client
        image = await client.image(name if name.startswith("sha256:") else full_name(name))
        if image is None:
            raise NotFoundFault(f"image {name!r} is not here")
        if self._needs.is_sandbox_image(image):
            raise OperatorError(f"image {name!r} is what every pod's sandbox is made of: it stays")
        if pods := self._needs.pods(names_of(image)):
            raise OperatorError(f"image {name!r} is needed by {', '.join(pods)}: remove their manifests first")
        await client.remove_image(image.id)
        await self._needs.removed(image)
        return sorted({*image.tags, *image.digests} or {image.id})

    async def stop_all(self) -> AsyncIterator[Progress]:
        """Stop every pod of this instance and the private runtime, telling of it."""
        async for message in self._halt():
            yield Progress(message=message)

    async def accept_directory(self) -> str:
        """Take the directories as they are now for the true ones."""
        found = [one for one in (self._directory, self._objects.directory) if one is not None]
        if not found:
            raise OperatorError("no manifest directory is configured")
        if (why := found[0].unreadable) is not None:
            raise OperatorError(f"there is nothing to accept: {why}")
        for one in found:
            one.accept_directory()
        return "the directory is taken as it is: pods whose files are not in it are removed after two looks"
