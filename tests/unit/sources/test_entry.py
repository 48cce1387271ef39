"""Every form an entry can have, on a real file system."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import socket
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from podstead.clock import Instant, SystemClock
from podstead.sources import entry as entries
from podstead.sources.entry import Entry, Question, Stamp, inspect_entry
from podstead.sources.opening import open_beneath
from podstead.sources.posture import owner_name
from podstead.state.sources import FileTrouble

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LATER = Instant(boot_id="b", boot=100.0, wall=SystemClock().now().wall + 3600)


def ask(
    directory: Path,
    name: str,
    known: Entry | None = None,
    *,
    closed: bool = True,
    now: Instant = LATER,
    allowance: int = 1 << 20,
) -> Entry | None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        question = Question(
            directory=str(directory),
            known=known,
            closed=closed,
            now=now,
            settle_seconds=1.0,
            max_bytes=1000,
            allowance=allowance,
        )
        return inspect_entry(descriptor, name, question)
    finally:
        os.close(descriptor)


def at(boot: float) -> Instant:
    """A moment at which no file looks old: the wall clock stands in 1970."""
    return Instant(boot_id="b", boot=boot, wall=0.0)


def test_content(manifests: Path) -> None:
    (manifests / "a.yaml").write_bytes(b"kind: Pod")
    (manifests / "a.yaml").chmod(0o640)
    entry = ask(manifests, "a.yaml")
    assert entry is not None
    file = entry.file
    assert (file.data, file.size, file.trouble) == (b"kind: Pod", 9, None)
    assert file.digest == hashlib.sha256(b"kind: Pod").hexdigest()
    assert file.path == f"{manifests}/a.yaml"
    assert file.mode == 0o640
    assert file.owner == owner_name(os.getuid())
    assert abs(file.modified_at - SystemClock().now().wall) < 60


def test_absent(manifests: Path) -> None:
    assert ask(manifests, "a.yaml") is None


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        ("directory", "IsDirectory"),
        ("fifo", "IsFifo"),
        ("socket", "IsSocket"),
        ("link", "SymbolicLink"),
        ("dangling", "SymbolicLink"),
        ("hard link", "HardLink"),
        ("large", "TooLarge"),
        pytest.param("device", "IsDevice", marks=pytest.mark.root),
    ],
)
def test_forms_that_are_never_read(manifests: Path, form: str, reason: str) -> None:
    path, target = manifests / "x.yaml", manifests / "target"
    with contextlib.ExitStack() as stack:
        match form:
            case "directory":
                path.mkdir()
            case "fifo":
                os.mkfifo(path)
            case "socket":
                stack.enter_context(socket.socket(socket.AF_UNIX)).bind(str(path))
            case "link":
                target.write_bytes(b"kind: Pod")
                path.symlink_to(target)
            case "dangling":
                path.symlink_to("/nowhere")
            case "hard link":
                target.write_bytes(b"kind: Pod")
                path.hardlink_to(target)
            case "large":
                with path.open("wb") as file:
                    file.truncate(11 << 20)
            case "device":
                os.mknod(path, 0o20600, os.makedev(1, 3))
            case _:
                raise AssertionError(form)
        entry = ask(manifests, "x.yaml")
    assert entry is not None
    assert entry.file.data is None
    assert (entry.file.trouble, entry.file.reason) == (FileTrouble.REFUSED, reason)
    assert len(entry.file.message) > 20


def test_a_file_that_nobody_may_read(manifests: Path) -> None:
    (manifests / "a.yaml").write_bytes(b"kind: Pod")
    (manifests / "a.yaml").chmod(0)
    entry = ask(manifests, "a.yaml")
    assert entry is not None
    assert (entry.file.trouble, entry.file.reason) == (FileTrouble.UNREADABLE, "NoReadPermission")
    assert entry.file.data is None


def test_the_budget_of_bytes(manifests: Path) -> None:
    (manifests / "a.yaml").write_bytes(b"x" * 100)
    entry = ask(manifests, "a.yaml", allowance=99)
    assert entry is not None
    assert (entry.file.trouble, entry.file.reason) == (FileTrouble.REFUSED, "TooManyBytes")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The names that were opened."""
    names: list[str] = []

    def counting(directory: int, name: str, flags: int) -> int:
        names.append(name)
        return open_beneath(directory, name, flags)

    monkeypatch.setattr("podstead.sources.entry.open_beneath", counting)
    yield names
    monkeypatch.undo()


def test_an_unchanged_file_is_not_opened_again(manifests: Path, opened: list[str]) -> None:
    (manifests / "a.yaml").write_bytes(b"one")
    first = ask(manifests, "a.yaml")
    assert ask(manifests, "a.yaml", first, closed=False) is first
    assert opened == ["a.yaml"]


