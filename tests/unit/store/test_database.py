from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import stat
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from podstead.identity import PodUID, RevisionID
from podstead.state.records import ContainerHistory, PodHistory, Transition
from podstead.store import database as databases
from podstead.store import history as histories
from podstead.store.database import Database
from podstead.store.history import HistoryStore, Intent, StoredContainer, StoredHistory
from podstead.store.tables import MIGRATIONS

from .conftest import wall

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable
    from pathlib import Path

    from podstead.store.connection import Statement

UID = PodUID("u1")
HISTORY = PodHistory(
    sandbox_attempt=3,
    sandbox_level=2,
    sandbox_made_at=3.5,
    sandbox_boot_id="boot",
    resized_sandbox=2,
    containers={
        "mysql": ContainerHistory(
            last_attempt=7,
            started_attempt=6,
            killed_attempt=5,
            returning_attempt=2,
            cleared_attempt=1,
            exit_attempt=6,
            exit_code=42,
            post_started_attempt=4,
            resized_attempt=3,
            resized_by=RevisionID("bb"),
            restart_count=4,
            backoff_level=3,
            advanced_at=2.5,
            boot_id="boot",
        )
    },
    transitions={"Ready": Transition(status="True", at="2026-11-23T18:00:00Z")},
)
INTENT = Intent(uid=UID, container="mysql", kind="container", attempt=8, revision=RevisionID("aa"), at=1.5)


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is on disk in the end is asked here, not how soon a disk that others use has it."""
    monkeypatch.setattr(databases, "CLOSE_SECONDS", 60.0)


@pytest.fixture
def _slow_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(histories, "INTENT_SECONDS", 60.0)


@asynccontextmanager
async def opened(path: Path, **limits: int) -> AsyncIterator[tuple[Database, HistoryStore]]:
    database = Database(path, wall=wall, retry_seconds=0.02, **limits)
    store = HistoryStore(database)
    await database.open()
    try:
        await store.load()
        yield database, store
    finally:
        await database.close()


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - the thread that is waited for knows no event
            await asyncio.sleep(0.01)


def big(number: int) -> PodHistory:
    return PodHistory(containers={f"c{n}": ContainerHistory(restart_count=number) for n in range(200)})


@pytest.mark.usefixtures("_slow_disk")
async def test_history_intents_and_verdicts_survive(tmp_path: Path) -> None:
    path = tmp_path / "podstead.db"
    async with opened(path) as (_, store):
        store.put(UID, HISTORY)
        store.put(PodUID("gone"), HISTORY)
        store.put_probes(UID, b'{"x": 1}')
        assert await store.intend(INTENT)
        store.remove(PodUID("gone"))
    async with opened(path) as (database, store):
        assert store.load_all() == {UID: HISTORY}
        assert store.get(PodUID("new")) == PodHistory()
        assert store.intents(UID) == (INTENT,)
        assert store.probes(UID) == b'{"x": 1}'
        assert database.problem is None
        store.remove(UID)
        assert store.intents(UID) == ()
    async with opened(path) as (_, store):
        assert store.load_all() == {}
        assert store.intents(UID) == ()
        assert store.probes(UID) is None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_no_field_of_history_is_forgotten() -> None:
    """A field added to the histories must be stored too."""
    assert StoredContainer.__struct_fields__ == tuple(ContainerHistory.__dataclass_fields__)
    assert StoredHistory.__struct_fields__ == tuple(PodHistory.__dataclass_fields__)
    fresh = ContainerHistory()
    assert all(getattr(HISTORY.of("mysql"), name) != getattr(fresh, name) for name in fresh.__dataclass_fields__)


@pytest.mark.usefixtures("_slow_disk")
async def test_a_committed_intent_survives_a_process_that_dies_at_once(tmp_path: Path) -> None:
    path = tmp_path / "podstead.db"
    async with opened(path) as (_, store):
        assert await store.intend(INTENT)
        # A second process reads while the first still holds everything open, as after kill -9.
        with contextlib.closing(sqlite3.connect(path)) as other:
            assert other.execute("SELECT attempt FROM intents").fetchall() == [(8,)]


@pytest.mark.parametrize("spoil", [b"", b"not a database, though long enough to look at" * 200, None])
async def test_a_corrupt_file_is_set_aside_and_a_new_one_made(tmp_path: Path, spoil: bytes | None) -> None:
    path = tmp_path / "podstead.db"
    async with opened(path) as (database, store):
        for number in range(50):
            store.put(PodUID(f"u{number}"), big(number))
        assert await database.flush(60)
    content = path.read_bytes()
    # None: pages in the middle are overwritten, as a dying disk does it.
    damaged = spoil if spoil is not None else content[:8192] + b"\xa5" * (len(content) - 8192)
    path.write_bytes(damaged)
    async with opened(path) as (database, store):
        corrupt = database.take_corrupt()
        assert len(corrupt) == (1 if spoil != b"" else 0)  # an empty file is a new database, nothing is lost with it
        for one in corrupt:
            assert one.kept_at.read_bytes() == damaged
        assert store.load_all() == {}
        assert database.problem is None
        store.put(UID, HISTORY)
    async with opened(path) as (_, store):
        assert store.load_all() == {UID: HISTORY}


async def test_a_full_disk_never_reaches_the_caller_and_is_caught_up_with(tmp_path: Path) -> None:
    path = tmp_path / "podstead.db"
    async with opened(path, max_bytes=250_000) as (database, store):
        for number in range(40):
            store.put(PodUID(f"u{number}"), big(number))
        await eventually(lambda: database.problem is not None)
        assert "full" in (database.problem or "")
        assert str(path) in (database.problem or "")
        assert not await store.intend(INTENT)
        assert store.intents(UID) == (INTENT,)
        assert len(store.load_all()) == 40
        for number in range(5, 40):
            store.remove(PodUID(f"u{number}"))
        await eventually(lambda: database.problem is None)
        assert await database.flush(60)
    async with opened(path) as (_, store):
        assert store.load_all() == {PodUID(f"u{number}"): big(number) for number in range(5)}
        assert store.intents(UID) == (INTENT,)


async def test_what_waits_is_bounded_by_what_lives(tmp_path: Path) -> None:
    async with opened(tmp_path / "podstead.db", max_bytes=1, max_pending=50) as (database, store):
        await eventually(lambda: database.problem is not None or database.pending == 0)
        for number in range(2000):
            uid = PodUID(f"u{number}")
            store.put(uid, HISTORY)
            store.remove(uid)
            assert database.pending <= 51 + 4


async def test_a_reduced_queue_still_tells_the_whole_truth(tmp_path: Path) -> None:
    path = tmp_path / "podstead.db"
    async with opened(path) as (database, store):
        store.put(PodUID("old"), HISTORY)
        assert await database.flush(60)
    async with opened(path, max_pending=10) as (database, store):
        store.remove(PodUID("old"))
        for number in range(100):
            store.put(PodUID(f"u{number % 8}"), big(number))
        database._refill()
        assert await database.flush(60)
    async with opened(path) as (_, store):
        assert set(store.load_all()) == {PodUID(f"u{number}") for number in range(8)}
        assert store.get(PodUID("u3")) == big(99)


async def test_a_file_that_turns_corrupt_at_work_is_filled_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "podstead.db"
    async with opened(path) as (database, store):
        store.put(UID, HISTORY)
        assert await database.flush(60)
        execute = database._connection.execute
        failures = [sqlite3.DatabaseError("database disk image is malformed")]
        failures[0].sqlite_errorcode = sqlite3.SQLITE_CORRUPT

        def corrupt_once(statements: Iterable[Statement]) -> None:
            if failures:
                raise failures.pop()
            execute(statements)

        monkeypatch.setattr(database._connection, "execute", corrupt_once)
        store.put(PodUID("u2"), HISTORY)
        await eventually(lambda: database.pending == 0 and not failures and database.problem is None)
        assert await database.flush(60)
        assert len(database.take_corrupt()) == 1
    async with opened(path) as (_, store):
        assert store.load_all() == {UID: HISTORY, PodUID("u2"): HISTORY}


@pytest.mark.parametrize("replaced", [False, True])
async def test_a_file_that_is_removed_at_work_is_made_anew(tmp_path: Path, replaced: bool) -> None:
    """SQLite writes on without a word, and nothing of it is there after the agent's next start."""
    path = tmp_path / "podstead.db"
    async with opened(path) as (database, store):
        store.put(UID, HISTORY)
        assert await database.flush(60)
        for file in list(tmp_path.iterdir()):  # noqa: ASYNC240 - a temporary directory answers at once
            file.unlink()
        if replaced:
            path.write_bytes(b"")
        store.put(PodUID("u2"), HISTORY)
        await eventually(lambda: database.pending == 0 and database.problem is None)
        assert await database.flush(60)
        assert len(database.take_corrupt()) == 1
    async with opened(path) as (_, store):
        assert store.load_all() == {UID: HISTORY, PodUID("u2"): HISTORY}


