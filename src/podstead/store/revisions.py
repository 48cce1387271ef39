"""Revisions: the bytes of every admitted document, with who wrote it and when (foundation 13, 15 and 21).

Each is two files, `STATE/revisions/NAMESPACE/NAME/ID.yaml` (the bytes as admitted) and `ID.json` (about them). The
second is written last: without it the first counts for nothing. Documents hold passwords, so both are 0600.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from podstead.identity import PodKey, RevisionID
from podstead.state.provenance import Provenance, Warrant
from podstead.store import files
from podstead.store.schema import CorruptError, CorruptFile, Schema

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

KEPT_REVISIONS = 10
"""How many a pod keeps beside the named ones; Deployments keep as many (spec.revisionHistoryLimit)."""


class StoredProvenance(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Who stood for a content, as its JSON file has it."""

    warrant: Warrant
    principals: str = ""
    key: str = ""
    index_version: int | None = None
    pins: tuple[tuple[str, str], ...] = ()
    until: float | None = None
    digest: str = ""


class StoredMeta(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What the JSON file says of its document; `seen_at` is Unix seconds, `sha256` covers the document's bytes."""

    file: str
    sha256: str
    document: int = 0
    owner: str = ""
    seen_at: float = 0.0
    provenance: StoredProvenance | None = None
    led: tuple[tuple[str, str], ...] | msgspec.UnsetType = msgspec.UNSET


SCHEMA = Schema(type=StoredMeta, version=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRevision:
    """An admitted document as it was read. `seen_at` is Unix seconds; `data` never goes into a repr."""

    id: RevisionID
    key: PodKey
    data: bytes = field(repr=False)
    file: str
    document: int = 0
    owner: str = ""
    seen_at: float = 0.0
    provenance: Provenance | None = None
    led: tuple[tuple[str, str], ...] = ()


class RevisionStore:
    """Keeps revisions under `STATE/revisions`. `wall` gives Unix seconds, for the names of corrupt files."""

    def __init__(self, state: Path, *, wall: Callable[[], float]) -> None:
        self._directory = state / "revisions"
        self._wall = wall
        self._corrupt: list[CorruptFile] = []

    def take_corrupt(self) -> tuple[CorruptFile, ...]:
        """Return the corrupt files found since the last call, for an Event about each."""
        found, self._corrupt = tuple(self._corrupt), []
        return found

    async def put(self, *revisions: StoredRevision, then: Sequence[files.Write] = ()) -> None:
        """Write revisions in one durable batch; one that is there already is written again.

        The writes of `then`, which name them, come after them in the same batch.

        Raises:
            StoreError: they could not all be written.
        """
        await asyncio.to_thread(self._put, revisions, then)

    async def get(self, key: PodKey, revision: RevisionID) -> StoredRevision | None:
        """Return a revision, None where there is none or its files are corrupt (then they are set aside).

        Raises:
            StoreError: its files are there and cannot be read.
        """
        return await asyncio.to_thread(self._get, key, revision)

    async def list(self, key: PodKey) -> tuple[StoredRevision, ...]:
        """Return a pod's revisions, newest first.

        Raises:
            StoreError: a file is there and cannot be read.
        """
        return await asyncio.to_thread(self._list, key)

    async def prune(
        self, key: PodKey, keep: Collection[RevisionID], limit: int = KEPT_REVISIONS
    ) -> tuple[RevisionID, ...]:
        """Remove the oldest revisions beyond `limit` and return their ids; one in `keep` is never removed.

        Raises:
            StoreError: a file cannot be read or removed.
        """
        return await asyncio.to_thread(self._prune, key, frozenset(keep), limit)

    async def forget(self, key: PodKey) -> None:
        """Remove everything of a pod that is gone for good.

        Raises:
            StoreError: a file cannot be removed.
        """
        await asyncio.to_thread(self._prune, key, frozenset[RevisionID](), 0)

    def _of(self, key: PodKey) -> Path:
        return self._directory / files.segment(key.namespace) / files.segment(key.name)

    def _put(self, revisions: tuple[StoredRevision, ...], then: Sequence[files.Write]) -> None:
        documents: list[files.Write] = []
        about: list[files.Write] = []
        for revision in revisions:
            directory = self._of(revision.key)
            meta = StoredMeta(
                file=revision.file,
                sha256=sha256(revision.data).hexdigest(),
                document=revision.document,
                owner=revision.owner,
                seen_at=revision.seen_at,
                provenance=msgspec.convert(revision.provenance, StoredProvenance | None, from_attributes=True),
                led=revision.led or msgspec.UNSET,
            )
            name = files.segment(revision.id)
            documents.append(files.Write(path=directory / f"{name}.yaml", data=revision.data))
            about.append(files.Write(path=directory / f"{name}.json", data=SCHEMA.encode(meta)))
        files.write_many([*documents, *about], then)

    def _get(self, key: PodKey, revision: RevisionID) -> StoredRevision | None:
        about = self._of(key) / f"{files.segment(revision)}.json"
        document = about.with_suffix(".yaml")
        described, data = files.read(about), files.read(document)
        if described is None or data is None:
            return None
        try:
            meta = SCHEMA.decode(described)
        except CorruptError as error:
            self._set_aside(about, str(error))
            return None
        if sha256(data).hexdigest() != meta.sha256:
            self._set_aside(document, "its bytes are not those that were admitted")
            return None
        return StoredRevision(
            id=revision,
            key=key,
            data=data,
            file=meta.file,
            document=meta.document,
            owner=meta.owner,
            seen_at=meta.seen_at,
            provenance=None if meta.provenance is None else Provenance(**msgspec.structs.asdict(meta.provenance)),
            led=() if meta.led is msgspec.UNSET else meta.led,
        )

    def _set_aside(self, path: Path, reason: str) -> None:
        kept = files.set_aside(path, self._wall())
        self._corrupt.append(CorruptFile(path=path, kept_at=kept, reason=reason))

    def _list(self, key: PodKey) -> tuple[StoredRevision, ...]:
        names = files.names(self._of(key))
        ids = [RevisionID(name.removesuffix(".json")) for name in names if name.endswith(".json")]
        found = [revision for revision in (self._get(key, id_) for id_ in ids) if revision is not None]
        return tuple(sorted(found, key=lambda revision: (-revision.seen_at, revision.id)))

    def _prune(self, key: PodKey, keep: frozenset[RevisionID], limit: int) -> tuple[RevisionID, ...]:
        directory = self._of(key)
        if not directory.is_dir():
            return ()
        files.sweep(directory)
        found = self._list(key)
        surplus = tuple(revision.id for revision in found[limit:] if revision.id not in keep)
        # The description goes first: a document without one counts for nothing.
        stems = [directory / files.segment(id_) for id_ in surplus]
        files.remove(*(stem.with_suffix(".json") for stem in stems))
        files.remove(*(stem.with_suffix(".yaml") for stem in stems))
        return surplus
