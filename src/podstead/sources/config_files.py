"""Files of the node that pods name as their configuration: when their content changes, and what it is now, by digest.

inotify on their directories tells at once; a look now and then finds what it could not tell (another file system, a link
whose target was exchanged, a directory that came later). A content counts when its writer is done with it, or when it
has been still for a moment, so that no half of a write restarts anybody. Contents are digested and never kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import os
import stat
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from podstead.sources.entry import Stamp
from podstead.sources.neighbours import Neighbours, Touch
from podstead.state.inputs import ABSENT, DIGITS
from podstead.threads import PathThreads, StuckError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from podstead.clock import Clock

MOST_FILES = 1024
"""Of all pods together; beyond that the last ones by name are not watched. 300 pods name three each then."""
MOST_BYTES = 16 << 20
"""A larger file is no configuration: it is told apart by its stat alone."""
AT_ONCE = 8
"""Files looked at side by side, so that one on a silent file system holds up few others."""
ANSWER_SECONDS = 5.0
_OPEN_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


@dataclass(frozen=True, slots=True, kw_only=True)
class FileTiming:
    """Seconds; the defaults are what the agent uses, tests make them shorter."""

    period: float = 20.0
    """Between looks at all files (kubelet: fileCheckFrequency)."""
    debounce: float = 0.1
    """From an event to the look: an editor's save is several events."""
    settle: float = 1.0
    """How long a file whose writer nobody saw closing it must have been still."""


class _Reading(Enum):
    """Which contents count."""

    NOW = "now"
    """Whatever stands there."""
    CLOSED = "closed"
    """One whose writer was seen to close it."""
    SETTLED = "settled"
    """One that has been still for a moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Content:
    """What a look found: `stamp` is None where there is no file."""

    digest: str
    stamp: Stamp | None = None


class ConfigFiles:
    """Watches what `wanted` names; `on_change` is called with the paths whose content is another than before."""

    def __init__(self, wanted: Callable[[], Iterable[str]], clock: Clock, timing: FileTiming | None = None) -> None:
        self._wanted = wanted
        self._clock = clock
        self._timing = timing or FileTiming()
        self._threads = PathThreads()
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._contents: dict[str, _Content] = {}
        self._due: dict[str, bool] = {}
        """The files to look at next, and whether a writer was seen to close them."""
        self._wake = asyncio.Event()
        self._lost = False
        self._neighbours = Neighbours(self._touched, self._lose)
        self.on_change: Callable[[frozenset[str]], None] = lambda _: None
        self.overflow = 0
        """How many files are not watched because there are too many."""

    @property
    def trouble(self) -> str | None:
        """Why changes are found by looking only; None while they are told."""
        return self._neighbours.trouble

    def digest(self, path: str) -> str | None:
        """Return the digest of a file's content, ABSENT where there is none, None as long as nothing is known of it."""
        found = self._contents.get(path)
        return found.digest if found is not None else None

    async def refresh(self, paths: Iterable[str]) -> None:
        """Look at these files now, finished or not: what starts now reads what stands there now."""
        before = {path: self.digest(path) for path in paths}
        await asyncio.gather(*(self._look(path, _Reading.NOW) for path in before))
        if changed := frozenset(path for path, old in before.items() if self.digest(path) != old):
            self.on_change(changed)
            self._wake.set()  # those that are new are watched from now on

    def poke(self) -> None:
        """Take in what is wanted now: pods came, went or changed."""
        self._wake.set()

    async def run(self) -> None:
        """Watch for ever."""
        watched: frozenset[str] | None = None
        all_at = self._clock.now().boot
        try:
            while True:
                wanted = self._take_wanted()
                everything = self._lost or wanted != watched or self._clock.now().boot >= all_at
                if wanted and not self._neighbours.started:
                    await self._neighbours.start()
                if everything:
                    self._lost, watched = False, wanted
                    all_at = self._clock.now().boot + self._timing.period
                    await self._neighbours.follow(wanted, self._threads)
                due, self._due = self._due, {}
                await self._round(
                    {path: due.get(path, False) for path in (wanted if everything else wanted & due.keys())}
                )
                await self._rest(all_at - self._clock.now().boot)
        finally:
            self._neighbours.close()

    def _take_wanted(self) -> frozenset[str]:
        """Return the paths to watch, and forget the others."""
        paths = sorted(set(self._wanted()))
        self.overflow = max(0, len(paths) - MOST_FILES)
        wanted = frozenset(paths[:MOST_FILES])
        self._contents = {path: found for path, found in self._contents.items() if path in wanted}
        return wanted

    async def _round(self, paths: Mapping[str, bool]) -> None:
        """Look at files, of which some are known to be closed; those still being written are due again."""
        before = {path: self.digest(path) for path in paths}
        kinds = {path: _Reading.CLOSED if closed else _Reading.SETTLED for path, closed in paths.items()}
        finished = await asyncio.gather(*(self._look(path, kind) for path, kind in kinds.items()))
        for path, done in zip(paths, finished, strict=True):
            if not done:
                self._due.setdefault(path, False)
        if changed := frozenset(path for path, old in before.items() if self.digest(path) != old):
            self.on_change(changed)

    async def _rest(self, seconds: float) -> None:
        waiting = min(seconds, self._timing.settle) if self._due else seconds
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, waiting)):
                await self._wake.wait()
            await self._clock.sleep(self._timing.debounce)
        self._wake.clear()

    def _touched(self, path: str, how: Touch) -> None:
        self._due[path] = self._due.get(path, False) or how is Touch.CLOSED
        self._wake.set()

    def _lose(self) -> None:
        self._lost = True
        self._wake.set()

    async def _look(self, path: str, reading: _Reading) -> bool:
        """Take in what a file is now; returns False for one that may still be being written."""
        known = self._contents.get(path)
        still_since = self._clock.now().wall - self._timing.settle
        async with self._turns:
            try:
                found = await self._threads.run(
                    path, partial(_look_at, path, known, reading, still_since), ANSWER_SECONDS
                )
            except StuckError:
                return True  # a silent file system is no change
            except OSError as error:
                absent = error.errno in {errno.ENOENT, errno.ENOTDIR}
                found = _Content(digest=ABSENT) if absent else known or _Content(digest=ABSENT)
        if found is not None:
            self._contents[path] = found
        return found is not None


