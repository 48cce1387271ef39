"""Facts about this instance that must not be guessed twice: the node's pinned name, the pod network, the directory.

They are class A and so a file, not a row: a database that turns corrupt must not make an unmounted manifest directory
look like the right one (foundation 9, 12 and 21).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from podstead.store import files
from podstead.store.schema import CorruptError, CorruptFile, Schema

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

NODE_NAME = "nodeName"
POD_CIDR = "podCIDR"
DIRECTORY = "directory"
DIRECTORY_PATH = "directoryPath"
"""At which path that directory counted."""
OBJECTS_DIRECTORY = "objectsDirectory"
OBJECTS_PATH = "objectsPath"
BOOT_ID = "bootID"
IMPORTED_IMAGES = "importedImages"
PULLED_IMAGES = "pulledImages"
KNOWN_IMAGES = "knownImages"
RUNTIME_ENDPOINT = "runtimeEndpoint"
"""Of a runtime of somebody else's: there pods may run when no agent is left that was told of it."""
RUNTIME_DRIVER = "runtimeCgroupDriver"
"""What that runtime said of itself."""


class StoredFacts(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The file's content; what a value means is known to who put it."""

    facts: dict[str, str] = msgspec.field(default_factory=dict)


SCHEMA = Schema(type=StoredFacts, version=1)


class FactStore:
    """Keeps short texts by name in `STATE/facts.json`. `wall` gives Unix seconds, for the name of a corrupt file."""

    def __init__(self, state: Path, *, wall: Callable[[], float]) -> None:
        self._path = state / "facts.json"
        self._wall = wall
        self._facts: dict[str, str] = {}
        self._writing = asyncio.Lock()

    async def load(self) -> CorruptFile | None:
        """Read the facts; a corrupt file is set aside and returned, and there are no facts then.

        Raises:
            StoreError: the file is there and cannot be read.
        """
        return await asyncio.to_thread(self._load)

    def get(self, name: str) -> str | None:
        """Return a fact, None where it has not been put."""
        return self._facts.get(name)

    async def put(self, facts: Mapping[str, str | None]) -> None:
        """Write facts durably, all or none; None forgets one. What is so already costs nothing.

        Raises:
            StoreError: they could not be written; the facts are as before.
        """
        async with self._writing:
            merged = {**self._facts, **facts}
            updated = {name: value for name, value in merged.items() if value is not None}
            if updated == self._facts:
                return
            await asyncio.to_thread(self._write, updated)
            self._facts = updated

    def _write(self, facts: dict[str, str]) -> None:
        files.make_directory(self._path.parent)
        files.write(self._path, SCHEMA.encode(StoredFacts(facts=facts)))

    def _load(self) -> CorruptFile | None:
        data = files.read(self._path)
        if data is None:
            return None
        try:
            self._facts = SCHEMA.decode(data).facts
        except CorruptError as error:
            kept = files.set_aside(self._path, self._wall())
            return CorruptFile(path=self._path, kept_at=kept, reason=str(error))
        return None
