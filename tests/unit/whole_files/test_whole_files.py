"""Every step of writing a whole file fails once, dies once, and meets what somebody else has put in its way."""

from __future__ import annotations

import errno
import io
import os
import stat
import threading
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from podstead import whole_files
from podstead.whole_files import Hidden, staged

if TYPE_CHECKING:
    from collections.abc import Callable

    Way = Callable[[Path, bytes], None]

OLD, NEW = b"old", b"new " * 50_000
"""The new one is longer than a buffer: a full disk meets it in its middle."""
DIED = 77
STEPS = ("open", "fchmod", "content", "sync content", "rename", "sync directory")
BEFORE_THE_NAME = STEPS[:5]


def by_path(path: Path, data: bytes) -> None:
    whole_files.write(path, data, mode=0o600, durable=True)


def by_descriptor(path: Path, data: bytes) -> None:
    """Write as who trusts no path: all names are those of entries of an open directory."""
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with staged(".x.new", data, mode=0o600, durable=True, directory=directory) as content:
            content.put(path.name)
        whole_files.sync_directory(directory)
    finally:
        os.close(directory)


def in_a_batch(path: Path, data: bytes) -> None:
    """Write as who syncs many at once, after all of them are written."""
    with staged(path.with_name(".x.new"), data, mode=0o600, durable=False) as content:
        content.sync()
        content.put(path)
    whole_files.sync_directory(path.parent)


WAYS = pytest.mark.parametrize("write", [by_path, by_descriptor, in_a_batch])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "x"
    made.write_bytes(OLD)
    return made


def listing(directory: Path) -> list[str]:
    return sorted(found.name for found in directory.iterdir())


