"""Checkpoints appended to a file: of another disk, of a file system that another machine exports."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from podstead.audit.patience import Patience
from podstead.threads import PathThreads

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from podstead.audit.checkpoint import Checkpoint
    from podstead.audit.writer import Written
    from podstead.clock import Clock

MODE = 0o600
MAX_WAITING = 64
CLOSE_SECONDS = 5.0
WRITE_SECONDS = 30.0
RETRY_SECONDS = 30.0


class AnchorFile:
    """Appends a line a checkpoint. The file may lie on a file system that is away: nothing waits for it."""

    name = "checkpoint file"

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._patience = Patience(clock)
        self._threads = PathThreads(max_stuck=1)
        self._waiting: deque[str] = deque()
        self._task: asyncio.Task[None] | None = None
        self._lost = 0

    @property
    def problem(self) -> str:
        """Why nothing could be written for long."""
        return self._patience.problem

    def take(self, records: Sequence[Written], checkpoint: Checkpoint) -> None:
        """Write the checkpoint of an alarm."""
        if any(record.entry.is_alarm for record in records):
            self.anchor(checkpoint, records[-1].at.wall)

    def anchor(self, checkpoint: Checkpoint, at: float) -> None:
        """Write a checkpoint."""
        if len(self._waiting) >= MAX_WAITING:
            self._waiting.popleft()  # a later one fixes more
            self._lost += 1
        stamp = datetime.fromtimestamp(int(at), tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._waiting.append(f"{stamp} {checkpoint}\n")
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._write(), name="audit-anchor")

    def take_lost(self) -> int:
        """Return how many were given up."""
        lost, self._lost = self._lost, 0
        return lost

    async def close(self) -> None:
        """Wait a moment for what is being written."""
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=CLOSE_SECONDS)
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _write(self) -> None:
        """Write until nothing waits."""
        while self._waiting:
            lines = list(self._waiting)
            try:
                await self._threads.run("anchor", partial(self._append, "".join(lines)), WRITE_SECONDS)
            except OSError as error:
                self._patience.failed(f"{self._path}: {error.strerror or error}")
                await self._clock.sleep(RETRY_SECONDS)
            else:
                self._patience.worked()
                self._waiting = deque(line for line in self._waiting if line not in lines)

    def _append(self, text: str) -> None:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, MODE)
        try:
            left = memoryview(text.encode())
            while left:
                left = left[os.write(descriptor, left) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
