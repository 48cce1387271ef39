"""Local objects on disk: read back as they were, their owner's alone, and set aside when they are corrupt."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from podstead.state.objects import HeldObject, LocalObject, ObjectKey, ObjectKind, digest_of
from podstead.store.local_objects import LoadedObjects, LocalObjectStore

if TYPE_CHECKING:
    from pathlib import Path

DATA = {"password": b"s3cret", "key.bin": bytes([0, 255, 10])}
CONFIG_KEY = ObjectKey(kind=ObjectKind.CONFIG_MAP, namespace="ns", name="web")
SECRET_KEY = ObjectKey(kind=ObjectKind.SECRET, namespace="default", name="x" * 253)


def held(key: ObjectKey, *, gone: bool = False) -> HeldObject:
    one = LocalObject(
        key=key,
        data=DATA,
        digest=digest_of("Opaque", DATA),
        type="Opaque",
        binary=frozenset({"key.bin"}),
        immutable=True,
    )
    return HeldObject(object=one, file="db.yaml", document=2, since=12.5, gone=gone)


@pytest.fixture
def store(tmp_path: Path) -> LocalObjectStore:
    return LocalObjectStore(tmp_path, wall=lambda: 0.0)


async def test_objects_are_read_back_as_they_were(store: LocalObjectStore) -> None:
    assert await store.load() == LoadedObjects(objects=())
    await store.put(held(CONFIG_KEY), held(SECRET_KEY, gone=True))
    assert (await store.load()).objects == (held(CONFIG_KEY), held(SECRET_KEY, gone=True))
    await store.put(held(SECRET_KEY))
    await store.remove(CONFIG_KEY, CONFIG_KEY)
    assert (await store.load()).objects == (held(SECRET_KEY),)


async def test_they_are_their_owners_alone(store: LocalObjectStore, tmp_path: Path) -> None:
    await store.put(held(SECRET_KEY))
    (path,) = (tmp_path / "objects").iterdir()
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


async def test_what_is_corrupt_is_set_aside_and_the_reason_holds_no_value(
    store: LocalObjectStore, tmp_path: Path
) -> None:
    await store.put(held(CONFIG_KEY), held(SECRET_KEY))
    path = tmp_path / "objects" / "ConfigMap_ns_web.json"
    document = json.loads(path.read_text()) | {"data": {"password": "hunter22!"}}
    path.write_text(json.dumps(document))
    loaded = await store.load()
    assert loaded.objects == (held(SECRET_KEY),)
    (corrupt,) = loaded.corrupt
    assert corrupt.kept_at.exists()
    assert not path.exists()
    assert "hunter22" not in corrupt.reason


async def test_what_a_newer_release_adds_is_passed_over(store: LocalObjectStore, tmp_path: Path) -> None:
    await store.put(held(CONFIG_KEY))
    path = tmp_path / "objects" / "ConfigMap_ns_web.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"later": 1}))
    assert (await store.load()).objects == (held(CONFIG_KEY),)
