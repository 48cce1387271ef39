"""Writes manifests into the directory: as a whole or not at all, root's own, under the names that are asked for.

A file is written under a hidden name, which no look takes for a manifest, synced, and renamed into place; of several
files all are written before the first one appears.
"""

from __future__ import annotations

import contextlib
import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.errors import OperatorError
from podstead.sources.entry import Question, inspect_entry
from podstead.sources.place import PlaceFault, open_place
from podstead.sources.posture import WRITABLE
from podstead.threads import PathThreads
from podstead.whole_files import Hidden, staged, sync_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from contextlib import AbstractContextManager
    from typing import TypeVar

    from podstead.clock import Clock
    from podstead.config.sources import SourceSettings
    from podstead.sources.place import Place
    from podstead.state.sources import ManifestFile
    from podstead.whole_files import Staged

    T = TypeVar("T")

NEW_MODE = 0o600
"""Manifests hold passwords; a file that is there keeps its mode, without what lets others write."""
HIDDEN = Hidden(begin=".podstead-apply-", end=".tmp")
"""The directory is the operator's: what begins so is ours to sweep, and nothing else."""
_THREAD = "manifest directory"


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """What a file shall hold; None: it shall go. `digest` is that of what it held when this was decided, empty: no file."""

    name: str
    data: bytes | None
    digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the directory holds: the file of each name that was asked for, None where nothing has it.

    `single` is the only name that can be written where the source is one file.
    """

    directory: str
    files: dict[str, ManifestFile | None]
    single: str | None = None


class ManifestDirectory:
    """The directory, or the one file, as somebody sees it who writes there. Raises OperatorError, whatever goes wrong."""

    def __init__(self, settings: SourceSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._threads = PathThreads(max_stuck=1)

    async def look(self, names: Collection[str]) -> Found:
        """Return what is there under these names, and in a single file."""
        return await self._run(lambda: self._look(names))

    async def place(self, placements: Sequence[Placement]) -> None:
        """Write and remove files; those that have changed since they were looked at keep everything from being written."""
        await self._run(lambda: self._place(placements))

    async def _run(self, call: Callable[[], T]) -> T:
        try:
            return await self._threads.run(_THREAD, call)
        except PlaceFault as fault:
            raise OperatorError(str(fault)) from fault
        except OSError as error:
            where = error.filename or self._settings.path
            raise OperatorError(f"cannot write {where}: {error.strerror or error}") from error

    @contextlib.contextmanager
    def _open(self) -> Iterator[Place]:
        place = open_place(self._settings.path.absolute(), was_single=None, follow=self._settings.allow_insecure)
        try:
            yield place
        finally:
            place.close()

    def _look(self, names: Collection[str]) -> Found:
        with self._open() as place:
            wanted = {*names, *((place.single,) if place.single is not None else ())}
            found = {name: self._inspect(place, name) for name in sorted(wanted)}
            return Found(directory=place.directory, files=found, single=place.single)

    def _inspect(self, place: Place, name: str) -> ManifestFile | None:
        limit = self._settings.max_file_bytes
        question = Question(
            directory=place.directory,
            known=None,
            closed=True,
            now=self._clock.now(),
            settle_seconds=0.0,
            max_bytes=limit,
            allowance=limit,
            lenient=True,  # what is there is written over as root's own
        )
        entry = inspect_entry(place.descriptor, name, question)
        return None if entry is None else entry.file

    def _place(self, placements: Sequence[Placement]) -> None:
        with self._open() as place:
            HIDDEN.sweep(place.descriptor)
            for one in placements:
                present = self._inspect(place, one.name)
                if (None if present is None else present.digest) != (one.digest or None):
                    raise OperatorError(f"{place.directory}/{one.name} was changed meanwhile: try again")
            with contextlib.ExitStack() as held:
                contents = {
                    one.name: held.enter_context(_staged(place, one.name, one.data))
                    for one in placements
                    if one.data is not None
                }
                for one in placements:
                    if one.name in contents:
                        contents[one.name].put(one.name)
                    else:
                        os.unlink(one.name, dir_fd=place.descriptor)
                sync_directory(place.descriptor)


def _staged(place: Place, name: str, data: bytes) -> AbstractContextManager[Staged]:
    return staged(HIDDEN.name(), data, mode=_mode(place, name), durable=True, directory=place.descriptor)


def _mode(place: Place, name: str) -> int:
    try:
        status = os.stat(name, dir_fd=place.descriptor, follow_symlinks=False)
    except FileNotFoundError:
        return NEW_MODE
    return stat.S_IMODE(status.st_mode) & ~WRITABLE & 0o777
