"""Pod records: one JSON file for each incarnation, durable before its effect (foundation 15 and 21)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from podstead.identity import PodKey, PodUID, RevisionID
from podstead.state.records import Claim, Completion, Eviction, PodRecord, Progress, Rollback, RollbackReason, Turn
from podstead.store import files
from podstead.store.schema import CorruptError, CorruptFile, Schema

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class StoredRollback(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What the file passes over, as the record's file has it."""

    passed_over: str
    reason: RollbackReason
    at: float


class StoredProgress(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The time of a health-gated revision, as the record's file has it."""

    boot_id: str
    since: float
    expired: bool = False


class StoredTurn(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A revision that was effective, as the record's file has it."""

    revision: str
    at: float
    failed: bool = False


class StoredCompletion(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How a pod ended, as the record's file has it."""

    phase: str
    reason: str = ""
    message: str = ""


class StoredEviction(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Why a pod went, as the record's file has it."""

    signal: str
    message: str
    at: float
    boot_id: str
    since: float
    grace_seconds: int = 0


class StoredRecord(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A record as the file has it; times are Unix seconds."""

    namespace: str
    name: str
    uid: str
    file: str
    document: int
    created_at: float
    effective: str | None = None
    candidate: str | None = None
    last_ready: str | None = None
    terminating: bool = False
    start_time: float | None = None
    api_uid: str = ""
    stopped: bool = False
    evicted: StoredEviction | None = None
    rollback: StoredRollback | None = None
    progress: StoredProgress | None = None
    turns: tuple[StoredTurn, ...] = ()
    replaced: dict[str, int] = msgspec.field(default_factory=dict)
    start_boot: float | None = None
    start_boot_id: str = ""
    completion: StoredCompletion | None = None


SCHEMA = Schema(type=StoredRecord, version=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What a start found. Of two records of one key (a crash between two incarnations) both are given."""

    records: tuple[PodRecord, ...]
    corrupt: tuple[CorruptFile, ...] = ()


class RecordStore:
    """Keeps pod records under `STATE/records`. `wall` gives Unix seconds, for the names of corrupt files."""

    def __init__(self, state: Path, *, wall: Callable[[], float]) -> None:
        self._directory = state / "records"
        self._wall = wall

    async def load(self) -> Loaded:
        """Return all records, sorted by key; a corrupt file is set aside and reported, never deleted.

        Raises:
            StoreError: a file cannot be read: nothing may be concluded about its pod.
        """
        return await asyncio.to_thread(self._load)

    async def put(self, *records: PodRecord) -> None:
        """Write records in one durable batch.

        Raises:
            StoreError: they could not all be written; each file is as it was or as it shall be.
        """
        await asyncio.to_thread(files.write_many, self.writes(*records))

    def writes(self, *records: PodRecord) -> tuple[files.Write, ...]:
        """Return the writes that make records durable, for a batch of others with them."""
        return tuple(files.Write(path=self._path(r.key, r.uid), data=SCHEMA.encode(_stored(r))) for r in records)

    async def remove(self, key: PodKey, uid: PodUID) -> None:
        """Forget one incarnation; a record that is not there is no error.

        Raises:
            StoreError: the file cannot be removed.
        """
        await asyncio.to_thread(files.remove, self._path(key, uid))

    def _path(self, key: PodKey, uid: PodUID) -> Path:
        # The uid alone tells records apart; namespace and name stand there for people.
        name = f"{files.segment(key.namespace, 63)}_{files.segment(key.name, 120)}_{files.segment(uid, 60)}.json"
        return self._directory / name

    def _load(self) -> Loaded:
        files.make_directory(self._directory)
        files.sweep(self._directory)
        records: list[PodRecord] = []
        corrupt: list[CorruptFile] = []
        for name in files.names(self._directory):
            path = self._directory / name
            if path.suffix != ".json":
                continue
            data = files.read(path)
            try:
                records.append(_record(SCHEMA.decode(data or b"")))
            except CorruptError as error:
                kept = files.set_aside(path, self._wall())
                corrupt.append(CorruptFile(path=path, kept_at=kept, reason=str(error)))
        records.sort(key=lambda record: (record.key, record.created_at, record.uid))
        return Loaded(records=tuple(records), corrupt=tuple(corrupt))


def _stored(record: PodRecord) -> StoredRecord:
    return StoredRecord(
        namespace=record.key.namespace,
        name=record.key.name,
        uid=record.uid,
        file=record.claim.file,
        document=record.claim.document,
        created_at=record.created_at,
        effective=record.effective,
        candidate=record.candidate,
        last_ready=record.last_ready,
        terminating=record.terminating,
        start_time=record.start_time,
        api_uid=record.api_uid,
        stopped=record.stopped,
        evicted=msgspec.convert(record.evicted, StoredEviction | None, from_attributes=True),
        rollback=msgspec.convert(record.rollback, StoredRollback | None, from_attributes=True),
        progress=msgspec.convert(record.progress, StoredProgress | None, from_attributes=True),
        turns=msgspec.convert(record.turns, tuple[StoredTurn, ...], from_attributes=True),
        replaced=dict(record.replaced),
        start_boot=record.start_boot,
        start_boot_id=record.start_boot_id,
        completion=msgspec.convert(record.completion, StoredCompletion | None, from_attributes=True),
    )


def _record(stored: StoredRecord) -> PodRecord:
    return PodRecord(
        key=PodKey(stored.namespace, stored.name),
        uid=PodUID(stored.uid),
        claim=Claim(file=stored.file, document=stored.document),
        created_at=stored.created_at,
        effective=_revision(stored.effective),
        candidate=_revision(stored.candidate),
        last_ready=_revision(stored.last_ready),
        terminating=stored.terminating,
        start_time=stored.start_time,
        api_uid=stored.api_uid,
        stopped=stored.stopped,
        evicted=None if stored.evicted is None else Eviction(**msgspec.structs.asdict(stored.evicted)),
        rollback=_rollback(stored.rollback),
        progress=None if stored.progress is None else Progress(**msgspec.structs.asdict(stored.progress)),
        turns=tuple(Turn(revision=RevisionID(t.revision), at=t.at, failed=t.failed) for t in stored.turns),
        replaced=stored.replaced,
        start_boot=stored.start_boot,
        start_boot_id=stored.start_boot_id,
        completion=None if stored.completion is None else Completion(**msgspec.structs.asdict(stored.completion)),
    )


def _rollback(stored: StoredRollback | None) -> Rollback | None:
    if stored is None:
        return None
    return Rollback(passed_over=RevisionID(stored.passed_over), reason=stored.reason, at=stored.at)


def _revision(text: str | None) -> RevisionID | None:
    return None if text is None else RevisionID(text)
