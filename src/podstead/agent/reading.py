"""Decodes the files of each look beside the loop that works on them, and says which contents are still fresh.

A file that needs longer than a moment is Pending meanwhile and holds up nobody else's edit.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from podstead.state.sources import FileTrouble

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from podstead.clock import Clock
    from podstead.manifest.reading import Reading
    from podstead.state.sources import ManifestFile, SourceSnapshot

log = logging.getLogger(__name__)

# How long a pass waits for files to be decoded: a usual one takes 2 ms, so that a new file is one pass and not two,
# and what needs longer holds up nobody else's edit.
DECODE_SECONDS = 0.01
# How long a refused content may still be half of a write; shown as Pending until then.
SETTLE_SECONDS = 1.0
# How soon a file is read again of which nothing could be found out: the machine had no process or no time for it.
AGAIN_SECONDS = 30.0


class FileDecoder(Protocol):
    """Turns bytes into readings, within bounds."""

    async def decode(self, file: ManifestFile) -> Reading:
        """Return what a file's bytes say; never raises for their content."""
        ...


class FileReader:
    """The readings of one directory's files. `again` is called when there is more to work on than the last look said."""

    def __init__(self, decoder: FileDecoder, clock: Clock, again: Callable[[], None]) -> None:
        self._decoder = decoder
        self._clock = clock
        self._again = again
        self._decoding: dict[str, asyncio.Task[Reading | None]] = {}
        self._late: set[str] = set()
        """Digests of what a pass went on without."""
        self._first_seen: dict[tuple[str, str], float] = {}
        """When each content was first seen, by file name and digest, on the boot clock."""

    def reset(self) -> None:
        """Forget the tasks of a run that a fault has ended."""
        self._decoding.clear()
        self._late.clear()

    async def read(
        self, snapshot: SourceSnapshot, group: asyncio.TaskGroup
    ) -> tuple[SourceSnapshot, Mapping[str, Reading]]:
        """Decode what can be decoded now, in tasks of `group`; a file that needs longer is Pending in what is returned."""
        readings: dict[str, Reading] = {}
        files = []
        await self._begin_decoding(snapshot, group)
        for file in snapshot.files:
            if file.data is None:
                files.append(file)
                continue
            task = self._decoding[file.digest]
            if not task.done():
                self._late.add(file.digest)
                reason = "a large file is being read by a process of its own"
                files.append(replace(file, data=None, trouble=FileTrouble.PENDING, reason="Reading", message=reason))
                continue
            if (reading := task.result()) is None:
                reason = "an internal error while it was read; the agent's log has the details"
                trouble = FileTrouble.UNREADABLE
                files.append(replace(file, data=None, trouble=trouble, reason="InternalError", message=reason))
                continue
            readings[file.name] = reading
            files.append(file)
        return replace(snapshot, files=tuple(files)), readings

    async def _begin_decoding(self, snapshot: SourceSnapshot, group: asyncio.TaskGroup) -> None:
        """Decode what is new, and wait for it for a moment."""
        current = {file.digest: file for file in snapshot.files if file.data is not None}
        for digest in self._decoding.keys() - current.keys():
            # Nobody asks any more what was overwritten meanwhile: left to wait, it would hold up what is asked now.
            self._late.discard(digest)
            self._decoding.pop(digest).cancel()
        for digest in current.keys() - self._decoding.keys():
            file = current[digest]
            self._decoding[digest] = group.create_task(self._decode(file), name=f"decode {file.name}")
        if under_way := [task for task in self._decoding.values() if not task.done()]:
            await asyncio.wait(under_way, timeout=DECODE_SECONDS)

    async def _decode(self, file: ManifestFile) -> Reading | None:
        """Return what a file says; None where a mistake of ours came between: it is that file's, not the node's."""
        try:
            reading = await self._decoder.decode(file)
        except Exception:
            log.exception("file %s cannot be read by our own mistake", file.name)
            return None
        else:
            if reading.unsure:
                asyncio.get_running_loop().call_later(AGAIN_SECONDS, self._decode_again, file.digest)
            return reading
        finally:
            if file.digest in self._late:
                self._late.discard(file.digest)
                self._again()

    def _decode_again(self, digest: str) -> None:
        """Forget a reading that may be another by now, and ask for the pass that reads anew: no look need come before."""
        if (task := self._decoding.get(digest)) is not None and task.done():
            del self._decoding[digest]
            self._again()

    def unsettled(self, snapshot: SourceSnapshot) -> frozenset[str]:
        """Return the files whose content is so new that a refusal may be that of half a write (foundation 10)."""
        now = self._clock.now().boot
        seen = {(f.name, f.digest): now for f in snapshot.files if f.data is not None}
        self._first_seen = seen | {key: at for key, at in self._first_seen.items() if key in seen}
        return frozenset(name for (name, _), at in self._first_seen.items() if now - at < SETTLE_SECONDS)

    def look_again_later(self) -> None:
        """Ask for another pass when what is fresh now no longer is."""
        asyncio.get_running_loop().call_later(SETTLE_SECONDS, self._again)
