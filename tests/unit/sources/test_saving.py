"""The ways programs save a file: each ends with the right content, and at no moment is the file gone."""
# ruff: noqa: ASYNC240 - the test plays the operator; its file operations take microseconds

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
from typing import TYPE_CHECKING

from podstead.sources.timing import Timing
from podstead.state.sources import FileTrouble
from tests.unit.sources.viewer import Viewer, data_of, file_of, settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

OLD, NEW = b"value: old\n", b"value: new\nmore: text\n"


def atomically(path: Path) -> None:
    """Write beside and rename, as configuration tools do."""
    beside = path.with_name("a.yaml.tmp")
    beside.write_bytes(NEW)
    beside.rename(path)


async def like_vim(path: Path, viewer: Viewer) -> None:
    """Move the file to a backup, write it anew, remove the backup: for a moment there is no file, and a look sees that."""
    swap, backup = path.with_name(".a.yaml.swp"), path.with_name("a.yaml~")
    swap.write_bytes(b"swap")
    path.rename(backup)
    await viewer.until(lambda snapshot: data_of(snapshot, "a.yaml") is None)
    path.write_bytes(NEW)
    backup.unlink()
    swap.unlink()


def in_place(path: Path) -> None:
    path.write_bytes(NEW)


async def slowly(path: Path) -> None:
    """Write in place in small steps."""
    with path.open("wb", buffering=0) as file:
        for number in range(0, len(NEW), 3):
            file.write(NEW[number : number + 3])
            await asyncio.sleep(0.06)


def with_sed(path: Path) -> None:
    subprocess.run(["sed", "-i", "-e", "s/old/new/", "-e", "$a more: text", str(path)], check=True)


def with_cp(path: Path) -> None:
    source = path.parent.parent / "source"
    source.write_bytes(NEW)
    os.utime(source, (1_000_000, 1_000_000))
    subprocess.run(["cp", "-p", str(source), str(path)], check=True)


def with_install(path: Path) -> None:
    source = path.parent.parent / "source"
    source.write_bytes(NEW)
    subprocess.run(["install", "-m", "0600", str(source), str(path)], check=True)


def from_another_directory(path: Path) -> None:
    source = path.parent.parent / "source"
    source.write_bytes(NEW)
    subprocess.run(["mv", "-f", str(source), str(path)], check=True)


async def emptied_first(path: Path) -> None:
    """What `: > a.yaml; generate >> a.yaml` does."""
    path.write_bytes(b"")
    await asyncio.sleep(0.1)
    with path.open("ab") as file:
        file.write(NEW)


@contextlib.asynccontextmanager
async def saving(manifests: Path, timing: Timing, *, absence_seconds: float = 0.5) -> AsyncIterator[Viewer]:
    """Have the old content seen before, and the new one after."""
    (manifests / "a.yaml").write_bytes(OLD)
    where = settings(manifests, absence_seconds=absence_seconds)
    async with Viewer(where, expected=["a.yaml"], timing=timing) as viewer:
        await viewer.until(lambda snapshot: snapshot.certain and data_of(snapshot, "a.yaml") == OLD)
        yield viewer
        await viewer.content("a.yaml", NEW)
        await asyncio.sleep(0.8)
        last = viewer.seen[-1][1]
        assert data_of(last, "a.yaml") == NEW
        assert last.certain
        assert not viewer.ever_gone("a.yaml")


async def save(
    manifests: Path, how: Callable[[Path], Awaitable[None] | None], timing: Timing, *, absence_seconds: float = 0.5
) -> Viewer:
    async with saving(manifests, timing, absence_seconds=absence_seconds) as viewer:
        done = how(manifests / "a.yaml")
        if done is not None:
            await done
    return viewer


REAL = Timing()
STILL = Timing(settle_seconds=4.0)
"""For writers with pauses, which a busy machine makes longer: a file counts as still after much more than that."""
LONG = 4.0
"""For programs that leave no file for a moment, which a busy machine makes longer: it is gone after much more."""


async def test_atomic_rename(manifests: Path) -> None:
    viewer = await save(manifests, atomically, REAL)
    assert viewer.contents("a.yaml")[-2:] == [OLD, NEW]


