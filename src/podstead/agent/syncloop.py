"""The spine: from each look at the directory to what every pod should be.

    look -> verify -> decode -> judge -> fold -> make durable -> judge the node's room -> wake the workers

It runs after every look, whenever a pod ends or becomes something else, and now and then while something waits.
Nothing is admitted that could not be written down first (foundation 21).
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing, contextmanager
from typing import TYPE_CHECKING, Protocol

from podstead.agent.gates import OPEN
from podstead.agent.reading import FileReader
from podstead.errors import PodsteadError
from podstead.state.fold import fold
from podstead.state.reports import Verdict

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

    from podstead.agent.gates import Gates
    from podstead.agent.incarnations import Incarnations
    from podstead.agent.reading import FileDecoder
    from podstead.agent.room import NodeRoom
    from podstead.agent.table import PodTable
    from podstead.clock import Clock
    from podstead.state.reports import FileVerdict
    from podstead.state.sources import SourceSnapshot

log = logging.getLogger(__name__)

# How often the node's room is judged again while a pod waits for it, and how soon a failed write is tried again; how often
# a judge is asked again that could not find out what it has to know. It may keep an answer for longer than that.
RETRY_SECONDS = 5.0


class Source(Protocol):
    """Where looks come from."""

    def snapshots(self) -> AsyncGenerator[SourceSnapshot, None]:
        """Yield complete looks, for ever."""
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
        gates: Gates = OPEN,
    ) -> None:
        self._source = source
        self._gates = gates
        self._table = table
        self._incarnations = incarnations
        self._room = room
        self._board = board
        self._snapshot: SourceSnapshot | None = None
        self._again = asyncio.Event()
        self._clock = clock
        self._reader = FileReader(decoder, clock, self.poke)
        self._asked_at: float | None = None
        """Since when there is something to do, on the boot clock; None while it rests."""
        self._outside = False
        """Whether the pass under way waits for the disk, or for who judges files: each file has its deadline there."""
        self._waiting = False
        """Whether some pod waits for room, a file for its judge, or a write for another try."""
        self.looked = False
        """Whether the first look has been worked through."""

    def poke(self) -> None:
        """Ask for another pass: a pod ended, or became ready."""
        if self._asked_at is None:
            self._asked_at = self._clock.now().boot
        self._again.set()

    def standstill(self, now: float) -> float:
        """Return for how many seconds a pass that was asked for has not come to its end by our own fault."""
        return 0.0 if self._asked_at is None or self._outside else max(0.0, now - self._asked_at)

    def judge_room(self) -> None:
        """Judge the node's room for what is known already, so that no worker starts what must wait."""
        self._waiting = self._room.judge()

    def room_changed(self) -> None:
        """Ask for another pass if somebody waits for room."""
        if self._waiting:
            self.poke()

    async def run(self) -> None:
        """Work for ever."""
        self._reader.reset()
        self._outside, self._asked_at = False, None
        self.poke()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch(), name="source")
            group.create_task(self._work(group), name="sync")

    async def _watch(self) -> None:
        async with aclosing(self._source.snapshots()) as snapshots:
            async for snapshot in snapshots:
                self._snapshot = snapshot
                self.poke()

    async def _work(self, group: asyncio.TaskGroup) -> None:
        while True:
            try:
                async with asyncio.timeout(RETRY_SECONDS if self._waiting else None):
                    await self._again.wait()
            except TimeoutError:
                pass
            self._again.clear()
            self._asked_at = self._clock.now().boot
            self._waiting = await self._pass(group)
            self._asked_at = self._clock.now().boot if self._again.is_set() else None

    @contextmanager
    def _waiting_for_others(self) -> Iterator[None]:
        """Let what is waited for here not count as a standstill of our own."""
        self._outside = True
        try:
            yield
        finally:
            self._outside, self._asked_at = False, self._clock.now().boot

    async def _pass(self, group: asyncio.TaskGroup) -> bool:
        """Work through the latest look; returns whether something waits for another try."""
        snapshot = self._snapshot
        problem, unsure = None, False
        if snapshot is not None:
            with self._waiting_for_others():
                snapshot = await self._gates.verifier.verify(snapshot)
            snapshot, readings = await self._reader.read(snapshot, group)
            with self._waiting_for_others():
                judged = await self._gates.judge.judge(snapshot, readings)
            unsure = any(one.unsure and readings[name].accepted for name, one in judged.items())
            snapshot = self._gates.mark(snapshot)
            unsettled = self._reader.unsettled(snapshot)
            folded = fold(self._table.records(), snapshot, judged, unsettled)
            try:
                with self._waiting_for_others():
                    await self._incarnations.apply(folded, {file.name: file for file in snapshot.files})
            except PodsteadError as error:
                problem = f"nothing new can be admitted: {error}"
                log.error("%s", problem)  # noqa: TRY400 - the sentence says it all
            if any(v.verdict is Verdict.PENDING and v.name in unsettled for v in folded.verdicts):
                self._reader.look_again_later()
            self._board.show(snapshot, folded.verdicts, problem)
            self.looked = True
        waits = self._room.judge()
        return waits or unsure or problem is not None
