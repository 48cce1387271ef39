"""Gives pods their incarnations: what the directory asks for, written down and handed to the workers.

Order matters: revisions first, then records, then the sessions; a crash in between leaves bytes that nothing names.
Revisions and records go to disk in one batch, for a start waits for it.
"""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from uuid import uuid4

from podstead.agent.session import PodSession
from podstead.agent.shelf import revision_of
from podstead.errors import PodsteadError
from podstead.identity import PodUID
from podstead.manifest.gate import deadline_seconds
from podstead.state import updates
from podstead.state.records import Claim, PodRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

    from podstead.agent.ports import Recorder, RecordFiles
    from podstead.agent.room import NodeRoom
    from podstead.agent.shelf import RevisionShelf
    from podstead.agent.table import PodTable
    from podstead.clock import Clock
    from podstead.state.fold import Folded, Wanted
    from podstead.state.records import Revision
    from podstead.state.sources import ManifestFile

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """What one look changes of a pod that is there; None leaves a thing as it is."""

    session: PodSession
    revision: Revision | None = None
    claim: Claim | None = None

    def record(self) -> PodRecord:
        """Return what the record must be now."""
        record = self.session.record
        if record.terminating:
            return record
        if self.revision is not None:
            record = updates.offered(record, self.revision.id)
        return record if self.claim is None else replace(record, claim=self.claim)

    @property
    def unread(self) -> bool:
        """Whether the session lacks the revision: it is new, its stored bytes were lost, or somebody else stands for it."""
        if self.revision is None:
            return False
        held = self.session.revisions.get(self.revision.id)
        return held is None or not _same_warrant(held, self.revision)

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do, whatever becomes of a write that is under way."""
        return not self.unread and not self.session.writing.locked() and self.record() == self.session.record


@dataclass(slots=True)
class _Batch:
    """What one look changes."""

    revisions: list[Revision] = field(default_factory=list)
    changes: list[_Change] = field(default_factory=list)
    born: list[PodSession] = field(default_factory=list)

    def change(self, change: _Change) -> None:
        """Take a change in unless it changes nothing."""
        if not change.idle:
            self.changes.append(change)
            if change.revision is not None and change.unread:
                self.revisions.append(change.revision)


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
            revision = revision_of(wanted.revision, wanted.file, file, self._clock.now().wall)
            session = self._table.session(key)
            if session is not None:
                if (held := session.revisions.get(revision.id)) is not None:
                    # Where its paths led counts as of the first look that admitted it: a pod may have changed that since.
                    revision = replace(revision, seen_at=held.seen_at, led=held.led or revision.led)
                if not session.record.terminating:
                    batch.change(_Change(session=session, revision=revision, claim=folded.claims.get(key)))
            elif not self._table.holds(key):  # else another incarnation ends first, and its end is another pass
                new.append((revision, wanted))
        self._bear(new, batch)
        for key in folded.keep:
            session = self._table.session(key)
            if session is not None:
                batch.change(_Change(session=session, claim=folded.claims.get(key)))
        await self._commit(batch)

    def _bear(self, new: list[tuple[Revision, Wanted]], batch: _Batch) -> None:
        now = self._clock.now()
        created = now.wall
        fits = self._room.admitted([revision for revision, _ in new], created)
        for revision, wanted in new:
            starts = revision.key in fits
            record = PodRecord(
                key=revision.key,
                uid=PodUID(str(uuid4())),
                claim=Claim(file=wanted.file, document=wanted.document),
                created_at=created,
                candidate=revision.id,
                api_uid=str(uuid4()),
            )
            if starts:
                gated = deadline_seconds(revision.pod) is not None
                record = updates.promoted(record, revision.id, now, gated=gated)
            batch.revisions.append(revision)
            batch.born.append(PodSession(record=record, revisions={revision.id: revision}))

    async def _commit(self, batch: _Batch) -> None:
        async with self._shelf.changing:
            await self._commit_changes(batch)

    async def _commit_changes(self, batch: _Batch) -> None:
        async with AsyncExitStack() as held:
            for change in sorted(batch.changes, key=lambda change: change.session.uid):
                await held.enter_async_context(change.session.writing)
            changed = [(change.session, change.record()) for change in batch.changes]
            written = [record for session, record in changed if record != session.record]
            written += [session.record for session in batch.born]
            if batch.revisions:
                await self._shelf.admit(batch.revisions, written)
            elif written:
                await self._records.put(*written)
            for change in batch.changes:
                if change.revision is not None and change.unread:
                    change.session.revisions[change.revision.id] = change.revision
            for session, record in changed:
                if record.candidate != session.record.candidate:
                    session.failures.clear()
                session.record = record
                self._table.wake(session.uid)
        for session in batch.born:
            self._table.add(session)

    async def _remove(self, folded: Folded) -> None:
        for key, reason in folded.remove.items():
            session = self._table.session(key)
            if session is None or session.record.terminating:
                continue
            async with session.writing:
                record = replace(session.record, terminating=True)
                try:
                    await self._records.put(record)
                except PodsteadError as error:
                    log.warning("pod %s is removed although its record cannot be written: %s", key, error)
                session.record = record
            text = f"The pod leaves: {reason.value} ({record.claim.file})"
            self._recorder.event(key, session.uid, "Removed", text)
            self._table.wake(session.uid)


def _same_warrant(held: Revision, seen: Revision) -> bool:
    """Return whether the same key, or nobody, stands for a content as before; what says less than before changes nothing."""
    if seen.provenance is None:
        return True
    return held.provenance is not None and held.provenance.stands_as(seen.provenance)
