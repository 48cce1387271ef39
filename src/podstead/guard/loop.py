"""The spine of the guard: from each look at the source to what the kubelet may read.

look -> verify -> read as the kubelet -> judge -> fold -> make durable -> settle the published directory

The directory is settled after every pass, whenever something happens in it, and now and then.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from typing import TYPE_CHECKING

import msgspec

from podstead.agent.reading import FileReader
from podstead.errors import PodsteadError
from podstead.guard.board import Board, ShownFile, Status
from podstead.publication.record import Published, as_records, next_record
from podstead.sources.watch import Watch
from podstead.state.fold import fold
from podstead.state.reports import Verdict
from podstead.status.times import rfc3339

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from podstead.agent.gates import Gates
    from podstead.agent.reading import FileDecoder
    from podstead.clock import Clock
    from podstead.guard.books import GuardBooks
    from podstead.guard.settings import GuardSettings
    from podstead.guard.settling import Settler
    from podstead.sources.directory import DirectorySource
    from podstead.state.sources import SourceSnapshot

log = logging.getLogger(__name__)

CHECK_SECONDS = 2.0
"""How often the published directory is compared, and a pause looked for, without an event."""

TAKE_OVER_SECONDS = 30.0
"""How long a directory that is taken over is left as it is while files of the source are still being read."""


class GuardLoop:
    """Keeps the published directory in line with the source. `settler` None: nothing is published, only told."""

    def __init__(
        self,
        settings: GuardSettings,
        *,
        source: DirectorySource,
        decoder: FileDecoder,
        gates: Callable[[bool], Gates],
        books: GuardBooks,
        settler: Settler | None,
        board: Board,
        clock: Clock,
        on_pass: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._source = source
        self._gates = gates
        self._books = books
        self._settler = settler
        self._board = board
        self._clock = clock
        self._on_pass = on_pass
        self._began = clock.now().boot
        self._again = asyncio.Event()
        self._asked = False
        self._paused = False
        self._snapshot: SourceSnapshot | None = None
        self._shown: tuple[ShownFile, ...] = ()
        self._written: bytes = b""
        self._reader = FileReader(decoder, clock, self.poke)

    def poke(self) -> None:
        """Ask for another pass."""
        self._asked = True
        self._again.set()

    async def run(self) -> None:
        """Work for ever."""
        watch = Watch(self._again.set, lambda _: False)
        await watch.start()
        try:
            if self._settler is not None:
                watch.attach(self._settler.directory.descriptor)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._look(), name="source")
                group.create_task(self._work(group, watch), name="guard")
        finally:
            watch.close()

    async def _look(self) -> None:
        async with aclosing(self._source.snapshots()) as snapshots:
            async for snapshot in snapshots:
                self._snapshot = snapshot
                self.poke()

    async def _work(self, group: asyncio.TaskGroup, watch: Watch) -> None:
        while True:
            try:
                async with asyncio.timeout(CHECK_SECONDS):
                    await self._again.wait()
            except TimeoutError:
                pass
            self._again.clear()
            watch.take()
            try:
                await self._pass(group)
            except PodsteadError as error:
                self._board.lasting([("CannotPublish", f"nothing new can be published: {error}")], self._now)
            self._on_pass()

    @property
    def _now(self) -> float:
        return self._clock.now().wall

    async def _pass(self, group: asyncio.TaskGroup) -> None:
        pause = await asyncio.to_thread(self._books.pause)
        paused = pause is not None and pause.left(self._clock.now()) > 0
        if paused is not self._paused:
            self._paused, self._asked = paused, True
            text = f"paused: {pause.reason}" if paused and pause is not None else "the pause is over"
            self._board.alarm("GuardPaused" if paused else "GuardResumed", text, self._now)
        if await asyncio.to_thread(self._books.take_accepted):
            log.info("the source is taken as it is: root accepts it")
            self._source.accept_directory()
        before = self._books.published
        lasting: list[tuple[str, str]] = []
        if self._snapshot is None:
            return
        if self._asked:
            self._asked = False
            await self._fold(self._snapshot, group)
        if self._snapshot.degraded is not None:
            lasting.append(("SourceDegraded", self._snapshot.degraded))
        if self._settler is not None and not self._must_wait():
            settled = await asyncio.to_thread(self._settler.settle, self._books.published, before)
            for reason, message in settled.alarms:
                self._board.alarm(reason, message, self._now)
            lasting += settled.lasting
        self._board.lasting(lasting, self._now)
        await self._write_status(lasting, pause.reason if paused and pause is not None else "")

    def _must_wait(self) -> bool:
        """Return whether what is taken over may yet turn out to be what the source has: then nothing is taken out."""
        if not self._settings.take_over or self._clock.now().boot - self._began >= TAKE_OVER_SECONDS:
            return False
        return any(one.verdict == Verdict.PENDING for one in self._shown)

    async def _fold(self, snapshot: SourceSnapshot, group: asyncio.TaskGroup) -> None:
        """Decide what is to be published, and make that durable."""
        gates, published = self._gates(self._paused), self._books.published
        snapshot, readings = await self._reader.read(await gates.verifier.verify(snapshot), group)
        readings = await gates.judge.judge(snapshot, readings)
        unsettled = self._reader.unsettled(snapshot)
        folded = fold(as_records(published), snapshot, readings, unsettled)
        files = {file.name: file for file in snapshot.files}
        wanted = next_record(published, folded, files)
        if any(one.verdict is Verdict.PENDING and one.name in unsettled for one in folded.verdicts):
            self._reader.look_again_later()
        contents = {
            file.digest: file.data
            for name, one in wanted.items()
            if (file := files.get(name)) is not None and file.data is not None and file.digest == one.digest
        }
        if self._settler is not None:
            self._tell_removed(published, wanted)
            await asyncio.to_thread(self._books.put, wanted, contents, self._source.identity)
        self._shown = self._board.verdicts(folded.verdicts, wanted, self._now)

    def _tell_removed(self, before: Mapping[str, Published], wanted: Mapping[str, Published]) -> None:
        for name in sorted(before.keys() - wanted.keys()):
            log.info("%s: no longer published: %s left the source", ascii(name)[1:-1], before[name].key)

    async def _write_status(self, lasting: list[tuple[str, str]], paused: str) -> None:
        """Keep what `guard status` shows; written when something has changed."""
        shown = Status(
            source=str(self._settings.source),
            publish=str(self._settings.publish or ""),
            mode=str(self._settings.security.signature_mode),
            at="",
            paused=paused,
            degraded="; ".join(message for _, message in lasting),
            files=self._shown,
            alarms=tuple(self._board.alarms),
        )
        encoded = msgspec.json.encode(shown)
        if encoded != self._written:
            dated = msgspec.structs.replace(shown, at=rfc3339(self._now))
            await asyncio.to_thread(self._books.put_status, msgspec.json.encode(dated))
            self._written = encoded
