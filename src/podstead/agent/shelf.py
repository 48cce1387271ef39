"""Revisions in memory and on disk: the bytes that were admitted, decoded by today's code (foundation 13)."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Protocol

from podstead.errors import PodsteadError
from podstead.k8s.volumes import needed_images
from podstead.manifest.read import UndecodableDocumentError, read_document
from podstead.state.records import Revision
from podstead.state.updates import in_use

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from podstead.agent.session import PodSession
    from podstead.identity import PodKey, RevisionID
    from podstead.manifest.reading import ManifestPod
    from podstead.state.provenance import Provenance
    from podstead.state.records import PodRecord
    from podstead.state.sources import ManifestFile

log = logging.getLogger(__name__)


class StoredBytes(Protocol):
    """A stored revision."""

    @property
    def id(self) -> RevisionID:
        """The revision."""
        ...

    @property
    def data(self) -> bytes:
        """The admitted document."""
        ...

    @property
    def file(self) -> str:
        """The file it stood in."""
        ...

    @property
    def document(self) -> int:
        """Which document of the file it was."""
        ...

    @property
    def owner(self) -> str:
        """Who owned the file."""
        ...

    @property
    def seen_at(self) -> float:
        """When it was admitted, in Unix seconds."""
        ...

    @property
    def provenance(self) -> Provenance | None:
        """Who stood for the file it stood in; None where nobody asked."""
        ...

    @property
    def led(self) -> tuple[tuple[str, str], ...]:
        """Where its paths of the node led when the policy admitted it."""
        ...


class RevisionFiles(Protocol):
    """Durable revisions; what it raises says that nothing new may be admitted."""

    async def put(self, revisions: Iterable[Revision], records: Iterable[PodRecord]) -> None:
        """Write a batch durably, the revisions before the records that name them."""
        ...

    async def get(self, key: PodKey, revision: RevisionID) -> StoredBytes | None:
        """Read one back."""
        ...

    async def list(self, key: PodKey) -> Sequence[StoredBytes]:
        """Read all of a pod back, newest first."""
        ...

    async def prune(self, key: PodKey, keep: Collection[RevisionID]) -> None:
        """Drop old ones beyond the bound, never those to keep."""
        ...

    async def forget(self, key: PodKey) -> None:
        """Drop every revision of a pod."""
        ...


class RevisionShelf:
    """Makes revisions from manifests, stores them, and finds those that records and containers name."""

    def __init__(self, files: RevisionFiles, node_name: str) -> None:
        self._files = files
        self._node_name = node_name
        self.changing = asyncio.Lock()
        """Held while revisions are admitted for pods that nothing names yet, and while those of gone pods are dropped."""

    async def admit(self, revisions: Iterable[Revision], records: Iterable[PodRecord] = ()) -> None:
        """Make new revisions, and the records that name them, durable before anything comes of them (class A)."""
        await self._files.put(revisions, records)

    async def fill(self, session: PodSession, named: Iterable[RevisionID | None]) -> None:
        """Bring into the session the revisions that its record and its runtime objects name."""
        for identifier in {*in_use(session.record), *_given(session), *named}:
            if identifier is None or identifier in session.revisions:
                continue
            found = await self.load(session.key, identifier)
            if found is None:
                log.warning("revision %s of pod %s cannot be read back", identifier, session.key)
            else:
                session.revisions[identifier] = found

    async def load(self, key: PodKey, identifier: RevisionID) -> Revision | None:
        """Read a stored revision; None when it is not there or today's code cannot read it."""
        try:
            stored = await self._files.get(key, identifier)
        except PodsteadError as error:
            log.warning("%s", error)
            return None
        if stored is None:
            return None
        try:
            pod = read_document(stored.data, self._node_name)
        except UndecodableDocumentError as error:
            log.warning("%s", error)
            return None
        return Revision(
            id=identifier,
            key=key,
            pod=pod,
            data=stored.data,
            file=stored.file,
            document=stored.document,
            owner=stored.owner,
            seen_at=stored.seen_at,
            provenance=stored.provenance,
            led=stored.led,
        )

    async def list(self, key: PodKey) -> Sequence[StoredBytes]:
        """Return a pod's stored revisions, as they were admitted, newest first."""
        return await self._files.list(key)

    async def forget(self, key: PodKey, is_gone: Callable[[], bool]) -> None:
        """Drop every stored revision of a pod that is gone for good; one that is being born again keeps them."""
        async with self.changing:
            if is_gone():
                await self._files.forget(key)

    async def tidy(self, session: PodSession, named: Collection[RevisionID]) -> None:
        """Forget revisions that nothing names any more; in memory also those that are kept on disk for a rollback."""
        async with self.changing:
            record = session.record
            keep = {*in_use(record), *_given(session), *named}
            session.revisions = {i: r for i, r in session.revisions.items() if i in keep}
            session.prepared = {i: p for i, p in session.prepared.items() if i in keep}
            session.pulled = {(image, i) for image, i in session.pulled if i in keep}
            images = {image for r in session.revisions.values() for image in needed_images(r.pod)}
            session.images = {image: found for image, found in session.images.items() if image in images}
            session.inspected = {image: found for image, found in session.inspected.items() if image in images}
            await self._files.prune(session.key, {*keep, *(turn.revision for turn in record.turns)})


def _given(session: PodSession) -> set[RevisionID]:
    """Return the revisions whose resources containers were given in place."""
    found = {memory.resized_by for memory in session.history.containers.values()}
    return {revision for revision in found if revision is not None}


def revision_of(found: ManifestPod, file: str, source: ManifestFile, seen_at: float) -> Revision:
    """Return the revision that a manifest's document stands for; `seen_at` is Unix seconds."""
    provenance = source.provenance
    return Revision(
        id=found.revision,
        key=found.key,
        pod=found.pod,
        data=found.data,
        file=file,
        document=found.document,
        owner=source.owner,
        seen_at=seen_at,
        provenance=None if provenance is None else provenance.about(needed_images(found.pod)),
        led=found.led,
    )
