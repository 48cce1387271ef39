"""Which refused files are put away, and which stay."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from podstead.agent.gates import Gates
from podstead.agent.quarantine import HOLD_SECONDS, CellFault, Quarantine, Refused
from podstead.clock import Instant
from podstead.manifest.reading import Reading
from podstead.state.audit import Act, AuditEntry
from podstead.state.sources import FileTrouble, ManifestFile, SourceSnapshot

if TYPE_CHECKING:
    from collections.abc import Mapping


class World:
    """Gates that refuse by name, a cell that keeps names, and all that is told."""

    def __init__(self) -> None:
        self.boot = 100.0
        self.unsigned: dict[str, FileTrouble] = {}
        self.forbidden: set[str] = set()
        self.unsure: set[str] = set()
        self.held: dict[str, str] = {}
        self.full = False
        self.taken: list[Refused] = []
        self.events: list[tuple[str, str]] = []
        self.entries: list[AuditEntry] = []
        self.quarantine = Quarantine(Gates(verifier=self, judge=self), self, self.stays, self, self, self)  # type: ignore[arg-type]  # a clock needs no sleep here

    def now(self) -> Instant:
        return Instant(boot=self.boot, wall=self.boot, boot_id="b")

    def stays(self, name: str) -> str:
        return self.held.get(name, "")

    async def take(self, refused: Refused) -> str:
        if self.full:
            raise CellFault("the quarantine is full")
        self.taken.append(refused)
        return "there"

    def node_event(self, reason: str, message: str, *, warning: bool = False) -> None:
        assert warning
        self.events.append((reason, message))

    def note(self, entry: AuditEntry) -> None:
        self.entries.append(entry)

    async def verify(self, snapshot: SourceSnapshot) -> SourceSnapshot:
        files = [
            replace(file, data=None, trouble=trouble, reason="Unsigned", message="nobody signed it")
            if (trouble := self.unsigned.get(file.name)) is not None
            else file
            for file in snapshot.files
        ]
        return replace(snapshot, files=tuple(files))

    async def judge(self, snapshot: SourceSnapshot, readings: Mapping[str, Reading]) -> Mapping[str, Reading]:
        return {
            name: replace(reading, reason="PolicyViolation", unsure=name in self.unsure)
            if name in self.forbidden
            else reading
            for name, reading in readings.items()
        }

    async def look(self, *files: ManifestFile, broken: bool = False) -> None:
        """Let the gates see these files; `broken`: none of them parses."""
        snapshot = SourceSnapshot(path="/m", files=files, certain=True)
        seen = await self.quarantine.gates.verifier.verify(snapshot)
        readings = {f.name: Reading(reason="Invalid" if broken else "") for f in seen.files if f.data is not None}
        await self.quarantine.gates.judge.judge(seen, readings)

    async def after(self, seconds: float) -> list[str]:
        """Let time pass and return the names that are put away."""
        self.boot += seconds
        await self.quarantine.move()
        return [one.file.name for one in self.taken]


def file(name: str = "a.yaml", digest: str = "d" * 64) -> ManifestFile:
    return ManifestFile(name=name, path=f"/m/{name}", data=b"x", digest=digest)


@pytest.fixture
def world() -> World:
    return World()


async def test_what_stays_refused_is_put_away_and_told(world: World) -> None:
    world.unsigned, world.forbidden = {"a.yaml": FileTrouble.REFUSED}, {"b.yaml"}
    await world.look(file(), file("b.yaml"), file("c.yaml"))
    assert await world.after(HOLD_SECONDS - 1) == []
    await world.look(file(), file("b.yaml"), file("c.yaml"))
    assert await world.after(1.5) == ["a.yaml", "b.yaml"]
    assert [one.reason for one in world.taken] == ["Unsigned", "PolicyViolation"]
    assert world.events[0] == (
        "Quarantined",
        "a.yaml was refused (Unsigned) and is in quarantine: podstead quarantine restore there",
    )
    assert [(entry.act, entry.subject) for entry in world.entries] == [
        (Act.QUARANTINE, "a.yaml"),
        (Act.QUARANTINE, "b.yaml"),
    ]
    assert await world.after(60) == ["a.yaml", "b.yaml"]


async def test_a_new_content_has_its_own_time(world: World) -> None:
    world.unsigned = {"a.yaml": FileTrouble.REFUSED}
    await world.look(file())
    world.boot += HOLD_SECONDS
    await world.look(file(digest="e" * 64))
    assert await world.after(1) == []


async def test_what_waits_or_does_not_parse_is_no_matter_of_the_gates(world: World) -> None:
    world.unsigned = {"a.yaml": FileTrouble.PENDING}
    await world.look(file(), file("b.yaml"), broken=True)
    assert await world.after(60) == []


async def test_what_nobody_could_judge_is_looked_at_again_and_stays(world: World) -> None:
    """A network file system that is away for a minute takes no manifest along."""
    world.forbidden = world.unsure = {"a.yaml"}
    await world.look(file())
    assert await world.after(60) == []
    world.unsure = set()
    await world.look(file())
    assert await world.after(HOLD_SECONDS - 1) == []
    assert await world.after(1.5) == ["a.yaml"]


async def test_a_file_that_must_stay_stays_and_that_is_said_once(world: World) -> None:
    world.unsigned = {"a.yaml": FileTrouble.REFUSED}
    world.held = {"a.yaml": "it holds default/db, which goes on"}
    for _ in range(3):
        await world.look(file())
        assert await world.after(60) == []
    assert world.events == [("NotQuarantined", "a.yaml is refused and stays: it holds default/db, which goes on")]
    world.held, world.full = {}, True
    assert await world.after(1) == []
    assert world.events[1:] == [("NotQuarantined", "a.yaml is refused and stays: the quarantine is full")]


async def test_what_is_kept_of_a_refused_content_is_not_its_bytes(world: World) -> None:
    world.unsigned = {"a.yaml": FileTrouble.REFUSED}
    await world.look(file())
    await world.after(60)
    assert dataclasses.asdict(world.taken[0].file)["data"] is None