async def test_a_directory_that_cannot_be_made_is_a_problem_until_it_can(tmp_path: Path) -> None:
    (tmp_path / "state").write_bytes(b"in the way")
    async with opened(tmp_path / "state" / "podstead.db") as (database, store):
        assert database.problem is not None
        store.put(UID, HISTORY)
        assert store.get(UID) == HISTORY
        (tmp_path / "state").unlink()
        await eventually(lambda: database.problem is None and database.pending == 0)
    async with opened(tmp_path / "state" / "podstead.db") as (_, store):
        assert store.load_all() == {UID: HISTORY}


async def test_a_value_that_sqlite_cannot_hold_does_not_end_the_writing(tmp_path: Path) -> None:
    async with opened(tmp_path / "podstead.db") as (database, store):
        database.write(("history", "x"), "INSERT INTO history VALUES (?, ?)", ("\udcff", b""))
        await eventually(lambda: database.problem is not None)
        store.put(UID, HISTORY)
        await eventually(lambda: database.problem is None)
        assert await database.flush(60)


async def test_a_newer_files_tables_are_used_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "podstead.db"
    async with opened(path) as (_, store):
        store.put(UID, HISTORY)
    with contextlib.closing(sqlite3.connect(path)) as later:
        later.executescript("ALTER TABLE history ADD COLUMN later TEXT; PRAGMA user_version = 99;")
    async with opened(path) as (_, store):
        assert store.load_all() == {UID: HISTORY}
        store.put(PodUID("u2"), HISTORY)
    with contextlib.closing(sqlite3.connect(path)) as later:
        assert later.execute("PRAGMA user_version").fetchone() == (99,)
        assert later.execute("SELECT count(*) FROM history").fetchone() == (2,)


async def test_a_row_that_is_not_understood_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "podstead.db"
    async with opened(path) as (_, store):
        store.put(UID, HISTORY)
    with contextlib.closing(sqlite3.connect(path)) as other, other:
        other.execute("INSERT INTO history VALUES ('broken', '{\"sandboxAttempt\": \"x\"}')")
    async with opened(path) as (_, store):
        assert store.load_all() == {UID: HISTORY}


def test_migrations_only_add() -> None:
    for script in MIGRATIONS:
        assert not {"DROP", "DELETE", "RENAME"} & set(script.upper().split())


async def test_closing_twice_and_flushing_nothing(tmp_path: Path) -> None:
    database = Database(tmp_path / "podstead.db", wall=wall)
    await database.open()
    assert await database.flush()
    await database.close()
    await database.close()
