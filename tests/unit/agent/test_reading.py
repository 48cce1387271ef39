"""What becomes of a file that could not be read for the machine's sake: it is read again, without a new look."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from podstead.agent import reading as readers
from podstead.agent.reading import FileReader
from podstead.clock import SystemClock
from podstead.manifest.reading import Reading
from podstead.state.sources import ManifestFile, SourceSnapshot

if TYPE_CHECKING:
    import pytest

LOOK = SourceSnapshot(
    path="/m", certain=True, files=(ManifestFile(name="a.yaml", path="/m/a.yaml", data=b"a", digest="1", size=1),)
)


class Machine:
    """A decoder that gives the next answer each time."""

    def __init__(self, *answers: Reading) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def decode(self, _: ManifestFile) -> Reading:
        self.asked += 1
        return self.answers.pop(0)


class Slow:
    """A decoder that answers when it is let."""

    def __init__(self) -> None:
        self.free = asyncio.Event()
        self.under_way: set[str] = set()
        self.answered: list[str] = []

    async def decode(self, file: ManifestFile) -> Reading:
        self.under_way.add(file.digest)
        try:
            await self.free.wait()
            self.answered.append(file.digest)
            return Reading()
        finally:
            self.under_way.discard(file.digest)


async def read(reader: FileReader) -> Reading:
    """Return what the file says once its decoding has ended."""
    async with asyncio.TaskGroup() as group:
        await reader.read(LOOK, group)
    async with asyncio.TaskGroup() as group:
        _, found = await reader.read(LOOK, group)
    return found["a.yaml"]


async def test_a_file_that_the_machine_had_no_process_for_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "AGAIN_SECONDS", 0.01)
    again = asyncio.Event()
    machine = Machine(Reading(reason="DecodeUnavailable", unsure=True), Reading())
    reader = FileReader(machine, SystemClock(), again.set)
    assert (await read(reader)).reason == "DecodeUnavailable"
    async with asyncio.timeout(30):
        await again.wait()
    assert (await read(reader)).accepted
    assert machine.asked == 2


async def test_a_refusal_for_what_the_file_holds_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "AGAIN_SECONDS", 0.0)
    again = asyncio.Event()
    machine = Machine(Reading(reason="DecodeLimit"))
    reader = FileReader(machine, SystemClock(), again.set)
    for _ in range(3):
        assert (await read(reader)).reason == "DecodeLimit"
        await asyncio.sleep(0.01)
    assert machine.asked == 1


async def test_what_was_overwritten_while_it_waited_is_decoded_no_more() -> None:
    """A file that is written faster than it is read must not let a queue grow, at whose end a good edit waits."""
    machine = Slow()
    reader = FileReader(machine, SystemClock(), lambda: None)
    async with asyncio.TaskGroup() as group:
        for digest in map(str, range(5)):
            file = replace(LOOK.files[0], digest=digest)
            await reader.read(replace(LOOK, files=(file,)), group)
        assert machine.under_way == {"4"}
        machine.free.set()
    assert machine.answered == ["4"]
