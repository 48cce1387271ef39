"""The directory and the URL as one source: each look has the latest of both."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

from podstead.state.sources import SourceSnapshot

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from podstead.sources.directory import DirectorySource
    from podstead.sources.url import UrlSource


class JoinedSource:
    """Yields complete looks at a directory, where there is one, with what the URL gives beside its files."""

    def __init__(self, directory: DirectorySource | None, url: UrlSource) -> None:
        self._directory = directory
        self._url = url
        self._latest: SourceSnapshot | None = None
        self._changed = asyncio.Event()
        if directory is None:
            self._latest = SourceSnapshot(path=url.file.path, files=(), certain=True)

    async def snapshots(self) -> AsyncGenerator[SourceSnapshot, None]:
        """Yield a look when either has changed, for ever; the first when the directory has been looked at."""
        tasks = [asyncio.create_task(self._follow_url(), name="manifest URL")]
        if self._directory is not None:
            tasks.append(asyncio.create_task(self._follow_directory(self._directory), name="manifest directory"))
        self._changed.set()
        try:
            while True:
                await self._next(tasks)
                if self._latest is not None:
                    yield self._with_url(self._latest)
        finally:
            for task in tasks:
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait(tasks)

    async def _next(self, tasks: list[asyncio.Task[None]]) -> None:
        """Wait for a change; raises what ended one of the two."""
        waiting = asyncio.create_task(self._changed.wait())
        try:
            done, _ = await asyncio.wait([waiting, *tasks], return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        for task in done & set(tasks):
            task.result()
        self._changed.clear()

    async def _follow_directory(self, directory: DirectorySource) -> None:
        async with aclosing(directory.snapshots()) as snapshots:
            async for snapshot in snapshots:
                self._latest = snapshot
                self._changed.set()

    async def _follow_url(self) -> None:
        async with aclosing(self._url.changes()) as changes:
            async for _ in changes:
                self._changed.set()

    def _with_url(self, snapshot: SourceSnapshot) -> SourceSnapshot:
        url = self._url
        trouble = f"{url.file.name}: {url.trouble}; its pods stay as they are" if url.trouble else ""
        return replace(
            snapshot,
            files=tuple(sorted((*snapshot.files, url.file), key=lambda file: file.name)),
            notes=(*snapshot.notes, *([trouble] if trouble else ())),
        )
