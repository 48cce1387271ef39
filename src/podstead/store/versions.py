"""Resource versions that never fall, over restarts, a full disk and a clock that jumps (foundation 25)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from podstead.store import files
from podstead.store.schema import CorruptError, Schema

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BLOCK = 1_000_000
"""Versions reserved by one durable write: weeks of an ordinary node."""


class StoredBlock(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Every version below `end` may have been given out."""

    end: int


SCHEMA = Schema(type=StoredBlock, version=1)


class ResourceVersions:
    """Counts up from the end of the last reserved block, or from the wall clock in milliseconds where that is higher.

    The clock covers what the file cannot: a root directory made anew, and versions beyond a block that a full disk
    keeps from being extended (it would take a thousand changes a second to outrun it).
    """

    def __init__(self, state: Path, *, wall: Callable[[], float]) -> None:
        self._path = state / "versions.json"
        self._wall = wall
        self._current = 0
        self._end = 0
        self._problem: str | None = None

    @property
    def problem(self) -> str | None:
        """Why the block at hand could not be reserved; None while all is well."""
        return self._problem

    @property
    def current(self) -> int:
        """The version given out last; before the first one, the one that the count starts after."""
        return self._current

    async def open(self) -> None:
        """Find the start and reserve the first block; never raises for a state of the disk."""
        self._current = max(await asyncio.to_thread(self._read), int(self._wall() * 1000))
        await self._extend()

    def next(self) -> int:
        """Return a version higher than every one before."""
        self._current += 1
        return self._current

    async def reserve(self) -> None:
        """Reserve another block when half of this one is used; called now and then by whoever keeps house."""
        if self._end - self._current < BLOCK // 2:
            await self._extend()

    async def _extend(self) -> None:
        end = self._current + BLOCK
        try:
            await asyncio.to_thread(self._write, end)
        except files.StoreError as error:
            self._problem = str(error)
        else:
            self._end, self._problem = end, None

    def _write(self, end: int) -> None:
        files.make_directory(self._path.parent)
        files.write(self._path, SCHEMA.encode(StoredBlock(end=end)))

    def _read(self) -> int:
        try:
            data = files.read(self._path)
            return 0 if data is None else SCHEMA.decode(data).end
        except files.StoreError as error:
            self._problem = str(error)
        except CorruptError:
            files.set_aside(self._path, self._wall())
        return 0
