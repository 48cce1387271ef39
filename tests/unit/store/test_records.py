from __future__ import annotations

import dataclasses
import json
import stat
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podstead.identity import PodKey, PodUID, RevisionID
from podstead.state.records import Claim, Completion, Eviction, PodRecord, Progress, Rollback, RollbackReason, Turn
from podstead.store import files
from podstead.store.records import RecordStore, StoredRecord

from .conftest import wall

if TYPE_CHECKING:
    from pathlib import Path

KEY = PodKey("default", "mysql-node1")
FULL = PodRecord(
    key=KEY,
    uid=PodUID("11111111-2222-3333-4444-555555555555"),
    claim=Claim(file="mysql\udcff.yaml", document=2),
    created_at=1.5,
    effective=RevisionID("aa"),
    candidate=RevisionID("bb"),
    last_ready=RevisionID("cc"),
    terminating=True,
    start_time=2.5,
    start_boot=3.5,
    start_boot_id="boot",
    completion=Completion(phase="Failed", reason="DeadlineExceeded", message="late"),
    api_uid="66666666",
    stopped=True,
    rollback=Rollback(passed_over=RevisionID("dd"), reason=RollbackReason.PROGRESS_DEADLINE, at=3.5),
    evicted=Eviction(signal="memory.available", message="m", at=3.5, boot_id="boot", since=2.5, grace_seconds=1),
    progress=Progress(boot_id="boot", since=4.5, expired=True),
    turns=(Turn(revision=RevisionID("dd"), at=5.5, failed=True), Turn(revision=RevisionID("aa"), at=6.5)),
    replaced={"main": 3},
)


def only_file(directory: Path) -> Path:
    (name,) = files.names(directory / "records")
    return directory / "records" / name


async def test_every_field_survives(tmp_path: Path) -> None:
    store = RecordStore(tmp_path, wall=wall)
    plain = PodRecord(key=PodKey("a", "b"), uid=PodUID("u"), claim=Claim(file="f", document=0), created_at=0.0)
    await store.put(FULL, plain)
    loaded = await RecordStore(tmp_path, wall=wall).load()
    assert loaded.records == (plain, FULL)
    assert loaded.corrupt == ()


def test_no_field_of_a_record_is_forgotten() -> None:
    """A field added to PodRecord must be stored too: this list is compared, not maintained by memory."""
    flat = {field.name for field in dataclasses.fields(PodRecord)} - {"key", "claim"}
    assert set(StoredRecord.__struct_fields__) == flat | {"namespace", "name", "file", "document"}
    defaults = PodRecord(key=KEY, uid=PodUID("u"), claim=FULL.claim, created_at=0.0)
    untouched = [f.name for f in dataclasses.fields(PodRecord) if getattr(FULL, f.name) == getattr(defaults, f.name)]
    assert untouched == ["key", "claim"]


async def test_a_record_is_its_owners_alone_and_says_whose_it_is(tmp_path: Path) -> None:
    await RecordStore(tmp_path, wall=wall).put(FULL)
    path = only_file(tmp_path)
    assert path.name == "default_mysql-node1_11111111-2222-3333-4444-555555555555.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_put_replaces_and_remove_forgets_one_incarnation(tmp_path: Path) -> None:
    store = RecordStore(tmp_path, wall=wall)
    following = dataclasses.replace(FULL, uid=PodUID("next"), terminating=False, created_at=9.0)
    await store.put(FULL)
    await store.put(dataclasses.replace(FULL, effective=RevisionID("dd")), following)
    assert [r.effective for r in (await store.load()).records] == ["dd", "aa"]
    await store.remove(KEY, FULL.uid)
    await store.remove(KEY, FULL.uid)
    assert (await store.load()).records == (following,)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"{}", b'{"schema": 1}', b'{"schema": "1"}', b'{"schema": 0}', b"\xff\x00", b"[" * 5000,
     b'{"schema": 1, "namespace": 7, "name": "x", "uid": "u", "file": "f", "document": 0, "createdAt": 0}'],
)  # fmt: skip
async def test_a_corrupt_file_is_set_aside_and_the_others_are_read(tmp_path: Path, content: bytes) -> None:
    store = RecordStore(tmp_path, wall=wall)
    await store.put(FULL)
    broken = tmp_path / "records" / "broken.json"
    broken.write_bytes(content)
    loaded = await store.load()
    assert loaded.records == (FULL,)
    (corrupt,) = loaded.corrupt
    assert corrupt.path == broken
    assert corrupt.kept_at.read_bytes() == content
    assert corrupt.kept_at.name.endswith(".corrupt")
    assert corrupt.reason
    again = await store.load()
    assert (again.records, again.corrupt) == ((FULL,), ())


async def test_a_file_that_cannot_be_read_is_no_absence(tmp_path: Path) -> None:
    store = RecordStore(tmp_path, wall=wall)
    await store.put(FULL)
    (tmp_path / "records" / "x.json").mkdir()
    with pytest.raises(files.StoreError, match=r"x\.json: Is a directory"):
        await store.load()


async def test_a_newer_schema_is_read_as_far_as_it_is_known(tmp_path: Path) -> None:
    store = RecordStore(tmp_path, wall=wall)
    await store.put(FULL)
    path = only_file(tmp_path)
    document = json.loads(path.read_bytes())
    path.write_text(json.dumps({**document, "schema": 99, "invented": {"later": [1, 2]}}))
    assert (await store.load()).records == (FULL,)


async def test_what_version_1_wrote_is_read(tmp_path: Path) -> None:
    """Golden state: the bytes of the first release, written down here and never generated."""
    directory = tmp_path / "records"
    directory.mkdir()
    (directory / "default_web-n_u1.json").write_text(
        '{"schema": 1, "namespace": "default", "name": "web-n", "uid": "u1", "file": "web.yaml", "document": 1,'
        ' "createdAt": 12.5, "effective": "0011223344556677", "candidate": null, "lastReady": null,'
        ' "terminating": false, "startTime": 13.0}'
    )
    assert (await RecordStore(tmp_path, wall=wall).load()).records == (
        PodRecord(
            key=PodKey("default", "web-n"),
            uid=PodUID("u1"),
            claim=Claim(file="web.yaml", document=1),
            created_at=12.5,
            effective=RevisionID("0011223344556677"),
            start_time=13.0,
        ),
    )


@settings(max_examples=30)
@given(st.text(max_size=300), st.text(max_size=300), st.text(max_size=100), st.text(st.characters(categories=None)))
async def test_no_name_is_too_strange(
    tmp_path_factory: pytest.TempPathFactory, namespace: str, name: str, uid: str, file: str
) -> None:
    directory = tmp_path_factory.mktemp("r")
    store = RecordStore(directory, wall=wall)
    record = PodRecord(key=PodKey(namespace, name), uid=PodUID(uid), claim=Claim(file=file, document=0), created_at=0.0)
    await store.put(record)
    assert (await store.load()).records == (record,)
