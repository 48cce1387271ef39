"""Gives pods their incarnations: what the directory asks for, written down and handed to the workers.

Order matters: revisions first, then records, then the sessions; a crash in between leaves bytes that nothing names.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol
from uuid import uuid4

from podstead.agent.session import PodSession
from podstead.agent.shelf import revision_of
from podstead.errors import PodsteadError
from podstead.identity import PodUID
from podstead.state.records import Claim, PodRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

    from podstead.agent.ports import Recorder
    from podstead.agent.room import NodeRoom
    from podstead.agent.shelf import RevisionShelf
    from podstead.agent.table import PodTable
    from podstead.clock import Clock
    from podstead.identity import PodKey
    from podstead.state.fold import Folded, Wanted
    from podstead.state.records import Revision
    from podstead.state.sources import ManifestFile

log = logging.getLogger(__name__)


class RecordFiles(Protocol):
    """Durable records."""

    async def put(self, *records: PodRecord) -> None:
        """Write a batch durably; raises PodsteadError when it cannot."""
        ...


@dataclass(slots=True)
class _Batch:
    """What one look changes."""

    revisions: list[Revision] = field(default_factory=list)
    records: list[PodRecord] = field(default_factory=list)
    born: list[PodSession] = field(default_factory=list)


class Incarnations:
    """Turns a fold into records and sessions."""

    def __init__(
        self,
        table: PodTable,
        shelf: RevisionShelf,
        records: RecordFiles,
        room: NodeRoom,
        recorder: Recorder,
        clock: Clock,
    ) -> None:
        self._table = table
        self._shelf = shelf
        self._records = records
        self._room = room
        self._recorder = recorder
        self._clock = clock

    async def apply(self, folded: Folded, files: Mapping[str, ManifestFile]) -> None:
        """Make the fold true; raises PodsteadError when something new could not be written down.

        Removals go ahead even then: the same look will find the file gone again, and may be what frees the disk.
        """
        await self._remove(folded)
        batch = _Batch()
        new: list[tuple[Revision, Wanted]] = []
        for key, wanted in folded.wanted.items():
            file = files[wanted.file]
            revision = revision_of(wanted.revision, wanted.file, file.owner, self._clock.now().wall)
            session = self._table.session(key)
            if session is None:
                new.append((revision, wanted))
            elif not session.record.terminating:
                self._change(session, revision, folded.claims.get(key), batch)
        self._bear(new, batch)
        for key in folded.keep:
            self._move_claim(key, folded.claims.get(key), batch)
        await self._commit(batch)

    def _bear(self, new: list[tuple[Revision, Wanted]], batch: _Batch) -> None:
        created = self._clock.now().wall
        fits = self._room.admitted([revision for revision, _ in new], created)
        for revision, wanted in new:
            starts = revision.key in fits
            record = PodRecord(
                key=revision.key,
                uid=PodUID(str(uuid4())),
                claim=Claim(file=wanted.file, document=wanted.document),
                created_at=created,
                effective=revision.id if starts else None,
                candidate=None if starts else revision.id,
                start_time=created if starts else None,
                api_uid=str(uuid4()),
            )
            batch.revisions.append(revision)
            batch.records.append(record)
            batch.born.append(PodSession(record=record, revisions={revision.id: revision}))

    def _change(self, session: PodSession, revision: Revision, claim: Claim | None, batch: _Batch) -> None:
        record = session.record
        candidate = None if revision.id == record.effective else revision.id
        new = replace(record, candidate=candidate, claim=claim or record.claim)
        if revision.id not in session.revisions:
            batch.revisions.append(revision)
        if new != record:
            batch.records.append(new)

    def _move_claim(self, key: PodKey, claim: Claim | None, batch: _Batch) -> None:
        session = self._table.session(key)
        if session is not None and claim is not None and claim != session.record.claim:
            batch.records.append(replace(session.record, claim=claim))

    async def _commit(self, batch: _Batch) -> None:
        if batch.revisions:
            await self._shelf.admit(batch.revisions)
        if batch.records:
            await self._records.put(*batch.records)
        admitted = {(r.key, r.id): r for r in batch.revisions}
        born = {session.uid for session in batch.born}
        for record in batch.records:
            session = self._table.session(record.key)
            if record.uid in born or session is None or session.record.terminating:
                continue
            session.record = self._merge(session.record, record)
            session.revisions |= {r.id: r for (key, _), r in admitted.items() if key == record.key}
            session.failures.clear()
            self._table.wake(session.uid)
        for session in batch.born:
            self._table.add(session)

    @staticmethod
    def _merge(now: PodRecord, written: PodRecord) -> PodRecord:
        """Return the written record with what the worker may have made durable meanwhile."""
        candidate = None if written.candidate == now.effective else written.candidate
        return replace(written, effective=now.effective, candidate=candidate, start_time=now.start_time)

    async def _remove(self, folded: Folded) -> None:
        for key, reason in folded.remove.items():
            session = self._table.session(key)
            if session is None or session.record.terminating:
                continue
            record = replace(session.record, terminating=True)
            try:
                await self._records.put(record)
            except PodsteadError as error:
                log.warning("pod %s is removed although its record cannot be written: %s", key, error)
            session.record = replace(session.record, terminating=True)
            text = f"The pod leaves: {reason.value} ({record.claim.file})"
            self._recorder.event(key, session.uid, "Removed", text)
            self._table.wake(session.uid)
