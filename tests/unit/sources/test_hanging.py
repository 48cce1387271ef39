"""Files and directories that do not answer: they cost neither other files nor the loop."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from podstead.sources.entry import Entry, Question, inspect_entry
from podstead.sources.place import Place, open_place
from podstead.state.sources import FileTrouble
from tests.support.waiting import until
from tests.unit.sources.viewer import Viewer, data_of, file_of, reason_of, settings

if TYPE_CHECKING:
    from collections.abc import Iterator


class Hanging:
    """Reads files, except those whose name begins with `stuck`: their threads wait until `answer` is set."""

    def __init__(self) -> None:
        self.answer = threading.Event()
        self.asked: list[str] = []
        self.waiting = 0

    def inspect(self, directory: int, name: str, question: Question) -> Entry | None:
        self.asked.append(name)
        if name.startswith("stuck"):
            self.waiting += 1
            assert self.answer.wait(30)
            self.waiting -= 1
        return inspect_entry(directory, name, question)


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    hanging = Hanging()
    yield hanging
    hanging.answer.set()
    deadline = time.monotonic() + 60
    while any(thread.name == "manifest-look" for thread in threading.enumerate()):
        assert time.monotonic() < deadline, "a look's thread was left over"
        time.sleep(0.01)


def write(directory: Path, *names: str) -> None:
    for name in names:
        (directory / name).write_bytes(name.encode())
        os.utime(directory / name, (1, 1))


async def test_a_file_that_never_answers_holds_up_nobody(manifests: Path, hanging: Hanging) -> None:
    write(manifests, "a.yaml", "stuck.yaml", "z.yaml")
    where = settings(manifests, read_seconds=3.0)
    async with Viewer(where, inspect=hanging.inspect) as viewer:
        await viewer.until(
            lambda snapshot: [data_of(snapshot, name) for name in ("a.yaml", "z.yaml")] == [b"a.yaml", b"z.yaml"]
        )
        assert "Reading" in {reason_of(seen, "stuck.yaml") for _, seen in viewer.seen}
        last = await viewer.until(lambda snapshot: reason_of(snapshot, "stuck.yaml") == "NotAnswering")
        file = file_of(last, "stuck.yaml")
        assert file is not None
        assert file.trouble is FileTrouble.PENDING
        began = time.monotonic()
        write(manifests, "new.yaml")
        await viewer.content("new.yaml", b"new.yaml")
        assert time.monotonic() - began < 20.0, "the file that hangs is waited for by nobody"
        for _ in range(3):
            viewer.source.poke()
            await asyncio.sleep(0.05)
        assert hanging.asked.count("stuck.yaml") == 1
        assert hanging.waiting == 1
        hanging.answer.set()
        await viewer.content("stuck.yaml", b"stuck.yaml")
        assert not viewer.ever_gone("stuck.yaml")


async def test_content_from_before_is_kept_out_of_sight_only_when_the_time_is_up(
    manifests: Path, hanging: Hanging
) -> None:
    write(manifests, "stuck.yaml")
    hanging.answer.set()
    async with Viewer(settings(manifests), inspect=hanging.inspect) as viewer:
        await viewer.content("stuck.yaml", b"stuck.yaml")
        hanging.answer.clear()
        viewer.source.poke()
        await viewer.until(lambda snapshot: reason_of(snapshot, "stuck.yaml") == "NotAnswering")
        hanging.answer.set()
        await viewer.content("stuck.yaml", b"stuck.yaml")
        assert {reason_of(seen, "stuck.yaml") for _, seen in viewer.seen} <= {"", "BeingWritten", "NotAnswering"}


async def test_stuck_threads_are_bounded_and_known_files_still_read(manifests: Path, hanging: Hanging) -> None:
    write(manifests, "good.yaml")
    async with Viewer(settings(manifests, max_stuck_reads=3, check_seconds=600.0), inspect=hanging.inspect) as viewer:
        await viewer.content("good.yaml", b"good.yaml")
        write(manifests, *(f"stuck{number}.yaml" for number in range(12)))
        await viewer.until(lambda snapshot: sum(f.reason == "NotAnswering" for f in snapshot.files) >= 2)
        viewer.source.poke()
        await viewer.until(lambda snapshot: len(snapshot.files) == 13)
        assert hanging.waiting <= 2
        (manifests / "good.yaml").write_bytes(b"better")
        await viewer.content("good.yaml", b"better")
        assert any(file.reason == "TooManyReads" for file in viewer.seen[-1][1].files)
        hanging.answer.set()
        await viewer.content("stuck11.yaml", b"stuck11.yaml")
        assert hanging.asked.count("stuck0.yaml") >= 1


async def test_a_directory_that_does_not_answer_is_degraded(
    manifests: Path, hanging: Hanging, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def hang(path: Path, *, was_single: bool | None, follow: bool) -> Place:
        calls.append(path)
        assert hanging.answer.wait(100)
        return open_place(path, was_single=was_single, follow=follow)

    write(manifests, "a.yaml")
    async with Viewer(settings(manifests), expected=["a.yaml"]) as viewer:
        await viewer.until(lambda snapshot: snapshot.certain and data_of(snapshot, "a.yaml") is not None)
        monkeypatch.setattr("podstead.sources.looker.open_place", hang)
        viewer.source.poke()
        silent = await viewer.until(lambda snapshot: "does not answer" in (snapshot.degraded or ""))
        assert not silent.gone("a.yaml")
        await asyncio.sleep(0.3)
        assert len(calls) == 1
        hanging.answer.set()
        last = await viewer.until(lambda snapshot: snapshot.degraded is None and snapshot.certain)
        assert data_of(last, "a.yaml") == b"a.yaml"
        assert not viewer.ever_gone("a.yaml")


async def test_without_a_thread_to_be_had_the_directory_is_degraded(
    manifests: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    write(manifests, "a.yaml")
    async with Viewer(settings(manifests), expected=["a.yaml"]) as viewer:
        await viewer.until(lambda snapshot: snapshot.certain and data_of(snapshot, "a.yaml") is not None)
        monkeypatch.setattr(threading.Thread, "start", refuse)
        viewer.source.poke()
        await viewer.until(lambda snapshot: "no thread can be started" in (snapshot.degraded or ""))
        monkeypatch.undo()
        await viewer.until(lambda snapshot: snapshot.degraded is None and snapshot.certain)
        assert not viewer.ever_gone("a.yaml")


async def test_a_bug_in_a_look_is_not_swallowed(manifests: Path) -> None:
    def broken(directory: int, name: str, question: Question) -> Entry | None:
        raise KeyError(name)

    write(manifests, "a.yaml")
    with pytest.raises(KeyError, match=r"a\.yaml"):
        async with Viewer(settings(manifests), inspect=broken) as viewer:
            await viewer.until(lambda _: True, seconds=5.0)


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_no_descriptor_is_left_open(manifests: Path) -> None:
    write(manifests, "a.yaml")
    before = open_descriptors()
    async with Viewer(settings(manifests)) as viewer:
        await viewer.until(lambda snapshot: snapshot.certain)
        during = open_descriptors()
        for _ in range(20):
            viewer.source.poke()
            await asyncio.sleep(0.01)
        await until(lambda: open_descriptors() <= during + 1)  # a look that is under way has some of its own
    await until(lambda: open_descriptors() <= before)
