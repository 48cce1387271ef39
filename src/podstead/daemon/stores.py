"""Everything that survives: opened before anything else, closed last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from podstead.store.database import Database
from podstead.store.events import EventStore
from podstead.store.facts import NODE_NAME, FactStore
from podstead.store.history import HistoryStore
from podstead.store.local_objects import LocalObjectStore
from podstead.store.objects import ObjectStore
from podstead.store.records import RecordStore
from podstead.store.revisions import RevisionStore
from podstead.store.trust import TrustStore
from podstead.store.versions import ResourceVersions

if TYPE_CHECKING:
    from podstead.clock import Clock
    from podstead.config.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """The open stores of one instance. `corrupt` has a sentence for each thing that was set aside.

    `node_name` is the node's pinned name: pods carry it in theirs, so a machine that is renamed keeps it (foundation 12).
    """

    node_name: str
    records: RecordStore
    revisions: RevisionStore
    facts: FactStore
    versions: ResourceVersions
    database: Database
    history: HistoryStore
    objects: ObjectStore
    local_objects: LocalObjectStore
    events: EventStore
    trust: TrustStore
    corrupt: tuple[str, ...]

    @classmethod
    async def open(cls, settings: Settings, clock: Clock) -> Self:
        """Open everything; raises StoreError where class A state cannot be read at all."""
        state = settings.paths.state

        def wall() -> float:
            return clock.now().wall

        facts = FactStore(state, wall=wall)
        set_aside = await facts.load()
        node_name = facts.get(NODE_NAME) or settings.node.name
        await facts.put({NODE_NAME: node_name})
        trust = TrustStore(state, wall=wall)
        distrusted = await trust.load()
        versions = ResourceVersions(state, wall=wall)
        await versions.open()
        database = Database(state / "podstead.db", wall=wall)
        await database.open()
        history = HistoryStore(database)
        await history.load()
        objects = ObjectStore(versions)
        events = EventStore(database, objects, clock, node=node_name)
        await events.load()
        found = [*([set_aside] if set_aside else []), *distrusted, *database.take_corrupt()]
        return cls(
            node_name=node_name,
            records=RecordStore(state, wall=wall),
            revisions=RevisionStore(state, wall=wall),
            facts=facts,
            versions=versions,
            database=database,
            history=history,
            objects=objects,
            local_objects=LocalObjectStore(state, wall=wall),
            events=events,
            trust=trust,
            corrupt=tuple(one.sentence for one in found),
        )

    async def close(self) -> None:
        """Write what is pending and close."""
        self.objects.close()
        await self.database.flush()
        await self.database.close()
