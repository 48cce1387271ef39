"""The stores on a file system that is really full: class A says so and changes nothing, class B waits in memory."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from podstead.identity import PodKey, PodUID, RevisionID
from podstead.state.records import Claim, ContainerHistory, PodHistory, PodRecord
from podstead.store import files
from podstead.store.database import Database
from podstead.store.files import StoreError
from podstead.store.history import HistoryStore
from podstead.store.records import RecordStore
from podstead.store.versions import ResourceVersions
from tests.real.mounts import mount, unmount

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.real

RECORD = PodRecord(
    key=PodKey("default", "mysql-node1"), uid=PodUID("u"), claim=Claim(file="f", document=0), created_at=0.0
)
HISTORY = PodHistory(containers={"c": ContainerHistory(restart_count=6)})


@pytest.fixture
def disk() -> Iterator[Path]:
    """A tmpfs of one MiB."""
    place = Path(tempfile.mkdtemp(prefix="ps-", dir="/tmp"))
    mount("tmpfs", place, "tmpfs", options="size=1m")
    yield place
    unmount(place, lazily=True)
    shutil.rmtree(place)


def fill(disk: Path) -> Path:
    """Write until nothing more fits."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for _ in range(4096):
            try:
                file.write(b"\0" * 4096)
            except OSError:
                return ballast
    pytest.fail("the disk does not fill")


def wall() -> float:
    return 1_795_400_000.0


async def caught_up(database: Database) -> None:
    async with asyncio.timeout(10):
        while database.problem is not None or database.pending:  # noqa: ASYNC110 - a thread's work, no event to wait for
            await asyncio.sleep(0.05)


async def test_records_stay_as_they_were(disk: Path) -> None:
    store = RecordStore(disk, wall=wall)
    await store.put(RECORD)
    ballast = fill(disk)
    with pytest.raises(StoreError, match="No space left on device"):
        await store.put(replace(RECORD, effective=RevisionID("aa")))
    loaded = await RecordStore(disk, wall=wall).load()
    assert (loaded.records, loaded.corrupt) == ((RECORD,), ())
    ballast.unlink()
    await store.put(replace(RECORD, terminating=True))
    assert (await store.load()).records == (replace(RECORD, terminating=True),)


async def test_history_waits_and_catches_up(disk: Path) -> None:
    path = disk / "podstead.db"
    database = Database(path, wall=wall, retry_seconds=0.05)
    store = HistoryStore(database)
    await database.open()
    try:
        store.put(PodUID("before"), HISTORY)
        assert await database.flush(5)
        ballast = fill(disk)
        for number in range(500):
            store.put(PodUID(f"u{number}"), HISTORY)
        assert not await database.flush(5)
        assert database.problem is not None
        assert str(path) in database.problem
        assert len(store.load_all()) == 501
        ballast.unlink()
        await caught_up(database)
    finally:
        await database.close()
    other = sqlite3.connect(path)
    try:
        assert other.execute("SELECT count(*) FROM history").fetchone() == (501,)
        assert other.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    finally:
        other.close()


async def test_a_database_opened_on_a_full_disk_comes_into_being_later(disk: Path) -> None:
    ballast = fill(disk)
    database = Database(disk / "podstead.db", wall=wall, retry_seconds=0.05)
    store = HistoryStore(database)
    await database.open()
    try:
        store.put(PodUID("u"), HISTORY)
        assert not await database.flush(5)
        assert database.problem is not None
        ballast.unlink()
        await caught_up(database)
    finally:
        await database.close()
    assert not [name for name in files.names(disk) if name.endswith(".corrupt")]


async def test_versions_rise_on_a_full_disk(disk: Path) -> None:
    first = ResourceVersions(disk, wall=wall)
    await first.open()
    fill(disk)
    second = ResourceVersions(disk, wall=lambda: 0.0)
    await second.open()
    assert second.problem is not None
    assert second.next() > first.next()
