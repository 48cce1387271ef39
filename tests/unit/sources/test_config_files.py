"""Files that pods name: what changes them is noticed at once, halves of writes are not, and silence is no change."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import time
from typing import TYPE_CHECKING

import pytest

from podstead.clock import SystemClock
from podstead.sources import config_files
from podstead.sources.config_files import ConfigFiles, FileTiming
from podstead.state.inputs import ABSENT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

QUICK = FileTiming(period=600.0, debounce=0.02, settle=0.3)
"""The look that nothing calls for comes after the test: what is noticed was told."""
STILL = FileTiming(period=600.0, debounce=0.02, settle=20.0)
"""For writers with pauses, which a busy machine makes longer: a file counts as still after much more than that."""


class Watched:
    """A running watch; `told` are the sets of changed paths."""

    def __init__(self, timing: FileTiming = QUICK) -> None:
        self.paths: list[str] = []
        self.told: list[frozenset[str]] = []
        self.files = ConfigFiles(lambda: self.paths, SystemClock(), timing)
        self.files.on_change = self.told.append

    async def add(self, *paths: Path) -> None:
        """Name files, as pods that start do."""
        self.paths += map(str, paths)
        await self.files.refresh(map(str, paths))
        await asyncio.sleep(0.1)

    def digest(self, path: Path) -> str | None:
        return self.files.digest(str(path))

    async def until(self, holds: Callable[[], object], seconds: float = 60.0) -> None:
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, f"not in {seconds} s; told {self.told}"
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def running(timing: FileTiming = QUICK) -> AsyncIterator[Watched]:
    watched = Watched(timing)
    task = asyncio.create_task(watched.files.run())
    try:
        yield watched
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.fixture
async def watched() -> AsyncIterator[Watched]:
    async with running() as made:
        yield made


async def test_an_edit_is_noticed_at_once_and_equal_content_is_none(watched: Watched, manifests: Path) -> None:
    one, other = manifests / "a.conf", manifests / "b.conf"
    one.write_text("1")
    other.write_text("1")
    await watched.add(one, other)
    first = watched.digest(one)
    assert first == watched.digest(other)
    assert first not in {None, ABSENT}
    watched.told.clear()
    one.write_text("2")
    await watched.until(lambda: watched.digest(one) != first)
    assert watched.told == [{str(one)}]
    one.write_text("1")
    await watched.until(lambda: watched.digest(one) == first)
    (manifests / ".new").write_text("3")
    (manifests / ".new").rename(one)
    await watched.until(lambda: watched.digest(one) != first)
    assert watched.digest(other) == first


async def test_a_file_that_goes_and_one_that_comes(watched: Watched, manifests: Path) -> None:
    path = manifests / "a.conf"
    await watched.add(path)
    assert watched.digest(path) == ABSENT
    path.write_text("1")
    await watched.until(lambda: watched.digest(path) != ABSENT)
    path.unlink()
    await watched.until(lambda: watched.digest(path) == ABSENT)


async def test_a_directory_that_comes_later_is_found(manifests: Path) -> None:
    path = manifests / "later" / "a.conf"
    async with running(FileTiming(period=0.2, debounce=0.02, settle=0.1)) as watched:
        await watched.add(path)
        path.parent.mkdir()
        path.write_text("1")
        await watched.until(lambda: watched.digest(path) not in {None, ABSENT})
        first = watched.digest(path)
        await asyncio.sleep(0.3)
        path.write_text("2")
        await watched.until(lambda: watched.digest(path) != first)


async def test_a_half_of_a_write_does_not_count(manifests: Path) -> None:
    path = manifests / "a.conf"
    path.write_text("1")
    async with running(STILL) as watched:
        await watched.add(path)
        first = watched.digest(path)
        watched.told.clear()
        with path.open("w") as file:
            for _ in range(8):
                file.write("half")
                file.flush()
                await asyncio.sleep(0.1)
                watched.files.poke()
            assert watched.digest(path) == first
        await watched.until(lambda: watched.digest(path) != first)
        assert watched.told == [{str(path)}]


async def test_an_emptied_file_waits_for_what_is_written_next(manifests: Path) -> None:
    path = manifests / "a.conf"
    path.write_text("1")
    async with running(STILL) as watched:
        await watched.add(path)
        watched.told.clear()
        path.write_text("")
        await asyncio.sleep(0.15)
        path.write_text("2")
        await watched.until(lambda: watched.told)
        await asyncio.sleep(0.4)
        assert watched.told == [{str(path)}]


async def test_an_empty_file_that_stays_so_counts(watched: Watched, manifests: Path) -> None:
    path = manifests / "a.conf"
    path.write_text("1")
    await watched.add(path)
    watched.told.clear()
    path.write_text("")
    await watched.until(lambda: watched.told == [{str(path)}])


async def test_a_link_is_followed_to_what_it_leads_to(watched: Watched, manifests: Path) -> None:
    target, other, link = manifests / "v1", manifests / "v2", manifests / "a.conf"
    target.write_text("1")
    other.write_text("2")
    link.symlink_to(target)
    await watched.add(link)
    first = watched.digest(link)
    target.write_text("changed")
    await watched.until(lambda: watched.digest(link) != first)
    second = watched.digest(link)
    (manifests / "new").symlink_to(other)
    (manifests / "new").rename(link)
    await watched.until(lambda: watched.digest(link) != second)


async def test_a_loop_of_links_keeps_nobody_else_from_being_watched(watched: Watched, manifests: Path) -> None:
    file, loop = manifests / "a.conf", manifests / "loop.conf"
    file.write_text("1")
    loop.symlink_to(loop)
    await watched.add(loop, file)
    watched.told.clear()
    file.write_text("2")
    await watched.until(lambda: watched.told == [frozenset({str(file)})])
    (manifests / "new").write_text("mended")
    (manifests / "new").rename(loop)
    await watched.until(lambda: watched.told[1:] == [frozenset({str(loop)})])


async def test_what_is_no_small_file_is_told_apart_by_its_stat(
    watched: Watched, manifests: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config_files, "MOST_BYTES", 10)
    large, pipe = manifests / "large", manifests / "pipe"
    large.write_text("x" * 100)
    os.mkfifo(pipe)
    await watched.add(large, pipe)
    first = watched.digest(large)
    large.write_text("y" * 100)
    await watched.until(lambda: watched.digest(large) != first)
    assert watched.digest(pipe) not in {None, ABSENT}


async def test_a_file_that_cannot_be_read_is_as_it_was(
    watched: Watched, manifests: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = manifests / "a.conf"
    path.write_text("1")
    await watched.add(path)
    first = watched.digest(path)

    def broken(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(config_files, "_look_at", broken)
    path.write_text("2")
    await asyncio.sleep(0.3)
    assert watched.digest(path) == first


async def test_a_start_reads_what_stands_there_now(watched: Watched, manifests: Path) -> None:
    path = manifests / "a.conf"
    path.write_text("1")
    await watched.add(path)
    first = watched.digest(path)
    with path.open("a") as file:
        file.write("2")
        file.flush()
        await watched.files.refresh([str(path)])
        assert watched.digest(path) != first


async def test_what_nobody_names_is_forgotten_and_too_many_are_counted(
    watched: Watched, manifests: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = manifests / "a.conf"
    path.write_text("1")
    await watched.add(path)
    watched.paths.clear()
    watched.files.poke()
    await watched.until(lambda: watched.digest(path) is None)
    monkeypatch.setattr(config_files, "MOST_FILES", 2)
    watched.paths += [str(manifests / str(number)) for number in range(5)]
    watched.files.poke()
    await watched.until(lambda: watched.files.overflow == 3)


async def test_a_busy_directory_costs_little(watched: Watched, manifests: Path) -> None:
    path, noise = manifests / "a.conf", manifests / "noise"
    path.write_text("1")
    await watched.add(path)
    first = watched.digest(path)
    begun = time.process_time()
    for number in range(5000):
        noise.write_text(str(number))
        if number % 500 == 0:
            await asyncio.sleep(0.01)
    spent = time.process_time() - begun
    begun = time.process_time()
    path.write_text("2")
    await watched.until(lambda: watched.digest(path) != first)
    assert time.process_time() - begun < spent + 0.5
