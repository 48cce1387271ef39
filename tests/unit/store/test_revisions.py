from __future__ import annotations

import json
import stat
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podstead.identity import PodKey, RevisionID
from podstead.store.files import StoreError
from podstead.store.revisions import RevisionStore, StoredRevision

from .conftest import wall

if TYPE_CHECKING:
    from pathlib import Path

KEY = PodKey("default", "mysql-node1")
PASSWORD = b"canary-Password-1"
ONE = StoredRevision(
    id=RevisionID("0011223344556677"),
    key=KEY,
    data=b"kind: Pod # " + PASSWORD + b"\xff\n",
    file="mysql.yaml",
    document=1,
    owner="root",
    seen_at=5.5,
)


def numbered(number: int) -> StoredRevision:
    return replace(ONE, id=RevisionID(f"{number:016x}"), data=b"%d" % number, seen_at=float(number))


async def test_a_revision_comes_back_byte_for_byte(tmp_path: Path) -> None:
    await RevisionStore(tmp_path, wall=wall).put(ONE)
    store = RevisionStore(tmp_path, wall=wall)
    assert await store.get(KEY, ONE.id) == ONE
    assert await store.get(KEY, RevisionID("ffff")) is None
    assert await store.get(PodKey("other", "mysql-node1"), ONE.id) is None


async def test_what_may_hold_a_password_is_closed_to_others_and_not_printed(tmp_path: Path) -> None:
    await RevisionStore(tmp_path, wall=wall).put(ONE)
    directory = tmp_path / "revisions" / "default" / "mysql-node1"
    assert sorted(path.name for path in directory.iterdir()) == [f"{ONE.id}.json", f"{ONE.id}.yaml"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()} == {0o600}
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert PASSWORD not in (directory / f"{ONE.id}.json").read_bytes()
    assert PASSWORD.decode() not in repr(ONE)


async def test_a_document_without_its_description_counts_for_nothing(tmp_path: Path) -> None:
    store = RevisionStore(tmp_path, wall=wall)
    await store.put(ONE)
    (tmp_path / "revisions" / "default" / "mysql-node1" / f"{ONE.id}.json").unlink()
    assert await store.get(KEY, ONE.id) is None
    assert await store.list(KEY) == ()
    await store.put(ONE)
    assert await store.get(KEY, ONE.id) == ONE


@pytest.mark.parametrize("spoilt", ["yaml", "json"])
async def test_a_corrupt_revision_is_set_aside_and_reported_once(tmp_path: Path, spoilt: str) -> None:
    store = RevisionStore(tmp_path, wall=wall)
    await store.put(ONE, numbered(1))
    path = tmp_path / "revisions" / "default" / "mysql-node1" / f"{ONE.id}.{spoilt}"
    path.write_bytes(b"{torn")
    assert await store.get(KEY, ONE.id) is None
    (corrupt,) = store.take_corrupt()
    assert corrupt.path == path
    assert corrupt.kept_at.read_bytes() == b"{torn"
    assert store.take_corrupt() == ()
    assert [revision.id for revision in await store.list(KEY)] == [numbered(1).id]


async def test_a_newer_description_is_read_as_far_as_it_is_known(tmp_path: Path) -> None:
    store = RevisionStore(tmp_path, wall=wall)
    await store.put(ONE)
    path = tmp_path / "revisions" / "default" / "mysql-node1" / f"{ONE.id}.json"
    path.write_text(json.dumps({**json.loads(path.read_bytes()), "schema": 7, "signer": "later"}))
    assert await store.get(KEY, ONE.id) == ONE


async def test_the_newest_come_first(tmp_path: Path) -> None:
    store = RevisionStore(tmp_path, wall=wall)
    await store.put(numbered(2), numbered(9), numbered(4))
    assert [revision.seen_at for revision in await store.list(KEY)] == [9.0, 4.0, 2.0]


@settings(max_examples=40)
@given(st.integers(0, 14), st.integers(0, 12), st.sets(st.integers(0, 20), max_size=5))
async def test_pruning_spares_the_named_and_the_newest(
    tmp_path_factory: pytest.TempPathFactory, count: int, limit: int, named: set[int]
) -> None:
    store = RevisionStore(tmp_path_factory.mktemp("r"), wall=wall)
    await store.put(*(numbered(number) for number in range(count)))
    keep = {RevisionID(f"{number:016x}") for number in named}
    removed = await store.prune(KEY, keep, limit)
    left = {revision.id for revision in await store.list(KEY)}
    newest = {numbered(number).id for number in range(max(0, count - limit), count)}
    everything = {numbered(number).id for number in range(count)}
    assert left == newest | (keep & everything)
    assert set(removed) == everything - left
    assert await store.prune(KEY, keep, limit) == ()


async def test_forgetting_a_pod_leaves_the_others(tmp_path: Path) -> None:
    store = RevisionStore(tmp_path, wall=wall)
    other = replace(ONE, key=PodKey("default", "web-node1"))
    await store.put(ONE, other)
    await store.forget(KEY)
    assert await store.list(KEY) == ()
    assert await store.list(other.key) == (other,)


async def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "revisions").write_bytes(b"")
    with pytest.raises(StoreError, match=r"cannot make .*revisions"):
        await RevisionStore(tmp_path, wall=wall).put(ONE)