def test_a_large_file_is_not_opened(manifests: Path, opened: list[str]) -> None:
    (manifests / "a.yaml").write_bytes(b"x" * 1001)
    ask(manifests, "a.yaml")
    assert opened == []


def test_a_forged_modification_time_is_seen_through(manifests: Path) -> None:
    path = manifests / "a.yaml"
    path.write_bytes(b"one")
    first = ask(manifests, "a.yaml")
    status = path.stat()
    path.write_bytes(b"two")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    second = ask(manifests, "a.yaml", first, closed=False, now=at(0.0))
    assert second is not None
    assert second.file.data == b"two"


def test_without_a_close_the_stat_must_be_still(manifests: Path) -> None:
    path = manifests / "a.yaml"
    path.write_bytes(b"kind:")
    first = ask(manifests, "a.yaml", closed=False, now=at(10.0))
    assert first is not None
    assert (first.file.trouble, first.file.reason) == (FileTrouble.PENDING, "BeingWritten")
    path.write_bytes(b"kind: Pod")
    second = ask(manifests, "a.yaml", first, closed=False, now=at(10.9))
    assert second is not None
    assert second.file.data is None
    third = ask(manifests, "a.yaml", second, closed=False, now=at(11.5))
    assert third is not None
    assert third.file.data is None
    fourth = ask(manifests, "a.yaml", third, closed=False, now=at(11.9))
    assert fourth is not None
    assert fourth.file.data == b"kind: Pod"


def test_the_previous_content_stays_while_the_next_is_written(manifests: Path) -> None:
    path = manifests / "a.yaml"
    path.write_bytes(b"one")
    first = ask(manifests, "a.yaml")
    path.write_bytes(b"tw")
    second = ask(manifests, "a.yaml", first, closed=False, now=at(5.0))
    assert second is not None
    assert second.file.data == b"one"
    assert second.waiting is not None
    path.write_bytes(b"two")
    third = ask(manifests, "a.yaml", second)
    assert third is not None
    assert third.file.data == b"two"
    assert third.waiting is None


def test_an_emptied_file_counts_only_when_it_stays_empty(manifests: Path) -> None:
    (manifests / "a.yaml").write_bytes(b"")
    first = ask(manifests, "a.yaml", closed=True, now=at(0.0))
    assert first is not None
    assert first.file.trouble is FileTrouble.PENDING
    second = ask(manifests, "a.yaml", first, closed=False, now=at(1.0))
    assert second is not None
    assert second.file.data == b""
    assert second.file.trouble is None


def test_an_old_file_is_read_at_the_first_look(manifests: Path) -> None:
    (manifests / "a.yaml").write_bytes(b"one")
    entry = ask(manifests, "a.yaml", closed=False, now=LATER)
    assert entry is not None
    assert entry.file.data == b"one"


def test_a_file_that_changes_under_every_read_is_pending(manifests: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, reads = manifests / "a.yaml", []
    path.write_bytes(b"x")
    real = os.read

    def read_while_it_grows(descriptor: int, size: int) -> bytes:
        data = real(descriptor, size)
        reads.append(data)
        with path.open("ab") as file:
            file.write(b"more")
        return data

    monkeypatch.setattr(os, "read", read_while_it_grows)
    entry = ask(manifests, "a.yaml")
    monkeypatch.undo()
    assert entry is not None
    assert (entry.file.trouble, entry.file.reason) == (FileTrouble.PENDING, "BeingWritten")
    assert entry.waiting is not None
    assert len(reads) >= entries.READ_ATTEMPTS


@pytest.mark.parametrize("code", ["EIO", "ESTALE", "EACCES", "ENOTCONN", "ENOMEM"])
def test_errors_of_the_file_system_have_a_reason(manifests: Path, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (manifests / "a.yaml").write_bytes(b"x")

    def fail(descriptor: int, size: int) -> bytes:
        raise OSError(getattr(errno, code), "injected")

    monkeypatch.setattr(os, "read", fail)
    entry = ask(manifests, "a.yaml")
    monkeypatch.undo()
    assert entry is not None
    assert entry.file.trouble is FileTrouble.UNREADABLE
    assert code in entry.file.message


def test_owner_falls_back_to_the_number() -> None:
    assert owner_name(0) == "root"
    assert owner_name(4_000_000_000) == "4000000000"


def test_a_closed_file_is_read_though_its_stat_is_the_same(manifests: Path) -> None:
    """Two writes of one length within a tick of the kernel's clock have the same stat; the second close tells of it."""
    (manifests / "a.yaml").write_bytes(b"image: web:1")
    first = ask(manifests, "a.yaml")
    assert first is not None
    (manifests / "a.yaml").write_bytes(b"image: web:2")
    same = replace(first, stamp=Stamp.of((manifests / "a.yaml").stat()))
    second = ask(manifests, "a.yaml", same)
    assert second is not None
    assert second.file.data == b"image: web:2"
    assert ask(manifests, "a.yaml", second, closed=False) is second
