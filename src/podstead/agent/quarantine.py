"""Which refused files are put into quarantine: those that a gate refuses, for a while, and that hold nothing that runs.

Quarantine is neat, not safe: what is refused does not run wherever it lies. So a file stays in doubt: one that holds a
pod, whose absence could be taken for an operator's wish; one that an index lists, whose absence would be an attack.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from podstead.agent.gates import Gates
from podstead.manifest.reading import foremost
from podstead.state.audit import Act, AuditEntry, Fact
from podstead.state.sources import FileTrouble

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from podstead.agent.ports import Auditor
    from podstead.clock import Clock
    from podstead.manifest.reading import Reading
    from podstead.state.sources import ManifestFile, SourceSnapshot


HOLD_SECONDS = 10.0
"""How long a content must have been refused: as long as the other half of a pair is waited for."""
LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A content that a gate refuses, and since when on the boot clock."""

    file: ManifestFile
    reason: str
    message: str
    since: float


class Cell(Protocol):
    """Where files are put."""

    async def take(self, refused: Refused) -> str:
        """Move one and return what it is called there; raises CellFault where it stays."""
        ...


class CellFault(Exception):
    """A file stays where it is; the text says why."""


class Recorder(Protocol):
    """Where events go."""

    def node_event(self, reason: str, message: str, *, warning: bool = False) -> None:
        """Record one about the node."""
        ...


class Quarantine:
    """Watches two gates, and moves what they have refused for long enough.

    `stays` says of a name why its file must stay in the directory; empty: it need not.
    """

    def __init__(
        self, gates: Gates, cell: Cell, stays: Callable[[str], str], recorder: Recorder, auditor: Auditor, clock: Clock
    ) -> None:
        self._inner = gates
        self._cell = cell
        self._stays = stays
        self._recorder = recorder
        self._auditor = auditor
        self._clock = clock
        self._unsigned: dict[str, Refused] = {}
        self._forbidden: dict[str, Refused] = {}
        self._left: dict[str, str] = {}
        """Why a content stays, by its digest: said once."""

    @property
    def gates(self) -> Gates:
        """The gates, watched."""
        return Gates(verifier=self, judge=self, mark=self._inner.mark)

    async def verify(self, snapshot: SourceSnapshot) -> SourceSnapshot:
        """Verify as the gate does, and remember what it refuses."""
        verified = await self._inner.verifier.verify(snapshot)
        given = {file.name: file for file in snapshot.files if file.data is not None}
        self._unsigned = {
            file.name: self._since(self._unsigned, given[file.name], file.reason, file.message)
            for file in verified.files
            if file.trouble is FileTrouble.REFUSED and file.name in given
        }
        return verified

    async def judge(self, snapshot: SourceSnapshot, readings: Mapping[str, Reading]) -> Mapping[str, Reading]:
        """Judge as the gate does, and remember what it refuses."""
        judged = await self._inner.judge.judge(snapshot, readings)
        files = {file.name: file for file in snapshot.files if file.data is not None}
        forbidden: dict[str, Refused] = {}
        for name, reading in judged.items():
            if name in files and not reading.accepted and not reading.unsure and readings[name].accepted:
                text = "; ".join(message.placed for message in foremost(reading.messages)[:3])
                forbidden[name] = self._since(self._forbidden, files[name], reading.reason, text)
        self._forbidden = forbidden
        return judged

    def _since(self, before: Mapping[str, Refused], file: ManifestFile, reason: str, message: str) -> Refused:
        known = before.get(file.name)
        since = self._clock.now().boot if known is None or known.file.digest != file.digest else known.since
        return Refused(file=replace(file, data=None), reason=reason, message=message, since=since)

    async def run(self) -> None:
        """Move for ever."""
        while True:
            await self._clock.sleep(LOOK_SECONDS)
            await self.move()

    async def move(self) -> None:
        """Move what has been refused for long enough."""
        now = self._clock.now().boot
        refused = self._unsigned | self._forbidden
        self._left = {d: why for d, why in self._left.items() if d in {one.file.digest for one in refused.values()}}
        for name, one in sorted(refused.items()):
            if now - one.since < HOLD_SECONDS:
                continue
            if why := self._stays(name):
                self._leave(one, why)
                continue
            try:
                where = await self._cell.take(one)
            except CellFault as fault:
                self._leave(one, str(fault))
            else:
                self._unsigned.pop(name, None)
                self._forbidden.pop(name, None)
                self._tell(one, where)

    def _leave(self, one: Refused, why: str) -> None:
        if self._left.get(one.file.digest) != why:
            self._left[one.file.digest] = why
            self._recorder.node_event("NotQuarantined", f"{one.file.name} is refused and stays: {why}", warning=True)

    def _tell(self, one: Refused, where: str) -> None:
        text = f"{one.file.name} was refused ({one.reason}) and is in quarantine: podstead quarantine restore {where}"
        self._recorder.node_event("Quarantined", text, warning=True)
        facts: dict[Fact, str | int] = {
            Fact.FILE: one.file.path,
            Fact.DIGEST: one.file.digest,
            Fact.SIZE: one.file.size,
        }
        entry = AuditEntry(act=Act.QUARANTINE, subject=one.file.name, reason=one.reason, message=text, facts=facts)
        self._auditor.note(entry)
