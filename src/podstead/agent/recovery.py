"""The first moments: every incarnation that records or the runtime know of gets its session back.

A record without a runtime is a pod to start again; a runtime's pod without a record is adopted by its labels when its
revision can still be read, so that lost state never ends a service; two incarnations of one name cannot both stay,
and the one without a record is only ended.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from podstead.agent.session import PodSession
from podstead.errors import PodsteadError
from podstead.identity import PodKey
from podstead.reconcile.completion import active_seconds
from podstead.state.records import UNKNOWN_FILE, Claim, PodRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from podstead.agent.pleg import Pleg
    from podstead.agent.ports import RecordFiles
    from podstead.agent.shelf import RevisionShelf
    from podstead.agent.table import PodTable
    from podstead.agent.view import PodView
    from podstead.clock import Clock, Instant
    from podstead.identity import PodUID, RevisionID
    from podstead.state.records import PodHistory

log = logging.getLogger(__name__)


class Recovery:
    """Fills the table of pods at start, and again when the runtime shows something unknown."""

    def __init__(
        self,
        table: PodTable,
        pleg: Pleg,
        shelf: RevisionShelf,
        records: RecordFiles,
        history: Callable[[PodUID], PodHistory],
        clock: Clock,
    ) -> None:
        self._table = table
        self._pleg = pleg
        self._shelf = shelf
        self._records = records
        self._history = history
        self._clock = clock

    async def recover(self, records: Sequence[PodRecord]) -> None:
        """Bring back the recorded incarnations; the newest of a key is its pod, an older one is only ended."""
        newest = {r.key: r for r in sorted(records, key=lambda r: r.created_at)}
        for record in records:
            await self._resume(record, stray=newest[record.key] is not record)
        await self.adopt_unknown()

    async def adopt_unknown(self) -> None:
        """Take in what the runtime holds under our instance's label and no session stands for."""
        for uid in self._pleg.uids():
            if self._table.by_uid(uid) is not None:
                continue
            await self._pleg.refresh(uid)  # an old list may show a pod that has ended since
            view = self._pleg.view(uid)
            if view.sandboxes or view.containers:
                await self._adopt(uid, view)
            elif view.fresh:
                self._pleg.forget(uid)

    async def _resume(self, record: PodRecord, *, stray: bool) -> None:
        if stray:  # also one that a crash kept from being marked so
            record = replace(record, terminating=True)
        record = dated(record, self._clock.now())
        view = self._pleg.view(record.uid)
        session = PodSession(
            record=record,
            history=self._history(record.uid),
            stray=stray,
            appeared=any(sandbox.ready for sandbox in view.sandboxes),
        )
        await self._shelf.fill(session, _named(view))
        self._table.add(session)
        await self._pleg.describe_exits(session.uid)

    async def _adopt(self, uid: PodUID, view: PodView) -> None:
        sandbox = next(iter(view.sandboxes), None)
        key = sandbox.key if sandbox else PodKey("", uid)
        taken = self._table.session(key)
        revision = sandbox.revision if sandbox else None
        readable = revision is not None and await self._shelf.load(key, revision) is not None
        lost = taken is not None or not readable
        begun = (sandbox.created_at if sandbox else 0) / 1e9
        record = PodRecord(
            key=key,
            uid=uid,
            claim=Claim(file=UNKNOWN_FILE, document=0),
            created_at=begun,
            start_time=begun,
            effective=revision,
            terminating=lost,
            api_uid=uid,
        )
        record = dated(record, self._clock.now())
        log.warning("pod %s (%s) is in the runtime without a record: %s", key, uid, "ended" if lost else "adopted")
        if not lost:
            try:
                await self._records.put(record)
            except PodsteadError as error:
                log.warning("the record of adopted pod %s is not written: %s", key, error)
        session = PodSession(record=record, history=self._history(uid), stray=lost)
        await self._shelf.fill(session, _named(view))
        self._table.add(session)
        await self._pleg.describe_exits(session.uid)


def dated(record: PodRecord, now: Instant) -> PodRecord:
    """Return a record whose start is known by this boot's clock.

    Over a reboot only the wall clock tells how long a pod has been active. It is asked once, here: a clock that is set
    later neither ends a pod before its deadline nor gives it more time (foundation 22).
    """
    if record.start_time is None or record.start_boot_id == now.boot_id:
        return record
    active = active_seconds(record, now)
    return replace(record, start_boot=now.boot - active, start_boot_id=now.boot_id)


def _named(view: PodView) -> list[RevisionID | None]:
    return [*(s.revision for s in view.sandboxes), *(c.revision for c in view.containers)]
