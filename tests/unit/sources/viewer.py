"""Watches a directory with the real source and keeps every snapshot, for the tests of this room."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Self

from podstead.clock import SystemClock
from podstead.config.sources import SourceSettings
from podstead.sources.directory import DirectorySource
from podstead.sources.entry import inspect_entry
from podstead.sources.timing import Timing

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path
    from types import TracebackType

    from podstead.sources.looker import Inspect
    from podstead.state.sources import ManifestFile, SourceSnapshot

QUICK = Timing(settle_seconds=0.3, recheck_seconds=0.05, retry_seconds=0.1, debounce_seconds=0.03)


def settings(path: Path, **changes: float) -> SourceSettings:
    """Settings with waits short enough for a test."""
    values = {"check_seconds": 5.0, "absence_seconds": 0.3, "read_seconds": 0.4, **changes}
    return SourceSettings(path=path, **values)  # type: ignore[arg-type]  # counts are given as integers


class Viewer:
    """Runs one source; `seen` are its snapshots with the monotonic time each came."""

    def __init__(
        self,
        where: SourceSettings,
        *,
        known: str | None = None,
        known_at: str | None = None,
        expected: Collection[str] = (),
        inspect: Inspect = inspect_entry,
        timing: Timing = QUICK,
    ) -> None:
        self.expected = expected
        self.source = DirectorySource(
            where,
            SystemClock(),
            known_identity=known,
            known_at=known_at,
            expected=lambda: self.expected,
            inspect=inspect,
            timing=timing,
        )
        self.seen: list[tuple[float, SourceSnapshot]] = []
        self._news = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.get_running_loop().create_task(self._consume())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _consume(self) -> None:
        async with contextlib.aclosing(self.source.snapshots()) as snapshots:
            async for snapshot in snapshots:
                async with self._news:
                    self.seen.append((time.monotonic(), snapshot))
                    self._news.notify_all()

    async def until(self, met: Callable[[SourceSnapshot], bool], seconds: float = 60.0) -> SourceSnapshot:
        """Wait for the last snapshot to fulfil a condition and return it."""
        try:
            async with asyncio.timeout(seconds), self._news:
                await self._news.wait_for(lambda: bool(self.seen) and met(self.seen[-1][1]))
        except TimeoutError:
            assert self._task is not None
            if self._task.done():
                self._task.result()
            raise AssertionError(f"not seen in {seconds} s; last was {self.seen[-1:]}") from None
        return self.seen[-1][1]

    async def content(self, name: str, data: bytes, seconds: float = 60.0) -> SourceSnapshot:
        """Wait until the file has this content."""
        return await self.until(lambda snapshot: data_of(snapshot, name) == data, seconds)

    def ever_gone(self, name: str) -> bool:
        """Return whether any snapshot said that the file is gone."""
        return any(snapshot.gone(name) for _, snapshot in self.seen)

    def contents(self, name: str) -> list[bytes | None]:
        """Return the contents the file had over time, repetitions left out."""
        contents: list[bytes | None] = []
        for _, snapshot in self.seen:
            data = data_of(snapshot, name)
            if not contents or contents[-1] != data:
                contents.append(data)
        return contents


def file_of(snapshot: SourceSnapshot, name: str) -> ManifestFile | None:
    """Return the entry of this name."""
    return next((file for file in snapshot.files if file.name == name), None)


def data_of(snapshot: SourceSnapshot, name: str) -> bytes | None:
    """Return the bytes of the file, None where there are none."""
    file = file_of(snapshot, name)
    return file.data if file is not None else None


def reason_of(snapshot: SourceSnapshot, name: str) -> str:
    """Return the reason of the entry, "" where it has content or is absent."""
    file = file_of(snapshot, name)
    return file.reason if file is not None else ""
