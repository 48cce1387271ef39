"""The source as a whole: real files, real inotify, real loop."""
# ruff: noqa: ASYNC240 - the test plays the operator; its file operations take microseconds

from __future__ import annotations

import asyncio
import os
import socket
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import inotify_simple
import pytest

from podstead.sources.timing import Timing
from podstead.state.sources import FileTrouble
from tests.unit.sources.viewer import QUICK, Viewer, data_of, file_of, reason_of, settings

if TYPE_CHECKING:
    from pathlib import Path

SELDOM = 600.0
"""Between looks that nothing calls for: what is seen in a test is then seen for another reason."""


async def test_the_first_snapshot_comes_with_the_first_look(manifests: Path) -> None:
    (manifests / "a.yaml").write_bytes(b"one")
    os.utime(manifests / "a.yaml", (1, 1))
    began = time.monotonic()
    patient = Timing(debounce_seconds=3.0, settle_seconds=3.0, recheck_seconds=3.0)
    async with Viewer(settings(manifests, absence_seconds=4.0), timing=patient) as viewer:
        first = await viewer.until(lambda _: True)
        assert viewer.seen[0][0] - began < 3.0, "it waits for nothing"
        assert first.path == str(manifests)
        assert not first.certain
        assert first.degraded is None
        await viewer.content("a.yaml", b"one")
        last = await viewer.until(lambda snapshot: snapshot.certain)
        assert last.gone("never.yaml")
        assert last.notes == ()


async def test_a_finished_edit_is_seen_at_once(manifests: Path) -> None:
    async with Viewer(settings(manifests), timing=replace(QUICK, debounce_seconds=2.0, settle_seconds=2.0)) as viewer:
        await viewer.until(lambda snapshot: snapshot.certain)
        delays = []
        for number in range(10):
            done = time.monotonic()
            (manifests / ".tmp").write_bytes(b"%d" % number)
            (manifests / ".tmp").rename(manifests / "a.yaml")
            await viewer.content("a.yaml", b"%d" % number)
            delays.append(next(at for at, seen in viewer.seen if data_of(seen, "a.yaml") == b"%d" % number) - done)
        # A pause of ours would be in each of them; other work of the machine is not.
        assert min(delays) < 0.2, f"{min(delays) * 1e3:.1f} ms at the least"


async def test_a_removed_file_is_gone_only_after_two_looks(manifests: Path) -> None:
    (manifests / "a.yaml").write_bytes(b"one")
    async with Viewer(settings(manifests, check_seconds=SELDOM)) as viewer:
        await viewer.until(lambda snapshot: snapshot.certain and data_of(snapshot, "a.yaml") == b"one")
        (manifests / "a.yaml").unlink()
        removed = time.monotonic()
        await viewer.until(lambda snapshot: snapshot.gone("a.yaml"))
        assert viewer.seen[-1][0] - removed >= 0.3
        assert any(file_of(seen, "a.yaml") is None and not seen.gone("a.yaml") for _, seen in viewer.seen)


async def test_an_unchanged_directory_is_silent(manifests: Path) -> None:
    (manifests / "a.yaml").write_bytes(b"one")
    async with Viewer(settings(manifests, check_seconds=0.1)) as viewer:
        await viewer.until(lambda snapshot: snapshot.certain and data_of(snapshot, "a.yaml") == b"one")
        seen = len(viewer.seen)
        with pytest.raises(AssertionError, match="not seen"):
            await viewer.until(lambda _: len(viewer.seen) > seen, seconds=0.5)


async def test_a_poke_is_answered_even_if_nothing_changed(manifests: Path) -> None:
    async with Viewer(settings(manifests, check_seconds=SELDOM)) as viewer:
        await viewer.until(lambda snapshot: snapshot.certain)
        seen = len(viewer.seen)
        viewer.source.poke()
        await viewer.until(lambda _: len(viewer.seen) > seen)


