"""The ConfigMaps and Secrets that the node took last: with them containers start again whatever became of the files.

One file an object, `STATE/objects/KIND_NAMESPACE_NAME.json`, 0600 as everything here. Class A (foundation 21): an object
is on disk before a pod gets to see it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from podstead.state.objects import HeldObject, LocalObject, ObjectKey, ObjectKind, digest_of
from podstead.store import files
from podstead.store.schema import CorruptError, CorruptFile, Schema

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class StoredObject(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One file's content; `data` is base64 by key, `since` Unix seconds."""

    kind: ObjectKind
    namespace: str
    name: str
    data: dict[str, bytes]
    file: str
    binary: tuple[str, ...] = ()
    type: str = ""
    immutable: bool = False
    document: int = 1
    since: float = 0.0
    gone: bool = False


SCHEMA = Schema(type=StoredObject, version=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedObjects:
    """What a start found."""

    objects: tuple[HeldObject, ...]
    corrupt: tuple[CorruptFile, ...] = ()


class LocalObjectStore:
    """Keeps local objects under `STATE/objects`. `wall` gives Unix seconds, for the names of corrupt files."""

    def __init__(self, state: Path, *, wall: Callable[[], float]) -> None:
        self._directory = state / "objects"
        self._wall = wall

    async def load(self) -> LoadedObjects:
        """Return all objects; a corrupt file is set aside and reported.

        Raises:
            StoreError: a file cannot be read.
        """
        return await asyncio.to_thread(self._load)

    async def put(self, *objects: HeldObject) -> None:
        """Write objects in one durable batch.

        Raises:
            StoreError: they could not all be written; each file is as it was or as it shall be.
        """
        await asyncio.to_thread(self._put, objects)

    async def remove(self, *keys: ObjectKey) -> None:
        """Forget objects durably; one that is not there is no error.

        Raises:
            StoreError: a file cannot be removed.
        """
        await asyncio.to_thread(files.remove, *map(self._path, keys))

    def _path(self, key: ObjectKey) -> Path:
        name = f"{key.kind}_{files.segment(key.namespace, 63)}_{files.segment(key.name, 150)}.json"
        return self._directory / name

    def _load(self) -> LoadedObjects:
        files.sweep(self._directory)
        objects: list[HeldObject] = []
        corrupt: list[CorruptFile] = []
        for name in files.names(self._directory):
            path = self._directory / name
            if path.suffix != ".json":
                continue
            data = files.read(path)
            try:
                objects.append(_held(SCHEMA.decode(data or b"")))
            except CorruptError as error:
                kept = files.set_aside(path, self._wall())
                corrupt.append(CorruptFile(path=path, kept_at=kept, reason=str(error)))
        return LoadedObjects(objects=tuple(objects), corrupt=tuple(corrupt))

    def _put(self, objects: tuple[HeldObject, ...]) -> None:
        files.make_directory(self._directory)
        files.write_many([files.Write(path=self._path(one.key), data=SCHEMA.encode(_stored(one))) for one in objects])


def _stored(one: HeldObject) -> StoredObject:
    key, given = one.key, one.object
    return StoredObject(
        kind=key.kind,
        namespace=key.namespace,
        name=key.name,
        data=dict(given.data),
        binary=tuple(sorted(given.binary)),
        type=given.type,
        immutable=given.immutable,
        file=one.file,
        document=one.document,
        since=one.since,
        gone=one.gone,
    )


def _held(stored: StoredObject) -> HeldObject:
    return HeldObject(
        object=LocalObject(
            key=ObjectKey(kind=stored.kind, namespace=stored.namespace, name=stored.name),
            data=stored.data,
            digest=digest_of(stored.type, stored.data),
            type=stored.type,
            binary=frozenset(stored.binary),
            immutable=stored.immutable,
        ),
        file=stored.file,
        document=stored.document,
        since=stored.since,
        gone=stored.gone,
    )
