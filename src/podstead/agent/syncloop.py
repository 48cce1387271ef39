"""The spine: from each look at the directory to what every pod should be.

    look -> decode -> fold -> make durable -> judge the node's room -> wake the workers

It runs after every look, whenever a pod ends or becomes something else, and now and then while something waits.
Nothing is admitted that could not be written down first (foundation 21).
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from podstead.errors import PodsteadError
from podstead.state.fold import fold
from podstead.state.reports import Verdict
from podstead.state.sources import FileTrouble

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from podstead.agent.incarnations import Incarnations
    from podstead.agent.room import NodeRoom
    from podstead.agent.table import PodTable
    from podstead.clock import Clock
    from podstead.manifest.reading import Reading
    from podstead.state.reports import FileVerdict
    from podstead.state.sources import ManifestFile, SourceSnapshot

log = logging.getLogger(__name__)

# How long a pass waits for files to be decoded: a usual one takes 2 ms, so that a new file is one pass and not two,
# and what needs longer holds up nobody else's edit.
DECODE_SECONDS = 0.01
# How often the node's room is judged again while a pod waits for it, and how soon a failed write is tried again.
RETRY_SECONDS = 5.0
# How long a refused content may still be half of a write; shown as Pending until then.
SETTLE_SECONDS = 1.0


class Source(Protocol):
    """Where looks come from."""

    def snapshots(self) -> AsyncGenerator[SourceSnapshot, None]:
        """Yield complete looks, for ever."""
        ...


class FileDecoder(Protocol):
    """Turns bytes into readings, within bounds."""

    async def decode(self, file: ManifestFile) -> Reading:
        """Return what a file's bytes say; never raises for their content."""
        ...


class VerdictBoard(Protocol):
    """Where verdicts are shown."""

    def show(self, snapshot: SourceSnapshot, verdicts: tuple[FileVerdict, ...], problem: str | None) -> None:
        """Show the verdicts of this look; `problem` says why nothing new can be admitted."""
        ...


class SyncLoop:
    """Keeps the table of pods in line with the directory."""

    def __init__(
        self,
        source: Source,
        decoder: FileDecoder,
        table: PodTable,
        incarnations: Incarnations,
        room: NodeRoom,
        board: VerdictBoard,
        clock: Clock,
    ) -> None:
        self._source = source
        self._decoder = decoder
        self._table = table
        self._incarnations = incarnations
        self._room = room
        self._board = board
        self._clock = clock
        self._snapshot: SourceSnapshot | None = None
        self._again = asyncio.Event()
        self._decoding: dict[str, asyncio.Task[Reading | None]] = {}
        self._late: set[str] = set()
        """Digests of what a pass went on without."""
        self._waiting = False
        """Whether some pod waits for room, or a write for another try."""
        self._first_seen: dict[tuple[str, str], float] = {}
        """When each content was first seen, by file name and digest, on the boot clock."""
        self.looked = False
        """Whether the first look has been worked through."""

    def poke(self) -> None:
        """Ask for another pass: a pod ended, or became ready."""
        self._again.set()

    def judge_room(self) -> None:
        """Judge the node's room for what is known already, so that no worker starts what must wait."""
        self._waiting = self._room.judge()

    def room_changed(self) -> None:
        """Ask for another pass if somebody waits for room."""
        if self._waiting:
            self._again.set()

    async def run(self) -> None:
        """Work for ever."""
        self._decoding.clear()  # of a run before, which a fault has ended
        self._late.clear()
        self._again.set()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch(), name="source")
            group.create_task(self._work(group), name="sync")

    async def _watch(self) -> None:
        async with aclosing(self._source.snapshots()) as snapshots:
            async for snapshot in snapshots:
                self._snapshot = snapshot
                self._again.set()

    async def _work(self, group: asyncio.TaskGroup) -> None:
        while True:
            try:
                async with asyncio.timeout(RETRY_SECONDS if self._waiting else None):
                    await self._again.wait()
            except TimeoutError:
                pass
            self._again.clear()
            self._waiting = await self._pass(group)

    async def _pass(self, group: asyncio.TaskGroup) -> bool:
        """Work through the latest look; returns whether something waits for another try."""
        snapshot = self._snapshot
        problem = None
        if snapshot is not None:
            snapshot, readings = await self._read(snapshot, group)
            unsettled = self._unsettled(snapshot)
            folded = fold(self._table.records(), snapshot, readings, unsettled)
            try:
                await self._incarnations.apply(folded, {file.name: file for file in snapshot.files})
            except PodsteadError as error:
                problem = f"nothing new can be admitted: {error}"
                log.error("%s", problem)  # noqa: TRY400 - the sentence says it all
            if any(v.verdict is Verdict.PENDING and v.name in unsettled for v in folded.verdicts):
                asyncio.get_running_loop().call_later(SETTLE_SECONDS, self._again.set)
            self._board.show(snapshot, folded.verdicts, problem)
            self.looked = True
        waits = self._room.judge()
        return waits or problem is not None

    async def _read(
        self, snapshot: SourceSnapshot, group: asyncio.TaskGroup
    ) -> tuple[SourceSnapshot, Mapping[str, Reading]]:
        """Decode what can be decoded now; a file that needs longer is Pending and decoded beside the loop."""
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
        self._decoding = {digest: task for digest, task in self._decoding.items() if digest in current}
        for digest in current.keys() - self._decoding.keys():
            file = current[digest]
            self._decoding[digest] = group.create_task(self._decode(file), name=f"decode {file.name}")
        if under_way := [task for task in self._decoding.values() if not task.done()]:
            await asyncio.wait(under_way, timeout=DECODE_SECONDS)

    async def _decode(self, file: ManifestFile) -> Reading | None:
        """Return what a file says; None where a mistake of ours came between: it is that file's, not the node's."""
        try:
            return await self._decoder.decode(file)
        except Exception:
            log.exception("manifest file %s cannot be read by our own mistake", file.name)
            return None
        finally:
            if file.digest in self._late:
                self._late.discard(file.digest)
                self._again.set()

    def _unsettled(self, snapshot: SourceSnapshot) -> frozenset[str]:
        """Return the files whose content is so new that a refusal may be that of half a write (foundation 10)."""
        now = self._clock.now().boot
        seen = {(f.name, f.digest): now for f in snapshot.files if f.data is not None}
        self._first_seen = seen | {key: at for key, at in self._first_seen.items() if key in seen}
        return frozenset(name for (name, _), at in self._first_seen.items() if now - at < SETTLE_SECONDS)
