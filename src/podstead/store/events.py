"""Kubernetes Events: deduplicated, bounded in number and rate, kept over restarts (spec/kubelet-static-pods.md 7.5)."""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal
from uuid import uuid4

import msgspec

from podstead.k8s import core_v1 as v1
from podstead.k8s.text import printable
from podstead.store.budget import EventBudget
from podstead.store.changes import EVENTS
from podstead.store.connection import Statement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from podstead.clock import Clock
    from podstead.store.database import Database, Key
    from podstead.store.objects import ObjectStore

DEDUP_SECONDS = 600.0
"""Equal events closer than this are one, counted; client-go's correlator takes the same ten minutes."""
UPDATE_SECONDS = 1.0
"""A count that rises faster than this is shown and written once a second."""
MAX_MESSAGE = 1024
"""Characters of a message; the API server's own limit of an Event's note."""
MAX_NAME = 220
"""Characters of the involved object's name within the event's own."""
SUPPRESSED = "EventsSuppressed"

_PUT = "INSERT OR REPLACE INTO events (uid, seen_at, body) VALUES (?, ?, ?)"
_DELETE = "DELETE FROM events WHERE uid = ?"

EventType = Literal["Normal", "Warning"]
_Identity = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventLimits:
    """How much may be recorded."""

    events: int = 5_000
    """Kept in all: some 9 MiB of memory (measured) and 5 of disk; the oldest go first."""
    per_object_minute: int = 30
    """New ones of one object in a minute: a start of ten containers makes thirty (Pulled, Created, Started)."""
    per_minute: int = 600
    """New ones of all objects in a minute: two hundred pods that start at once."""


class _Entry:
    """One event with what its deduplication needs; times are boot-clock seconds (0 for one of a process before)."""

    __slots__ = ("event", "identity", "seen", "shown")

    def __init__(self, event: v1.Event, identity: _Identity, seen: float, shown: float) -> None:
        self.event = event
        self.identity = identity
        self.seen = seen
        self.shown = shown