async def test_every_entry_is_listed(manifests: Path) -> None:
    (manifests / "good.yaml").write_bytes(b"one")
    (manifests / "dir.yaml").mkdir()
    os.mkfifo(manifests / "fifo.yaml")
    (manifests / "link.yaml").symlink_to("good.yaml")
    (manifests / "good.yaml.bak").write_bytes(b"two")
    with (manifests / "large.yaml").open("wb") as file:
        file.truncate(11 << 20)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(manifests / "socket.yaml"))
        async with Viewer(settings(manifests)) as viewer:
            last = await viewer.content("good.yaml", b"one")
    assert {file.name: (file.trouble, file.reason) for file in last.files} == {
        "good.yaml": (None, ""),
        "dir.yaml": (FileTrouble.REFUSED, "IsDirectory"),
        "fifo.yaml": (FileTrouble.REFUSED, "IsFifo"),
        "link.yaml": (FileTrouble.REFUSED, "SymbolicLink"),
        "good.yaml.bak": (FileTrouble.IGNORED, "BackupFile"),
        "large.yaml": (FileTrouble.REFUSED, "TooLarge"),
        "socket.yaml": (FileTrouble.REFUSED, "IsSocket"),
    }


async def test_a_file_that_becomes_a_link_is_refused_not_gone(manifests: Path) -> None:
    (manifests / "a.yaml").write_bytes(b"one")
    async with Viewer(settings(manifests)) as viewer:
        await viewer.until(lambda snapshot: snapshot.certain and data_of(snapshot, "a.yaml") == b"one")
        (manifests / ".new").symlink_to("/etc/shadow")
        (manifests / ".new").rename(manifests / "a.yaml")
        await viewer.until(lambda snapshot: reason_of(snapshot, "a.yaml") == "SymbolicLink")
        assert not viewer.ever_gone("a.yaml")


async def test_permission_taken_and_given_back(manifests: Path) -> None:
    path = manifests / "a.yaml"
    path.write_bytes(b"one")
    async with Viewer(settings(manifests)) as viewer:
        await viewer.until(lambda snapshot: snapshot.certain and data_of(snapshot, "a.yaml") == b"one")
        path.chmod(0)
        await viewer.until(lambda snapshot: reason_of(snapshot, "a.yaml") == "NoReadPermission")
        path.chmod(0o600)
        await viewer.content("a.yaml", b"one")
        assert not viewer.ever_gone("a.yaml")


@pytest.mark.conformance("S7")
async def test_a_directory_made_later_is_waited_for(manifests: Path) -> None:
    manifests.rmdir()
    async with Viewer(settings(manifests, check_seconds=SELDOM)) as viewer:
        first = await viewer.until(lambda _: True)
        assert first.degraded is not None
        assert "does not exist yet" in first.degraded
        assert not first.gone("a.yaml")
        manifests.mkdir()
        (manifests / "a.yaml").write_bytes(b"one")
        last = await viewer.content("a.yaml", b"one")
        assert last.degraded is None


async def test_a_directory_renamed_away_and_back_loses_nothing(manifests: Path) -> None:
    (manifests / "a.yaml").write_bytes(b"one")
    async with Viewer(settings(manifests, check_seconds=SELDOM), expected=["a.yaml"]) as viewer:
        await viewer.until(lambda snapshot: snapshot.certain and data_of(snapshot, "a.yaml") == b"one")
        aside = manifests.rename(manifests.parent / "aside")
        away = await viewer.until(lambda snapshot: snapshot.degraded is not None)
        assert away.degraded is not None
        assert "does not exist any more" in away.degraded
        manifests.mkdir()
        await viewer.until(lambda snapshot: "another directory" in (snapshot.degraded or ""))
        manifests.rmdir()
        aside.rename(manifests)
        back = await viewer.until(lambda snapshot: snapshot.degraded is None)
        assert data_of(back, "a.yaml") == b"one"
        assert not viewer.ever_gone("a.yaml")
        (manifests / "a.yaml").write_bytes(b"two")
        await viewer.content("a.yaml", b"two")


