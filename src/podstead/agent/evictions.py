"""Lets pods go for want of room, and come back: written down first, then told, then carried out by their workers."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol
from uuid import uuid4

from podstead.admission.eviction import EVICTED
from podstead.errors import PodsteadError
from podstead.reconcile.memory import after_return
from podstead.state import updates
from podstead.state.desired import Blocked

if TYPE_CHECKING:
    from collections.abc import Callable

    from podstead.agent.ports import Recorder
    from podstead.agent.table import PodTable
    from podstead.clock import Clock
    from podstead.identity import PodUID
    from podstead.state.records import Eviction, PodHistory, PodRecord

log = logging.getLogger(__name__)


class Books(Protocol):
    """Durable and volatile memory."""

    async def save_record(self, record: PodRecord) -> None:
        """Make a record durable."""
        ...

    def save_history(self, uid: PodUID, history: PodHistory) -> None:
        """Keep a pod's history: never blocks, never raises."""
        ...


class Evictions:
    """Changes what pods' records say of it."""

    def __init__(self, table: Callable[[], PodTable], books: Books, recorder: Recorder, clock: Clock) -> None:
        self._table = table
        self._books = books
        self._recorder = recorder
        self._clock = clock

    async def evict(self, uid: PodUID, eviction: Eviction) -> bool:
        """Let a pod go; False when it is going already, or has gone.

        A record that cannot be written is no reason to stay: what the disk lacks is what this gives back.
        """
        session = self._table().by_uid(uid)
        if session is None or session.record.terminating or session.record.evicted is not None:
            return False
        async with session.writing:
            record = updates.evicted(session.record, eviction)
            try:
                await self._books.save_record(record)
            except PodsteadError as error:
                log.warning("it cannot be written down that pod %s is evicted: %s", session.key, error)
            session.record = record
        session.blocked = Blocked(reason=EVICTED, message=eviction.message)
        session.preempted = True
        self._recorder.event(session.key, uid, EVICTED, eviction.message, warning=True)
        self._table().wake(uid)
        return True

    async def bring_back(self, uid: PodUID) -> None:
        """Let an evicted pod come back; raises PodsteadError where that cannot be written down."""
        session = self._table().by_uid(uid)
        if session is None or session.record.terminating or session.record.evicted is None:
            return
        async with session.writing:
            record = updates.returned(session.record, str(uuid4()), self._clock.now())
            await self._books.save_record(record)
            session.record = record
            session.history = after_return(session.history)
            session.failures.clear()
            self._books.save_history(session.uid, session.history)
        self._recorder.event(session.key, uid, "EvictionOver", "the node has room again: the pod comes back")