def _look_at(path: str, known: _Content | None, reading: _Reading, still_since: float) -> _Content | None:
    """Return a file's content; None where it may not be finished. `still_since` is Unix seconds. Blocks."""
    status = Path(path).stat()
    stamp = Stamp.of(status)
    if known is not None and known.stamp == stamp:
        return known
    if known is not None and status.st_ctime > still_since and not _is_ripe(reading, status.st_size):
        return None
    if not stat.S_ISREG(status.st_mode) or status.st_size > MOST_BYTES:
        return _Content(digest=_of_stamp(stamp), stamp=stamp)
    descriptor = os.open(path, _OPEN_FLAGS)
    try:
        opened = os.fstat(descriptor)
        if not stat.S_ISREG(opened.st_mode):  # exchanged since it was looked at
            return known
        return _Content(digest=_of_bytes(descriptor), stamp=Stamp.of(opened))
    finally:
        os.close(descriptor)


def _is_ripe(reading: _Reading, size: int) -> bool:
    """Return whether a fresh content counts: many scripts begin to write by emptying the file."""
    return reading is _Reading.NOW or (reading is _Reading.CLOSED and size > 0)


def _of_bytes(descriptor: int) -> str:
    content, left = hashlib.sha256(), MOST_BYTES
    while left > 0 and (part := os.read(descriptor, min(left, 1 << 18))):
        content.update(part)
        left -= len(part)
    return content.hexdigest()[:DIGITS]


def _of_stamp(stamp: Stamp) -> str:
    """Return what tells one state of something else than a small file from another."""
    state = f"{stamp.device} {stamp.inode} {stamp.size} {stamp.modified_ns}"
    return hashlib.sha256(state.encode()).hexdigest()[:DIGITS]