async def test_a_replaced_directory_is_adopted_when_every_file_is_back(manifests: Path) -> None:
    (manifests / "a.yaml").write_bytes(b"one")
    async with Viewer(settings(manifests), expected=["a.yaml"]) as viewer:
        await viewer.until(lambda snapshot: snapshot.certain and data_of(snapshot, "a.yaml") == b"one")
        before = viewer.source.identity
        (manifests / "a.yaml").unlink()
        manifests.rmdir()
        manifests.mkdir()
        await viewer.until(lambda snapshot: "lacks a.yaml" in (snapshot.degraded or ""))
        assert viewer.source.identity == before
        (manifests / "b.yaml").write_bytes(b"other")
        (manifests / "a.yaml").write_bytes(b"two")
        last = await viewer.until(lambda snapshot: data_of(snapshot, "a.yaml") == b"two" and snapshot.certain)
        assert last.degraded is None
        assert viewer.source.identity not in (None, before)
        assert not viewer.ever_gone("a.yaml")


@pytest.mark.attack("bind-mount")
async def test_nothing_is_taken_from_another_directory_until_root_accepts_it(manifests: Path) -> None:
    (manifests / "planted.yaml").write_bytes(b"evil")
    (manifests / "a.yaml").write_bytes(b"edited")
    async with Viewer(settings(manifests), known="directory:0:other", expected=["a.yaml", "b.yaml"]) as viewer:
        first = await viewer.until(lambda snapshot: reason_of(snapshot, "planted.yaml") == "AnotherDirectory")
        assert "nothing is taken" in (first.degraded or "")
        assert [file.data for file in first.files] == [None, None]
        await asyncio.sleep(0.5)
        assert viewer.contents("planted.yaml") == viewer.contents("a.yaml") == [None]
        viewer.source.accept_directory()
        await viewer.content("a.yaml", b"edited")


async def test_a_directory_that_root_has_configured_anew_is_taken_and_removes_nothing(manifests: Path) -> None:
    (manifests / "a.yaml").write_bytes(b"moved")
    known, at, expected = "directory:0:other", "/etc/elsewhere", ["a.yaml", "b.yaml"]
    async with Viewer(settings(manifests), known=known, known_at=at, expected=expected) as viewer:
        first = await viewer.content("a.yaml", b"moved")
        assert "root has configured it instead of /etc/elsewhere" in (first.degraded or "")
        (manifests / "new.yaml").write_bytes(b"new")
        last = await viewer.content("new.yaml", b"new")
        assert not last.certain
        assert (viewer.source.identity, viewer.source.counted_at) == ("directory:0:other", "/etc/elsewhere")
        viewer.source.accept_directory()
        await viewer.until(lambda snapshot: snapshot.certain)
        assert viewer.source.counted_at == str(manifests)


@pytest.mark.attack("bind-mount")
async def test_what_is_put_over_a_directory_that_root_has_configured_anew_gives_nothing(manifests: Path) -> None:
    (manifests / "a.yaml").write_bytes(b"moved")
    known, at, expected = "directory:0:other", "/etc/elsewhere", ["a.yaml", "b.yaml"]
    async with Viewer(settings(manifests), known=known, known_at=at, expected=expected) as viewer:
        await viewer.content("a.yaml", b"moved")
        fresh = manifests.with_name("fresh")
        fresh.mkdir(mode=0o700)
        (fresh / "planted.yaml").write_bytes(b"evil")
        manifests.rename(manifests.with_name("aside"))
        fresh.rename(manifests)
        await viewer.until(lambda snapshot: reason_of(snapshot, "planted.yaml") == "AnotherDirectory")


async def test_root_accepts_a_replaced_directory(manifests: Path) -> None:
    (manifests / "a.yaml").write_bytes(b"one")
    async with Viewer(settings(manifests), known="directory:0:other", expected=["a.yaml", "b.yaml"]) as viewer:
        first = await viewer.until(lambda snapshot: "lacks b.yaml" in (snapshot.degraded or ""))
        assert not first.gone("b.yaml")
        viewer.source.accept_directory()
        last = await viewer.until(lambda snapshot: snapshot.gone("b.yaml"))
        assert last.degraded is None
        assert data_of(last, "a.yaml") == b"one"
        assert viewer.source.identity != "directory:0:other"


