"""The log as the agent sees it: takes entries at once, writes them behind, and hands what is written to the sinks.

Class B (foundation 21): nothing waits for it. What cannot be written waits in memory; what has no room there either is
counted, and the count is recorded when there is room again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from podstead.audit import key_file
from podstead.audit.allowance import Allowance
from podstead.audit.checkpoint import Checkpoint
from podstead.audit.proof import MAX_BATCH
from podstead.audit.records import cleaned
from podstead.audit.writer import LogWriter, Noted, Written
from podstead.state.audit import Act, AuditEntry, Fact

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from podstead.clock import Clock

log = logging.getLogger(__name__)

GATHER_SECONDS = 0.1
"""Entries this close are one batch: a batch costs three syncs."""
SUMMARY_SECONDS = 60.0
"""How often it is recorded how many entries were left out."""
CHECKPOINT_SECONDS = 300.0
"""How often a checkpoint goes to the sinks: so much at most can be changed by one who becomes root and has broken the seal."""
RETRY_SECONDS = 5.0
"""How soon a write that failed is tried again."""
MAX_WAITING = 2000
"""Entries that wait for the disk: about 2 MiB."""
BATCH = MAX_BATCH - 16
"""Entries in a batch; the log may have something to say itself."""
TOO_MANY, NO_ROOM, NOT_SENT = "TooMany", "NoRoom", "NotSent"


class Sink(Protocol):
    """Carries records away. Nothing here blocks or raises."""

    name: str

    @property
    def problem(self) -> str:
        """A sentence when it has not worked for long, else empty."""
        ...

    def take(self, records: Sequence[Written], checkpoint: Checkpoint) -> None:
        """Take what was written; the checkpoint fixes the last of it."""
        ...

    def anchor(self, checkpoint: Checkpoint, at: float) -> None:
        """Take a checkpoint; `at` is Unix seconds."""
        ...

    def take_lost(self) -> int:
        """Return how much could not be sent since the last call, and was given up."""
        ...

    async def close(self) -> None:
        """Send what can be sent within a moment, and end."""
        ...


@dataclass(slots=True)
class _Lost:
    """Entries that found no room in memory; times are Unix seconds."""

    count: int = 0
    first: float = 0.0
    last: float = 0.0


class AuditLog:
    """`note` on the loop's thread; `run` until it is cancelled; then `close`."""

    def __init__(self, directory: Path, clock: Clock, sinks: Sequence[Sink] = (), *, version: str) -> None:
        self._directory = directory
        self._clock = clock
        self._sinks = tuple(sinks)
        self._writer = LogWriter(directory, clock.now, version=version)
        self._allowance = Allowance()
        self._waiting: deque[Noted] = deque()
        self._lost = _Lost()
        self._awake = asyncio.Event()
        self._writing = asyncio.Lock()
        self._summed_at = self._anchored_at = clock.now().boot
        self._anchored = 0
        self._unclaimed: bool | None = None
        self.failure = ""
        """Why nothing can be written now."""

    def note(self, entry: AuditEntry) -> None:
        """Take one entry (`agent.ports.Auditor`)."""
        now = self._clock.now()
        entry = cleaned(entry)
        before = self._allowance.spend(entry.act, _of(entry), now.boot)
        if before is None:
            self._awake.set()
            return
        if before:
            entry = replace(entry, facts={**entry.facts, Fact.LEFT_OUT: before})
        self._put(Noted(at=now, entry=entry))

    @property
    def problems(self) -> tuple[str, ...]:
        """Sentences about what does not work."""
        of_log = self.failure or self._writer.unsafe
        own = [f"the audit log: {of_log}"] if of_log else []
        return (*own, *(f"the audit log's {sink.name}: {sink.problem}" for sink in self._sinks if sink.problem))

    async def run(self) -> None:
        """Write what is noted, for ever."""
        while True:
            try:
                async with asyncio.timeout(self._pause()):
                    await self._awake.wait()
                    await self._clock.sleep(GATHER_SECONDS)
            except TimeoutError:
                pass
            self._awake.clear()
            self._sum_up()
            if not await self.flush():
                await self._clock.sleep(RETRY_SECONDS)
            await self._look_after()

    async def flush(self) -> bool:
        """Write what waits; returns whether all of it is in the log."""
        async with self._writing:
            while True:
                batch = [self._waiting[index] for index in range(min(len(self._waiting), BATCH))]
                lost, entries = self._lost, list(batch)
                if lost.count:
                    entries.insert(0, Noted(at=self._clock.now(), entry=_no_room(lost)))
                # Shielded: who stops waiting does not stop the thread, and must not take the batch for unwritten.
                writing = asyncio.ensure_future(asyncio.to_thread(self._writer.write, entries))
                try:
                    written = await asyncio.shield(writing)
                except OSError as error:
                    self._failed(error.strerror or str(error))
                    return False
                except Exception:  # a mistake of ours costs these records, and not all that follow
                    log.exception("records cannot be written by a mistake of the agent's own")
                    self._give_up(len(batch))
                    return False
                except asyncio.CancelledError:
                    await asyncio.wait({writing})
                    if writing.exception() is None:
                        self._take_written(len(batch), lost, writing.result())
                    raise
                self._take_written(len(batch), lost, written)
                if not self._waiting:
                    return True

    async def close(self) -> None:
        """Write what waits, send the last checkpoint, and end."""
        self._sum_up(at_once=True)
        await self.flush()
        self._anchor()
        await asyncio.gather(*(sink.close() for sink in self._sinks))
        await asyncio.to_thread(self._writer.close)

    @property
    def checkpoint(self) -> Checkpoint | None:
        """What fixes all that is written; None before the first record."""
        writer = self._writer
        return Checkpoint(log=writer.log, sequence=writer.sequence, hash=writer.hash) if writer.sequence else None

    def _put(self, noted: Noted) -> None:
        if len(self._waiting) >= MAX_WAITING:
            self._lose(noted)
        else:
            self._waiting.append(noted)
        self._awake.set()

    def _take_written(self, count: int, lost: _Lost, written: Sequence[Written]) -> None:
        for _ in range(count):
            self._waiting.popleft()
        if lost is self._lost:
            self._lost = _Lost()
        else:  # more were lost meanwhile
            self._lost.count -= lost.count
        if self.failure:
            log.info("the audit log is written again")
            self.failure = ""
        point = self.checkpoint
        if written and point is not None:
            for sink in self._sinks:
                sink.take(written, point)

    def _give_up(self, count: int) -> None:
        """Count what waits foremost as lost."""
        for noted in [self._waiting.popleft() for _ in range(count)]:
            self._lose(noted)

    def _lose(self, noted: Noted) -> None:
        lost, wall = self._lost, noted.at.wall
        self._lost = _Lost(count=lost.count + 1, first=lost.first or wall, last=wall)

    def _failed(self, why: str) -> None:
        text = f"nothing can be written to {self._directory}: {why}; {len(self._waiting)} records wait"
        if not self.failure:
            log.warning("the audit log: %s", text)
        self.failure = text

    def _pause(self) -> float:
        return SUMMARY_SECONDS if not self._waiting else RETRY_SECONDS

    def _sum_up(self, *, at_once: bool = False) -> None:
        """Note how many entries were left out, now and then."""
        now = self._clock.now()
        if not at_once and now.boot - self._summed_at < SUMMARY_SECONDS:
            return
        self._summed_at = now.boot
        for entry in self._gaps(now.boot):
            self._put(Noted(at=now, entry=entry))

    def _gaps(self, boot: float) -> Iterator[AuditEntry]:
        for left_out in self._allowance.take_left_out():
            seconds = max(1, round(boot - left_out.since))
            yield AuditEntry(
                act=Act.GAP,
                subject=left_out.act.value,
                reason=TOO_MANY,
                message=f"{left_out.count} more records of {left_out.act.value} were left out within {seconds} s",
                facts={Fact.COUNT: left_out.count},
            )
        for sink in self._sinks:
            if count := sink.take_lost():
                text = f"{count} records were not sent to {sink.name}: it did not take them in time"
                yield AuditEntry(
                    act=Act.GAP, subject=sink.name, reason=NOT_SENT, message=text, facts={Fact.COUNT: count}
                )

    async def _look_after(self) -> None:
        """Send a checkpoint when it is time, and notice that the verification key was taken away."""
        now = self._clock.now()
        if now.boot - self._anchored_at >= CHECKPOINT_SECONDS:
            self._anchored_at = now.boot
            self._anchor()
        unclaimed = await asyncio.to_thread(key_file.waits_for_its_keeper, self._directory)
        if self._unclaimed and not unclaimed:
            text = "the verification key of the log was taken away: from here on nobody on this node can forge a seal"
            self._put(
                Noted(
                    at=now,
                    entry=AuditEntry(
                        act=Act.KEY, subject=self._writer.log, reason="VerificationKeyTaken", message=text
                    ),
                )
            )
        self._unclaimed = unclaimed

    def _anchor(self) -> None:
        point = self.checkpoint
        if point is None or point.sequence == self._anchored:
            return
        self._anchored = point.sequence
        for sink in self._sinks:
            sink.anchor(point, self._clock.now().wall)


def _of(entry: AuditEntry) -> str:
    """Return what is told apart of an act's entries: the pod's containers are each a thing of their own."""
    return f"{entry.subject}/{entry.facts.get(Fact.CONTAINER, '')}"


def _no_room(lost: _Lost) -> AuditEntry:
    since, until = (f"{_stamp(at)}" for at in (lost.first, lost.last))
    return AuditEntry(
        act=Act.GAP,
        subject="audit log",
        reason=NO_ROOM,
        message=f"{lost.count} records of {since} to {until} were lost: they could not be written",
        facts={Fact.COUNT: lost.count},
    )


def _stamp(wall: float) -> str:
    from datetime import UTC, datetime  # noqa: PLC0415 - needed when something went wrong

    return datetime.fromtimestamp(int(wall), tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