async def test_vim(manifests: Path) -> None:
    async with saving(manifests, REAL, absence_seconds=LONG) as viewer:
        await like_vim(manifests / "a.yaml", viewer)
    assert viewer.contents("a.yaml")[-3:] == [OLD, None, NEW]


async def test_in_place(manifests: Path) -> None:
    await save(manifests, in_place, REAL)


async def test_slow_writing_shows_no_half_file(manifests: Path) -> None:
    viewer = await save(manifests, slowly, STILL)
    assert viewer.contents("a.yaml")[-2:] == [OLD, NEW]


async def test_sed(manifests: Path) -> None:
    viewer = await save(manifests, with_sed, REAL)
    assert viewer.contents("a.yaml")[-2:] == [OLD, NEW]


async def test_cp(manifests: Path) -> None:
    await save(manifests, with_cp, REAL)


async def test_install(manifests: Path) -> None:
    await save(manifests, with_install, REAL, absence_seconds=LONG)


async def test_mv_from_elsewhere(manifests: Path) -> None:
    viewer = await save(manifests, from_another_directory, REAL)
    assert viewer.contents("a.yaml")[-2:] == [OLD, NEW]


async def test_a_moment_of_emptiness_is_not_shown(manifests: Path) -> None:
    viewer = await save(manifests, emptied_first, STILL)
    assert b"" not in viewer.contents("a.yaml")


async def test_slow_writing_of_a_new_file_is_pending_until_its_close(manifests: Path) -> None:
    async with Viewer(settings(manifests), timing=STILL) as viewer:
        await viewer.until(lambda snapshot: snapshot.certain)
        await slowly(manifests / "a.yaml")
        await viewer.content("a.yaml", NEW)
        assert viewer.contents("a.yaml") == [None, NEW]
        troubles = {file.trouble for _, seen in viewer.seen if (file := file_of(seen, "a.yaml"))}
        assert troubles == {FileTrouble.PENDING, None}


async def test_a_writer_that_never_closes_is_read_once_it_is_still(manifests: Path) -> None:
    async with Viewer(settings(manifests, check_seconds=600.0)) as viewer:
        await viewer.until(lambda snapshot: snapshot.certain)
        with (manifests / "a.yaml").open("wb", buffering=0) as file:
            file.write(NEW)
            await viewer.content("a.yaml", NEW)


async def test_a_configmap_swap_is_refused_and_never_gone(manifests: Path) -> None:
    """Links are never followed; the swap of `..data` changes nothing of that."""
    for number in (1, 2):
        (manifests / f"..v{number}").mkdir()
        (manifests / f"..v{number}" / "b.yaml").write_bytes(b"%d" % number)
    (manifests / "..data").symlink_to("..v1")
    (manifests / "b.yaml").symlink_to("..data/b.yaml")
    (manifests / "a.yaml").write_bytes(OLD)
    async with Viewer(settings(manifests)) as viewer:
        await viewer.until(lambda snapshot: snapshot.certain and data_of(snapshot, "a.yaml") == OLD)
        (manifests / "..data_tmp").symlink_to("..v2")
        (manifests / "..data_tmp").rename(manifests / "..data")
        await asyncio.sleep(0.6)
        last = viewer.seen[-1][1]
        file = file_of(last, "b.yaml")
        assert file is not None
        assert (file.data, file.trouble, file.reason) == (None, FileTrouble.REFUSED, "SymbolicLink")
        assert data_of(last, "a.yaml") == OLD
        assert not viewer.ever_gone("b.yaml")


async def test_a_rename_inside_the_directory_is_seen_as_one_change(manifests: Path) -> None:
    (manifests / "a.yaml").write_bytes(OLD)
    async with Viewer(settings(manifests)) as viewer:
        await viewer.until(lambda snapshot: snapshot.certain and data_of(snapshot, "a.yaml") == OLD)
        (manifests / "a.yaml").rename(manifests / "b.yaml")
        await viewer.until(lambda snapshot: snapshot.gone("a.yaml"))
        assert data_of(viewer.seen[-1][1], "b.yaml") == OLD
        shown = [{file.name for file in seen.files} for _, seen in viewer.seen]
        assert {"a.yaml", "b.yaml"} not in shown
        assert set() not in shown
