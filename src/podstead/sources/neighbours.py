"""inotify on the directories of single files: tells which of the files was touched, and costs little in a busy one."""

from __future__ import annotations

import asyncio
import os
from enum import Enum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from inotify_simple import INotify, flags, parse_events

from podstead.sources.inotify import open_inotify

if TYPE_CHECKING:
    from collections.abc import Callable

    from podstead.threads import PathThreads

_READY = flags.CLOSE_WRITE | flags.MOVED_TO
_SELF = flags.DELETE_SELF | flags.MOVE_SELF | flags.IGNORED | flags.UNMOUNT
_MASK = _READY | flags.CREATE | flags.MOVED_FROM | flags.DELETE | flags.DELETE_SELF | flags.MOVE_SELF | flags.ONLYDIR
_CHUNK_BYTES = 16 << 10
"""About 500 events, parsed in a millisecond."""
_PAUSE_SECONDS = 0.05
"""Between two reads: a directory in which others write all the time (`/var/log`) costs 2 % of a core at most."""


class Touch(Enum):
    """What happened to a file."""

    CLOSED = "closed"
    """A writer closed it, or it was renamed into place."""
    STIRRED = "stirred"
    """Something else, which may be the beginning of a change."""


class Neighbours:
    """One inotify instance. `touched` is called for each file, `lost` when anything may have happened to any of them."""

    def __init__(self, touched: Callable[[str, Touch], None], lost: Callable[[], None]) -> None:
        self._touched = touched
        self._lost = lost
        self._inotify: INotify | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._resume: asyncio.TimerHandle | None = None
        self._watches: dict[int, str] = {}
        """Directories by watch descriptor."""
        self._names: dict[tuple[str, str], set[str]] = {}
        """The paths that a name in a directory stands for; a link's target stands for it as well."""
        self.started = False
        self.trouble: str | None = None

    async def start(self) -> None:
        """Make the inotify instance; where there is none to be had, `trouble` says so."""
        self.started = True
        self._loop = asyncio.get_running_loop()
        try:
            inotify = await open_inotify()
        except OSError as error:
            self.trouble = f"configuration files are looked at now and then only: {os.strerror(error.errno or 0)}"
            return
        self._inotify = inotify
        self._loop.add_reader(inotify.fileno(), self._read)

    def close(self) -> None:
        """Stop watching. Safe to call twice."""
        if self._resume is not None:
            self._resume.cancel()
        if self._inotify is not None and self._loop is not None:
            self._loop.remove_reader(self._inotify.fileno())
            self._inotify.close()
            self._inotify = None
        self._watches.clear()
        self.started = False

    async def follow(self, paths: frozenset[str], threads: PathThreads) -> None:
        """Watch the directories of exactly these files, as far as they are there."""
        places: dict[tuple[str, str], set[str]] = {}
        for path in sorted(paths):
            try:
                found = await threads.run(path, partial(_places, path))
            except OSError:
                continue  # silent: the next look tries again
            for place in found:
                places.setdefault(place, set()).add(path)
        self._names = places
        self._watch({directory for directory, _ in places})

    def _watch(self, directories: set[str]) -> None:
        inotify = self._inotify
        if inotify is None:
            return
        watched: dict[int, str] = {}
        self.trouble = None
        for directory in sorted(directories):
            try:
                watched[inotify.add_watch(directory, _MASK)] = directory
            except FileNotFoundError:
                continue  # it is looked for again
            except OSError as error:
                why = os.strerror(error.errno or 0)
                self.trouble = (
                    f"{directory} cannot be watched ({why}): configuration files in it are looked at now and then only"
                )
        for stale in self._watches.keys() - watched.keys():
            try:
                inotify.rm_watch(stale)
            except OSError:
                continue  # gone with its directory
        self._watches = watched

    def _read(self) -> None:
        """Take one chunk of what the kernel has for us, then leave it alone for a moment."""
        if self._inotify is None or self._loop is None:
            return
        try:
            events = parse_events(os.read(self._inotify.fileno(), _CHUNK_BYTES))
        except BlockingIOError:
            return
        for event in events:
            directory = self._watches.get(event.wd)
            if event.mask & flags.Q_OVERFLOW or (directory is not None and event.mask & _SELF):
                self._lost()
            for path in self._names.get((directory or "", event.name), ()):
                self._touched(path, Touch.CLOSED if event.mask & _READY else Touch.STIRRED)
        self._loop.remove_reader(self._inotify.fileno())
        self._resume = self._loop.call_later(_PAUSE_SECONDS, self._read_on)

    def _read_on(self) -> None:
        if self._inotify is not None and self._loop is not None:
            self._loop.add_reader(self._inotify.fileno(), self._read)


def _places(path: str) -> set[tuple[str, str]]:
    """Return directory and name of a file, and of what it leads to where it is a link; a loop leads nowhere. Blocks."""
    real = Path(os.path.realpath(path))
    return {(str(Path(path).parent), Path(path).name), (str(real.parent), real.name)}
