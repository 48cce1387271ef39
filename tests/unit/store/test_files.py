from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podstead.store import files
from podstead.store.files import StoreError, Write

if TYPE_CHECKING:
    from pathlib import Path


def listing(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_a_written_file_has_its_bytes_and_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    files.write(path, b"one")
    files.write(path, b"two")
    assert files.read(path) == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert listing(tmp_path) == ["record.json"]


def test_a_file_of_others_has_its_own_mode_whatever_the_umask_says(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        files.write_many([Write(path=tmp_path / "a.sig", data=b"x", mode=0o644)])
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.sig").stat().st_mode) == 0o644


def test_no_directory_is_made_where_none_is_wanted(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"cannot write .*/none/a.sig: No such file or directory"):
        files.write_many([Write(path=tmp_path / "none" / "a.sig", data=b"x")], make_directories=False)
    assert listing(tmp_path) == []


def test_a_batch_that_cannot_be_staged_changes_nothing(tmp_path: Path) -> None:
    old = tmp_path / "old"
    files.write(old, b"before")
    batch = [Write(path=old, data=b"after"), Write(path=old / "new", data=b"x")]
    with pytest.raises(StoreError, match=r"cannot make .*/old: File exists"):
        files.write_many(batch)
    assert files.read(old) == b"before"
    assert listing(tmp_path) == ["old"]


@pytest.mark.parametrize("failing", ["fsync", "write"])
def test_a_full_disk_leaves_the_old_content_and_no_leftovers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    old = tmp_path / "old"
    files.write(old, b"before")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    if failing == "fsync":
        monkeypatch.setattr(os, "fsync", full)
    else:
        monkeypatch.setattr(os, "fdopen", full)
    with pytest.raises(StoreError) as caught:
        files.write_many([Write(path=old, data=b"after"), Write(path=tmp_path / "new", data=b"x")])
    assert str(caught.value).endswith("No space left on device")
    assert files.read(old) == b"before"
    assert listing(tmp_path) == ["old"]


def test_contents_are_synced_before_names_change_and_the_directory_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    sync, rename = os.fsync, os.rename

    def fsync(descriptor: int) -> None:
        steps.append("directory" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        sync(descriptor)

    def renamed(hidden: Path, target: Path, **directories: int | None) -> None:
        steps.append(f"rename {target.name}")
        rename(hidden, target, **directories)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "rename", renamed)
    files.write_many([Write(path=tmp_path / name, data=b"x") for name in ("a", "b", "c")])
    assert steps == ["file"] * 3 + ["rename a", "rename b", "rename c", "directory"]


def test_what_names_a_batch_changes_when_that_is_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    sync, rename = files.sync_directory, os.rename

    def synced(path: Path) -> None:
        steps.append(f"sync {path.name}")
        sync(path)

    def renamed(hidden: Path, target: Path, **directories: int | None) -> None:
        steps.append(f"rename {target.name}")
        rename(hidden, target, **directories)

    monkeypatch.setattr(files, "sync_directory", synced)
    monkeypatch.setattr(os, "rename", renamed)
    monkeypatch.setattr(files, "SYNC_THREADS", 1)
    batch = [Write(path=tmp_path / "made" / "deep" / "a", data=b"a")]
    files.write_many(batch, [Write(path=tmp_path / "names-a", data=b"n")])
    assert steps == [
        *("rename a", "sync deep", f"sync {tmp_path.name}", "sync made"),
        *("rename names-a", f"sync {tmp_path.name}"),
    ]


def test_reading_what_is_not_there_and_what_cannot_be_read(tmp_path: Path) -> None:
    assert files.read(tmp_path / "none") is None
    assert files.names(tmp_path / "none") == ()
    with pytest.raises(StoreError, match=r"cannot read .*: Is a directory"):
        files.read(tmp_path)


def test_a_killed_writers_leftovers_are_swept_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / ".abc123.tmp").write_bytes(b"half")
    (tmp_path / ".keep").write_bytes(b"")
    files.write(tmp_path / "record.json", b"{}")
    files.sweep(tmp_path)
    assert listing(tmp_path) == [".keep", "record.json"]
    assert files.names(tmp_path) == ("record.json",)


def test_setting_aside_never_overwrites(tmp_path: Path) -> None:
    kept = []
    for content in (b"first", b"second"):
        files.write(tmp_path / "x.json", content)
        kept.append(files.set_aside(tmp_path / "x.json", 0.0))
    assert [path.name for path in kept] == ["x.json.19700101T000000Z.corrupt", "x.json.19700101T000000Z.2.corrupt"]
    assert [path.read_bytes() for path in kept] == [b"first", b"second"]


def test_removing_twice_is_no_error(tmp_path: Path) -> None:
    files.write(tmp_path / "x", b"")
    files.remove(tmp_path / "x")
    files.remove(tmp_path / "x", tmp_path / "gone" / "y")
    assert listing(tmp_path) == []


@pytest.mark.parametrize("text", ["default", "mysql-node1", "a.b.c-1", "x" * 200])
def test_kubernetes_names_stay_as_they_are(text: str) -> None:
    assert files.segment(text) == text


@given(st.text(st.characters(categories=None), max_size=400), st.integers(30, 200))
def test_any_text_makes_one_safe_part_of_a_path(text: str, limit: int) -> None:
    part = files.segment(text, limit)
    assert 0 < len(part.encode()) <= limit
    assert "/" not in part
    assert "\0" not in part
    assert not part.startswith(".")


def test_long_names_that_differ_at_the_end_keep_apart() -> None:
    assert files.segment("x" * 300 + "a") != files.segment("x" * 300 + "b")