async def test_a_file_removed_while_the_agent_was_down_is_gone_after_two_looks(manifests: Path) -> None:
    async with Viewer(settings(manifests)) as before:
        await before.until(lambda snapshot: snapshot.certain)
        identity = before.source.identity
    async with Viewer(settings(manifests, check_seconds=SELDOM), known=identity, expected=["a.yaml"]) as viewer:
        first = await viewer.until(lambda _: True)
        assert not first.gone("a.yaml")
        await viewer.until(lambda snapshot: snapshot.gone("a.yaml"))


async def test_whether_there_is_a_directory_to_accept(manifests: Path) -> None:
    async with Viewer(settings(manifests)) as viewer:
        await viewer.until(lambda snapshot: snapshot.degraded is None)
        assert viewer.source.unreadable is None
        moved = manifests.rename(manifests.with_name("moved"))
        manifests.symlink_to(moved)
        await viewer.until(lambda snapshot: snapshot.degraded is not None and "symbolic link" in snapshot.degraded)
        assert viewer.source.unreadable is not None
        moved.rename(manifests.with_name("back"))
        manifests.unlink()
        manifests.with_name("back").rename(manifests)
        await viewer.until(lambda snapshot: snapshot.degraded is None)
        assert viewer.source.unreadable is None


async def test_a_linked_directory_is_refused_in_words(manifests: Path) -> None:
    link = manifests.parent / "link"
    link.symlink_to(manifests)
    async with Viewer(settings(link)) as viewer:
        first = await viewer.until(lambda _: True)
        assert first.degraded is not None
        assert "symbolic link" in first.degraded
        assert first.files == ()


async def test_a_single_file(manifests: Path) -> None:
    path = manifests / "a.yaml"
    path.write_bytes(b"one")
    (manifests / "b.yaml").write_bytes(b"other")
    async with Viewer(settings(path, check_seconds=SELDOM), expected=["a.yaml"]) as viewer:
        last = await viewer.content("a.yaml", b"one")
        assert [file.name for file in last.files] == ["a.yaml"]
        (manifests / "new").write_bytes(b"two")
        (manifests / "new").rename(path)
        await viewer.content("a.yaml", b"two")
        path.unlink()
        path.mkdir()
        await viewer.until(lambda snapshot: snapshot.degraded is not None)
        path.rmdir()
        assert not viewer.ever_gone("a.yaml")
        await viewer.until(lambda snapshot: snapshot.gone("a.yaml"))


async def test_a_single_file_that_does_not_exist_yet(manifests: Path) -> None:
    async with Viewer(settings(manifests / "a.yaml", check_seconds=SELDOM)) as viewer:
        first = await viewer.until(lambda _: True)
        assert first.degraded is None
        (manifests / "a.yaml").write_bytes(b"one")
        await viewer.content("a.yaml", b"one")


async def test_without_inotify_changes_are_polled_for_and_a_note_says_so(
    manifests: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("podstead.sources.inotify.INotify", refuse)
    async with Viewer(settings(manifests, check_seconds=0.1)) as viewer:
        first = await viewer.until(lambda _: True)
        assert "polled" in first.notes[0]
        assert "fs.inotify.max_user_instances" in first.notes[0]
        (manifests / "a.yaml").write_bytes(b"one")
        await viewer.content("a.yaml", b"one")


async def test_a_directory_that_cannot_be_watched_is_polled(manifests: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(inotify_simple.INotify, "add_watch", refuse)
    async with Viewer(settings(manifests, check_seconds=0.1)) as viewer:
        first = await viewer.until(lambda _: True)
        assert "fs.inotify.max_user_watches" in first.notes[0]
        monkeypatch.undo()
        await viewer.until(lambda snapshot: snapshot.notes == ())