class Failing(io.FileIO):
    """A file whose medium takes half of what is written."""

    def __init__(self, descriptor: int, fail: Callable[[], None]) -> None:
        super().__init__(descriptor, "wb")
        self._fail = fail

    def write(self, data: Any) -> int:
        super().write(data[: len(data) // 2])
        self._fail()
        return super().write(data[len(data) // 2 :]) + len(data) // 2


def only(at: str, happen: Callable[[], None]) -> Callable[[str], None]:
    return lambda step: happen() if step == at else None


def meet(monkeypatch: pytest.MonkeyPatch, met: Callable[[str], None]) -> None:
    """Let something happen before each step is done, or in the middle of the content."""
    opened, fchmod, fsync, rename = os.open, os.fchmod, os.fsync, os.rename

    def open_(name: Any, flags: int, *rest: Any, **more: Any) -> int:
        if flags & os.O_CREAT:
            met("open")
        return opened(name, flags, *rest, **more)

    def fchmod_(descriptor: int, mode: int) -> None:
        met("fchmod")
        fchmod(descriptor, mode)

    def fsync_(descriptor: int) -> None:
        met("sync directory" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "sync content")
        fsync(descriptor)

    def rename_(*names: Any, **directories: Any) -> None:
        met("rename")
        rename(*names, **directories)

    monkeypatch.setattr(os, "open", open_)
    monkeypatch.setattr(os, "fchmod", fchmod_)
    monkeypatch.setattr(os, "fsync", fsync_)
    monkeypatch.setattr(os, "rename", rename_)
    monkeypatch.setattr(os, "fdopen", lambda descriptor, _: Failing(descriptor, partial(met, "content")))


@WAYS
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("step", BEFORE_THE_NAME)
def test_an_error_before_the_name_leaves_the_old_content_and_nothing_else(
    path: Path, monkeypatch: pytest.MonkeyPatch, write: Way, code: int, step: str
) -> None:
    def fail() -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as failing:
        meet(failing, only(step, fail))
        with pytest.raises(OSError, match=os.strerror(code)):
            write(path, NEW)
    assert (path.read_bytes(), listing(path.parent)) == (OLD, ["x"])
    write(path, NEW)
    assert (path.read_bytes(), listing(path.parent)) == (NEW, ["x"])


@WAYS
def test_an_error_at_the_directory_is_told_though_the_name_is_there(
    path: Path, monkeypatch: pytest.MonkeyPatch, write: Way
) -> None:
    def fail() -> None:
        raise OSError(errno.EIO, "Input/output error")

    meet(monkeypatch, only("sync directory", fail))
    with pytest.raises(OSError, match="Input/output error"):
        write(path, NEW)
    assert (path.read_bytes(), listing(path.parent)) == (NEW, ["x"])


@WAYS
@pytest.mark.parametrize("step", STEPS)
def test_a_process_that_dies_leaves_the_old_content_or_the_new_one(
    path: Path, monkeypatch: pytest.MonkeyPatch, write: Way, step: str
) -> None:
    child = os.fork()
    if child == 0:
        try:
            meet(monkeypatch, only(step, partial(os._exit, DIED)))
            write(path, NEW)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == DIED
    assert path.read_bytes() == (NEW if step == "sync directory" else OLD)
    assert listing(path.parent) == (["x"] if step in {"open", "sync directory"} else [".x.new", "x"])
    by_path(path, b"next")
    assert (path.read_bytes(), listing(path.parent)) == (b"next", ["x"])


@WAYS
def test_the_content_is_durable_before_it_has_its_name_and_the_name_at_last(
    path: Path, monkeypatch: pytest.MonkeyPatch, write: Way
) -> None:
    taken: list[str] = []
    meet(monkeypatch, taken.append)
    write(path, b"short")
    assert tuple(taken) == STEPS


def test_what_the_next_start_makes_again_is_not_synced(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[str] = []
    meet(monkeypatch, taken.append)
    whole_files.write(path, b"short", mode=0o600, durable=False)
    assert taken == ["open", "fchmod", "content", "rename"]


@WAYS
@pytest.mark.parametrize("umask", [0o000, 0o277])
def test_nobody_else_can_read_it_at_any_moment(
    path: Path, monkeypatch: pytest.MonkeyPatch, write: Way, umask: int
) -> None:
    path.chmod(0o666)
    modes: dict[str, int] = {}

    def look(step: str) -> None:
        hidden = path.with_name(".x.new")
        modes[step] = stat.S_IMODE((hidden if hidden.exists() else path).stat().st_mode)

    meet(monkeypatch, look)
    before = os.umask(umask)
    try:
        write(path, NEW)
    finally:
        os.umask(before)
    del modes["open"]  # it is not there yet
    assert modes.pop("fchmod") == 0o600 & ~umask, "at its making"
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_umask_takes_nothing_from_a_file_of_others(path: Path) -> None:
    before = os.umask(0o077)
    try:
        whole_files.write(path, NEW, mode=0o644, durable=False)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_the_owner_of_what_is_replaced_keeps_nothing(path: Path) -> None:
    another = 4711 if os.geteuid() == 0 else -1  # only root can give a file away
    os.chown(path, another, another)
    by_path(path, NEW)
    assert (path.stat().st_uid, path.stat().st_gid) == (os.geteuid(), os.getegid())


@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
def test_what_lies_under_the_hidden_name_is_never_written(path: Path, link: Callable[[Path, Path], None]) -> None:
    other = path.with_name("other")
    other.write_bytes(b"precious")
    link(path.with_name(".x.new"), other)
    with pytest.raises(FileExistsError):
        by_descriptor(path, NEW)
    assert listing(path.parent) == [".x.new", "other", "x"]
    by_path(path, NEW)
    assert (path.read_bytes(), other.read_bytes(), listing(path.parent)) == (NEW, b"precious", ["other", "x"])


@WAYS
def test_a_link_under_the_name_is_replaced_and_not_followed(path: Path, write: Way) -> None:
    name = path.with_name("link")
    name.symlink_to(path)
    write(name, NEW)
    assert (name.is_symlink(), name.read_bytes(), path.read_bytes()) == (False, NEW, OLD)


@WAYS
def test_a_directory_under_the_name_stays(path: Path, write: Way) -> None:
    name = path.with_name("directory")
    name.mkdir()
    with pytest.raises(IsADirectoryError):
        write(name, NEW)
    assert listing(path.parent) == ["directory", "x"]


def test_a_batch_that_ends_early_leaves_what_was_put_and_nothing_hidden(path: Path) -> None:
    hidden = Hidden(begin=".", end=".tmp")
    with ExitStack() as held:
        first, _ = (
            held.enter_context(staged(path.with_name(hidden.name()), one, mode=0o600, durable=False))
            for one in (b"1", b"2")
        )
        first.put(path.with_name("first"))
        assert len(listing(path.parent)) == 3
    assert listing(path.parent) == ["first", "x"]


def test_a_reader_never_finds_a_part(path: Path) -> None:
    texts = {bytes([letter]) * 100_000 for letter in b"ab"}
    by_path(path, min(texts))
    done = threading.Event()

    def change() -> None:
        for text in list(texts) * 100:
            whole_files.write(path, text, mode=0o600, durable=False)
        done.set()

    writer = threading.Thread(target=change)
    writer.start()
    found = set()
    while not done.is_set():
        found.add(path.read_bytes())
    writer.join()
    assert found == texts


@pytest.mark.parametrize("by", ["path", "descriptor"])
def test_only_what_is_ours_is_swept(tmp_path: Path, by: str) -> None:
    hidden = Hidden(begin=".ours-", end=".tmp")
    for name in (hidden.name(), ".ours-1.tmp", ".ours-.tmp", ".ours-1", "ours-1.tmp", ".1.tmp"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / ".ours-2.tmp").mkdir()
    descriptor = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        hidden.sweep(descriptor if by == "descriptor" else tmp_path)
        os.fstat(descriptor)
    finally:
        os.close(descriptor)
    assert listing(tmp_path) == [".1.tmp", ".ours-.tmp", ".ours-1", ".ours-2.tmp", "ours-1.tmp"]


def test_there_is_nothing_to_sweep_where_there_is_no_directory(tmp_path: Path) -> None:
    Hidden(begin=".", end=".tmp").sweep(tmp_path / "none")
    assert listing(tmp_path) == []
