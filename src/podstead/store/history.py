"""Restart history, intents and probe verdicts by pod incarnation: class B, in memory first (foundation 16 and 21)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from podstead.identity import PodUID, RevisionID
from podstead.state.records import ContainerHistory, PodHistory, Transition
from podstead.store.connection import Statement

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from podstead.store.connection import Value
    from podstead.store.database import Database, Key

INTENT_SECONDS = 0.5
"""How long a runtime call waits for its intent to be written: a slow disk must not delay a restart further."""

_PUT_HISTORY = "INSERT OR REPLACE INTO history (uid, body) VALUES (?, ?)"
_PUT_PROBES = "INSERT OR REPLACE INTO probes (uid, body) VALUES (?, ?)"
_PUT_INTENT = "INSERT OR REPLACE INTO intents (uid, container, kind, attempt, revision, at) VALUES (?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """What is about to be asked of the runtime. `container` is empty for a sandbox; `at` is Unix seconds."""

    uid: PodUID
    container: str
    kind: str
    attempt: int
    revision: RevisionID
    at: float


class StoredContainer(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One container's memory as the database has it; unknown keys of a newer version are passed over."""

    last_attempt: int = -1
    started_attempt: int = -1
    killed_attempt: int = -1
    returning_attempt: int = -1
    cleared_attempt: int = -1
    exit_attempt: int = -1
    exit_code: int = 0
    post_started_attempt: int = -1
    resized_attempt: int = -1
    resized_by: RevisionID | None = None
    restart_count: int = 0
    backoff_level: int = 0
    advanced_at: float | None = None
    boot_id: str = ""


class StoredTransition(msgspec.Struct, frozen=True, kw_only=True):
    """One condition as the database has it."""

    status: str
    at: str


class StoredHistory(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One incarnation's memory as the database has it."""

    sandbox_attempt: int = -1
    resized_sandbox: int = -1
    sandbox_level: int = 0
    sandbox_made_at: float | None = None
    sandbox_boot_id: str = ""
    containers: dict[str, StoredContainer] = msgspec.field(default_factory=dict)
    transitions: dict[str, StoredTransition] = msgspec.field(default_factory=dict)


class HistoryStore:
    """What is remembered of each incarnation. Reading is from memory; writing never fails and never waits."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._histories: dict[PodUID, PodHistory] = {}
        self._probes: dict[PodUID, bytes] = {}
        self._intents: dict[tuple[PodUID, str, str], Intent] = {}
        database.attach(self._dump)

    async def load(self) -> None:
        """Read everything once, after the database is open; a row that is not understood is passed over."""
        for uid, body in await self._database.rows("SELECT uid, body FROM history"):
            try:
                self._histories[PodUID(str(uid))] = _decode(_bytes(body))
            except msgspec.MsgspecError:
                continue
        for uid, body in await self._database.rows("SELECT uid, body FROM probes"):
            self._probes[PodUID(str(uid))] = _bytes(body)
        for row in await self._database.rows("SELECT uid, container, kind, attempt, revision, at FROM intents"):
            intent = _intent(row)
            self._intents[intent.uid, intent.container, intent.kind] = intent

    def load_all(self) -> Mapping[PodUID, PodHistory]:
        """Return the history of every incarnation."""
        return dict(self._histories)

    def get(self, uid: PodUID) -> PodHistory:
        """Return the history of an incarnation, a fresh one when there is none."""
        return self._histories.get(uid, PodHistory())

    def put(self, uid: PodUID, history: PodHistory) -> None:
        """Remember an incarnation's history."""
        if self._histories.get(uid) == history:
            return
        self._histories[uid] = history
        self._write(*_history_row(uid, history))

    async def intend(self, intent: Intent) -> bool:
        """Remember an intent and wait for it to be on disk, for `INTENT_SECONDS` at most; True when it is.

        False is no reason not to act: the attempt is in memory, and the runtime's own records tell the rest.
        """
        self._intents[intent.uid, intent.container, intent.kind] = intent
        self._write(*_intent_row(intent))
        return await self._database.flush(INTENT_SECONDS)

    def intents(self, uid: PodUID) -> tuple[Intent, ...]:
        """Return the last intent of each container and kind."""
        return tuple(intent for key, intent in sorted(self._intents.items()) if key[0] == uid)

    def put_probes(self, uid: PodUID, verdicts: bytes) -> None:
        """Remember the verdicts last published, as the JSON that the caller will understand after a restart."""
        if self._probes.get(uid) == verdicts:
            return
        self._probes[uid] = verdicts
        self._write(*_probes_row(uid, verdicts))

    def probes(self, uid: PodUID) -> bytes | None:
        """Return the verdicts last published, None when there are none."""
        return self._probes.get(uid)

    def remove(self, uid: PodUID) -> None:
        """Forget an incarnation that has ended."""
        self._histories.pop(uid, None)
        self._probes.pop(uid, None)
        for key in [key for key in self._intents if key[0] == uid]:
            del self._intents[key]
            self._write(("intents", *key), Statement("DELETE FROM intents WHERE uid = ?", (uid,)))
        self._write(("history", uid), Statement("DELETE FROM history WHERE uid = ?", (uid,)))
        self._write(("probes", uid), Statement("DELETE FROM probes WHERE uid = ?", (uid,)))

    def _write(self, key: Key, statement: Statement) -> None:
        self._database.write(key, statement.sql, statement.values)

    def _dump(self) -> Iterator[tuple[Key, Statement]]:
        for uid, history in self._histories.items():
            yield _history_row(uid, history)
        for uid, verdicts in self._probes.items():
            yield _probes_row(uid, verdicts)
        for intent in self._intents.values():
            yield _intent_row(intent)


def _history_row(uid: PodUID, history: PodHistory) -> tuple[Key, Statement]:
    return ("history", uid), Statement(_PUT_HISTORY, (uid, _encode(history)))


def _encode(history: PodHistory) -> bytes:
    return msgspec.json.encode(msgspec.convert(history, StoredHistory, from_attributes=True))


def _decode(body: bytes) -> PodHistory:
    stored = msgspec.json.decode(body, type=StoredHistory)
    containers = {name: ContainerHistory(**msgspec.structs.asdict(it)) for name, it in stored.containers.items()}
    return PodHistory(
        sandbox_attempt=stored.sandbox_attempt,
        resized_sandbox=stored.resized_sandbox,
        sandbox_level=stored.sandbox_level,
        sandbox_made_at=stored.sandbox_made_at,
        sandbox_boot_id=stored.sandbox_boot_id,
        containers=containers,
        transitions={name: Transition(status=it.status, at=it.at) for name, it in stored.transitions.items()},
    )


def _probes_row(uid: PodUID, verdicts: bytes) -> tuple[Key, Statement]:
    return ("probes", uid), Statement(_PUT_PROBES, (uid, verdicts))


def _intent_row(intent: Intent) -> tuple[Key, Statement]:
    values = (intent.uid, intent.container, intent.kind, intent.attempt, intent.revision, intent.at)
    return ("intents", intent.uid, intent.container, intent.kind), Statement(_PUT_INTENT, values)


def _intent(row: tuple[Value, ...]) -> Intent:
    uid, container, kind, attempt, revision, at = row
    return Intent(
        uid=PodUID(str(uid)),
        container=str(container),
        kind=str(kind),
        attempt=int(attempt or 0),
        revision=RevisionID(str(revision)),
        at=float(at or 0.0),
    )


def _bytes(value: Value) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()