class EventStore:
    """Records what happened, for people. Recording never waits, never fails and never raises for want of room."""

    def __init__(
        self,
        database: Database,
        objects: ObjectStore,
        clock: Clock,
        *,
        node: str,
        component: str = "podstead",
        limits: EventLimits | None = None,
    ) -> None:
        limits = limits or EventLimits()
        self._database = database
        self._objects = objects
        self._clock = clock
        self._node = node
        self._source = v1.EventSource(component=component, host=node)
        self._max_events = limits.events
        self._by_object = EventBudget(per_minute=limits.per_object_minute)
        self._overall = EventBudget(per_minute=limits.per_minute)
        # By uid, in the order of their last occurrence: the first is the one to drop.
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._by_identity: dict[_Identity, str] = {}
        self._named_at = 0
        database.attach(self._dump)

    async def load(self) -> None:
        """Read the events of earlier processes, after the database is open; what is not understood is passed over."""
        for uid, body in await self._database.rows("SELECT uid, body FROM events ORDER BY seen_at, rowid"):
            try:
                event = msgspec.json.decode(body if isinstance(body, bytes) else str(body), type=v1.Event)
                _seen_at(event)
            except (msgspec.MsgspecError, ValueError):
                self._database.write(("events", str(uid)), _DELETE, (uid,))
                continue
            self._entries[str(uid)] = _Entry(self._objects.put(EVENTS, event), _identity(event), 0.0, 0.0)
        self._drop_oldest()

    def record(self, involved: v1.ObjectReference, *, type_: EventType, reason: str, message: str) -> None:
        """Record an event; `involved.uid` is the pod's uid. The message must hold no value of env or args.

        An equal one within `DEDUP_SECONDS` is counted instead. Beyond the budget of the object's minute, one event
        with the reason EventsSuppressed says how many were left out.
        """
        involved = _printable(involved)
        message = shorten(message)
        now = self._clock.now()
        identity = (*_object_key(involved), type_, reason, message)
        if self._count_again(identity, now.boot):
            return
        window = self._by_object.spend(_object_key(involved), now.boot)
        if not window.suppressed:
            window = self._overall.spend((), now.boot)
            if window.suppressed:
                involved = v1.ObjectReference(api_version="v1", kind="Node", name=self._node, uid=self._node)
        if not window.suppressed:
            self._add(involved, type_, reason, message, identity)
        elif window.suppressed & (window.suppressed - 1) == 0:
            # Told at 1, 2, 4, 8, …: a summary written for each left-out event would itself be the flood.
            self._summarise(involved, window.suppressed, window.since)

    def list(self) -> tuple[v1.Event, ...]:
        """Return all events, the one that happened longest ago first."""
        return tuple(entry.event for entry in self._entries.values())

    def _count_again(self, identity: _Identity, boot: float) -> bool:
        uid = self._by_identity.get(identity)
        entry = self._entries.get(uid) if uid is not None else None
        if entry is None or boot - entry.seen > DEDUP_SECONDS:
            return False
        entry.seen = boot
        self._entries.move_to_end(entry.event.metadata.uid or "")
        entry.event = msgspec.structs.replace(
            entry.event, count=(entry.event.count or 1) + 1, last_timestamp=self._timestamp()
        )
        if boot - entry.shown >= UPDATE_SECONDS:
            entry.shown = boot
            self._show(entry)
        return True

    def _summarise(self, involved: v1.ObjectReference, suppressed: int, since: float) -> None:
        """Say how many events of an object's minute were left out, in one event for that minute."""
        message = f"{suppressed} or more events of this object were left out within a minute"
        if suppressed == 1:
            message = "1 event of this object was left out: it has too many within a minute"
        identity = (*_object_key(involved), SUPPRESSED, str(since))
        uid = self._by_identity.get(identity)
        entry = self._entries.get(uid) if uid is not None else None
        if entry is None:
            self._add(involved, "Warning", SUPPRESSED, message, identity)
            return
        entry.event = msgspec.structs.replace(entry.event, message=message, last_timestamp=self._timestamp())
        self._entries.move_to_end(entry.event.metadata.uid or "")
        self._show(entry)

    def _add(
        self, involved: v1.ObjectReference, type_: EventType, reason: str, message: str, identity: _Identity
    ) -> None:
        at, uid, now = self._timestamp(), str(uuid4()), self._clock.now()
        self._named_at = max(int(now.wall * 1e9), self._named_at + 1)
        event = v1.Event(
            api_version="v1",
            kind="Event",
            metadata=v1.ObjectMeta(
                name=_event_name(involved.name or "", self._named_at),
                namespace=involved.namespace or "default",
                uid=uid,
                creation_timestamp=at,
            ),
            involved_object=involved,
            type=type_,
            reason=reason,
            message=message,
            count=1,
            first_timestamp=at,
            last_timestamp=at,
            source=self._source,
            reporting_component=self._source.component,
            reporting_instance=self._node,
        )
        entry = self._entries[uid] = _Entry(event, identity, now.boot, now.boot)
        self._by_identity[identity] = uid
        self._show(entry)
        self._drop_oldest()

    def _show(self, entry: _Entry) -> None:
        """Give an event's state to the API and to the database."""
        entry.event = self._objects.put(EVENTS, entry.event)
        key, statement = _row(entry.event)
        self._database.write(key, statement.sql, statement.values)

    def _drop_oldest(self) -> None:
        while len(self._entries) > self._max_events:
            uid, entry = self._entries.popitem(last=False)
            if self._by_identity.get(entry.identity) == uid:
                del self._by_identity[entry.identity]
            meta = entry.event.metadata
            self._objects.delete(EVENTS, meta.namespace or "", meta.name or "")
            self._database.write(("events", uid), _DELETE, (uid,))

    def _dump(self) -> Iterator[tuple[Key, Statement]]:
        return (_row(entry.event) for entry in self._entries.values())

    def _timestamp(self) -> str:
        return datetime.fromtimestamp(self._clock.now().wall, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def shorten(message: str) -> str:
    """Return the message with nothing in it that a terminal obeys, at most `MAX_MESSAGE` characters long."""
    # Cut before too: escaping a hostile megabyte to throw it away would cost.
    text = printable(message[: MAX_MESSAGE + 1])
    return text if len(text) <= MAX_MESSAGE else f"{text[: MAX_MESSAGE - 1]}…"


def _printable(involved: v1.ObjectReference) -> v1.ObjectReference:
    """Names of files come from whoever can write to the directory."""
    return msgspec.structs.replace(
        involved,
        name=printable(involved.name or ""),
        namespace=printable(involved.namespace or "") or None,
        field_path=printable(involved.field_path or "") or None,
    )


def _object_key(involved: v1.ObjectReference) -> _Identity:
    return (involved.kind or "", involved.namespace or "", involved.name or "", involved.uid or "")


def _identity(event: v1.Event) -> _Identity:
    return (*_object_key(event.involved_object), event.type or "", event.reason or "", event.message or "")


def _row(event: v1.Event) -> tuple[Key, Statement]:
    uid = event.metadata.uid or ""
    stored = msgspec.structs.replace(event, metadata=msgspec.structs.replace(event.metadata, resource_version=None))
    return ("events", uid), Statement(_PUT, (uid, _seen_at(event), msgspec.json.encode(stored)))


def _seen_at(event: v1.Event) -> float:
    return datetime.fromisoformat(event.last_timestamp or "1970-01-01T00:00:00Z").timestamp()


def _event_name(involved: str, nanoseconds: int) -> str:
    """Return a name as Kubernetes' own components make it: the object's, a dot, the time in sixteen hex digits.

    A list, which is in the order of names, so tells each object's events in the order in which they began.
    """
    stem = re.sub(r"[^a-z0-9.-]", "-", involved.lower())[:MAX_NAME].strip("-.")
    return f"{stem or 'unnamed'}.{nanoseconds:016x}"
