from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from podstead.store import files
from podstead.store.facts import DIRECTORY, NODE_NAME, FactStore
from podstead.store.files import StoreError
from podstead.store.schema import CorruptError, Schema
from podstead.store.versions import BLOCK, ResourceVersions, StoredBlock

from .conftest import WALL, wall

if TYPE_CHECKING:
    from pathlib import Path


async def test_facts_survive_and_can_be_forgotten(tmp_path: Path) -> None:
    store = FactStore(tmp_path, wall=wall)
    assert await store.load() is None
    await store.put({NODE_NAME: "node1", DIRECTORY: "8:1/42"})
    await store.put({NODE_NAME: None})
    again = FactStore(tmp_path, wall=wall)
    await again.load()
    assert (again.get(NODE_NAME), again.get(DIRECTORY)) == (None, "8:1/42")


async def test_a_fact_that_could_not_be_written_is_not_held_for_true(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FactStore(tmp_path, wall=wall)
    await store.put({NODE_NAME: "node1"})

    def full(path: Path, data: bytes) -> None:
        raise StoreError("write", path, "No space left on device")

    monkeypatch.setattr(files, "write", full)
    with pytest.raises(StoreError):
        await store.put({NODE_NAME: "node2"})
    assert store.get(NODE_NAME) == "node1"
    await store.put({NODE_NAME: "node1"})  # what is so already is not written


async def test_corrupt_facts_are_set_aside_and_reported(tmp_path: Path) -> None:
    (tmp_path / "facts.json").write_bytes(b'{"schema": 1, "facts": [')
    store = FactStore(tmp_path, wall=wall)
    corrupt = await store.load()
    assert corrupt is not None
    assert corrupt.kept_at.exists()
    assert store.get(NODE_NAME) is None


def test_an_old_document_goes_through_every_migration() -> None:
    schema = Schema(
        type=StoredBlock,
        version=3,
        migrations={1: lambda old: {"till": old["to"]}, 2: lambda old: {"end": old["till"]}},
    )
    assert schema.decode(b'{"schema": 1, "to": 5}') == StoredBlock(end=5)
    assert schema.decode(b'{"schema": 2, "till": 6}') == StoredBlock(end=6)
    assert schema.decode(schema.encode(StoredBlock(end=7))) == StoredBlock(end=7)
    with pytest.raises(CorruptError, match="its schema 1 is not known here"):
        Schema(type=StoredBlock, version=2).decode(b'{"schema": 1, "end": 1}')


async def started(path: Path, at: float) -> ResourceVersions:
    versions = ResourceVersions(path, wall=lambda: at)
    await versions.open()
    return versions


async def test_versions_rise_over_restarts_even_with_the_clock_in_1970(tmp_path: Path) -> None:
    first = await started(tmp_path, WALL)
    given = [first.next() for _ in range(5)]
    assert given == sorted(set(given))
    second = await started(tmp_path, 0.0)
    assert second.next() > given[-1]
    third = await started(tmp_path, WALL + 10**6)
    assert third.next() > second.next()


async def test_versions_rise_without_the_file_as_long_as_the_clock_does(tmp_path: Path) -> None:
    first = await started(tmp_path / "one", WALL)
    last = [first.next() for _ in range(900)][-1]
    second = await started(tmp_path / "two", WALL + 1.0)
    assert second.next() > last


async def test_a_block_is_extended_before_it_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writes: list[Path] = []
    write = files.write

    def counted(path: Path, data: bytes) -> None:
        writes.append(path)
        write(path, data)

    monkeypatch.setattr(files, "write", counted)
    versions = await started(tmp_path, WALL)
    await versions.reserve()
    assert len(writes) == 1
    for _ in range(BLOCK // 2 + 1):
        versions.next()
    await versions.reserve()
    await versions.reserve()
    assert len(writes) == 2
    restarted = await started(tmp_path, 0.0)
    assert restarted.next() > versions.current


async def test_a_disk_that_refuses_is_a_problem_and_no_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> None:
        raise StoreError("write", path, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(files, "write", full)
        versions = await started(tmp_path, WALL)
        assert versions.problem is not None
        assert "No space left" in versions.problem
        assert versions.next() > WALL * 1000
    await versions.reserve()
    assert versions.problem is None


async def test_a_corrupt_block_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / "versions.json").write_bytes(b"\x00")
    versions = await started(tmp_path, WALL)
    assert versions.next() == int(WALL * 1000) + 1
    assert [name for name in files.names(tmp_path) if name.endswith(".corrupt")] != []
