"""Bridges from the loops' ports to the stores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from podstead.identity import ContainerID
from podstead.state.probes import Outcome, PodProbes, ProbeKind, ProbeVerdict
from podstead.store.history import Intent
from podstead.store.revisions import StoredRevision

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from podstead.clock import Clock
    from podstead.identity import PodKey, PodUID, RevisionID
    from podstead.state.records import PodHistory, PodRecord, Revision
    from podstead.store.history import HistoryStore
    from podstead.store.records import RecordStore
    from podstead.store.revisions import RevisionStore


class StoreBooks:
    """The steps' books: records on disk, history in the database."""

    def __init__(self, records: RecordStore, history: HistoryStore, clock: Clock) -> None:
        self._records = records
        self._history = history
        self._clock = clock

    async def save_record(self, record: PodRecord) -> None:
        """Make a record durable."""
        await self._records.put(record)

    async def end(self, record: PodRecord) -> None:
        """Forget an incarnation, durably."""
        await self._records.remove(record.key, record.uid)
        self._history.remove(record.uid)

    def save_history(self, uid: PodUID, history: PodHistory) -> None:
        """Keep a pod's history."""
        self._history.put(uid, history)

    async def intent(self, uid: PodUID, container: str, attempt: int, revision: RevisionID) -> None:
        """Note a runtime call that is about to be made."""
        await self._history.intend(
            Intent(
                uid=uid,
                kind="container" if container else "sandbox",
                container=container,
                attempt=attempt,
                revision=revision,
                at=self._clock.now().wall,
            )
        )


class RevisionFiles:
    """The shelf's files."""

    def __init__(self, store: RevisionStore, records: RecordStore) -> None:
        self._store = store
        self._records = records

    async def put(self, revisions: Iterable[Revision], records: Iterable[PodRecord]) -> None:
        """Write a batch durably, the revisions before the records that name them."""
        await self._store.put(
            *(
                StoredRevision(
                    id=r.id,
                    key=r.key,
                    data=r.data,
                    file=r.file,
                    document=r.document,
                    owner=r.owner,
                    seen_at=r.seen_at,
                    provenance=r.provenance,
                    led=r.led,
                )
                for r in revisions
            ),
            then=self._records.writes(*records),
        )

    async def get(self, key: PodKey, revision: RevisionID) -> StoredRevision | None:
        """Read one back."""
        return await self._store.get(key, revision)

    async def list(self, key: PodKey) -> Sequence[StoredRevision]:
        """Read all of a pod back."""
        return await self._store.list(key)

    async def prune(self, key: PodKey, keep: Collection[RevisionID]) -> None:
        """Drop old ones."""
        await self._store.prune(key, keep)

    async def forget(self, key: PodKey) -> None:
        """Drop every revision of a pod."""
        await self._store.forget(key)


class ProbeMemory:
    """Published probe verdicts over an agent's restart: readiness does not flap because the agent changed."""

    def __init__(self, history: HistoryStore) -> None:
        self._history = history
        self._seen: dict[PodUID, PodProbes] = {}
        self._written: dict[PodUID, bytes] = {}

    def save(self, uid: PodUID, probes: PodProbes) -> None:
        """Keep a pod's verdicts; their texts are not kept."""
        if self._seen.get(uid) is probes:
            return  # the prober gives the same value as long as nothing changes
        self._seen[uid] = probes
        rows = [(c, k.value, v.outcome.value, v.failures) for (c, k), v in sorted(probes.verdicts.items())]
        data = msgspec.json.encode(rows)
        if self._written.get(uid) != data:
            self._written[uid] = data
            self._history.put_probes(uid, data)

    def load(self, uid: PodUID) -> PodProbes | None:
        """Return the kept verdicts; None without any, or in a form of another version."""
        data = self._history.probes(uid)
        if data is None:
            return None
        try:
            rows = msgspec.json.decode(data, type=list[tuple[str, ProbeKind, Outcome, int]])
        except msgspec.MsgspecError:
            return None
        verdicts = {(ContainerID(c), kind): ProbeVerdict(outcome=o, failures=n) for c, kind, o, n in rows}
        return PodProbes(verdicts)

    def forget(self, uid: PodUID) -> None:
        """Drop an incarnation."""
        self._seen.pop(uid, None)
        self._written.pop(uid, None)
