"""Files that change all at once: whole contents only, and nothing that a container did to the directory is followed."""

from __future__ import annotations

import errno
import os
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from podstead.volumes.atomic import DATA, is_written, write
from podstead.volumes.payload import FileContent
from tests.unit.volumes.world import mode_of

if TYPE_CHECKING:
    from pathlib import Path


def files(**texts: str) -> dict[str, FileContent]:
    """Return a payload; `__` in a name stands for a slash."""
    return {name.replace("__", "/"): FileContent(data=text.encode(), mode=0o644) for name, text in texts.items()}


def shown(path: Path) -> dict[str, str]:
    """Return what a container reads, by path."""
    found: dict[str, str] = {}
    for top in path.iterdir():
        if not top.name.startswith(".."):
            inner = [top] if top.is_file() else [p for p in top.rglob("*") if p.is_file()]
            found |= {str(p.relative_to(path)): p.read_text() for p in inner}
    return found


def stamps(path: Path) -> list[str]:
    return [p.name for p in path.iterdir() if p.name.startswith("..2")]


def test_the_layout_that_kubernetes_users_know(tmp_path: Path) -> None:
    assert not is_written(tmp_path)
    assert write(tmp_path, files(a="1", conf__my="2"), None)
    assert is_written(tmp_path)
    (stamp,) = stamps(tmp_path)
    links = {name: str((tmp_path / name).readlink()) for name in (DATA, "a", "conf")}
    assert links == {DATA: stamp, "a": "..data/a", "conf": "..data/conf"}
    assert (mode_of(tmp_path / stamp), mode_of(tmp_path / stamp / "conf")) == (0o755, 0o755)
    assert shown(tmp_path) == {"a": "1", "conf/my": "2"}


def test_an_equal_content_changes_nothing(tmp_path: Path) -> None:
    write(tmp_path, files(a="1", b="2"), None)
    before = stamps(tmp_path)
    assert not write(tmp_path, files(b="2", a="1"), None)
    assert stamps(tmp_path) == before


@pytest.mark.parametrize(
    "after", [files(a="2", b="2"), files(a="1"), files(a="1", b="2", c="3"), files(a__x="1", b="2"), {}]
)
def test_another_content_replaces_all_of_it(tmp_path: Path, after: dict[str, FileContent]) -> None:
    write(tmp_path, files(a="1", b="2"), None)
    old = stamps(tmp_path)
    assert write(tmp_path, after, None)
    assert shown(tmp_path) == {name: content.data.decode() for name, content in after.items()}
    assert len(stamps(tmp_path)) == 1
    assert stamps(tmp_path) != old


def test_another_mode_is_another_content(tmp_path: Path) -> None:
    write(tmp_path, {"a": FileContent(data=b"1", mode=0o600)}, None)
    assert write(tmp_path, {"a": FileContent(data=b"1", mode=0o400)}, None)
    assert mode_of(tmp_path / DATA / "a") == 0o400


@pytest.mark.root
def test_owner_and_group(tmp_path: Path) -> None:
    content = {"x/a": FileContent(data=b"1", mode=0o400, user=7), "b": FileContent(data=b"", mode=0o600)}
    assert write(tmp_path, content, 4711)
    base = tmp_path / DATA
    status = (base / "x/a").stat()
    assert (status.st_uid, status.st_gid, mode_of(base / "x/a")) == (7, 4711, 0o440)
    assert ((base / "b").stat().st_uid, mode_of(base / "b")) == (0, 0o640)
    assert [(p.stat().st_gid, mode_of(p)) for p in (base.resolve(), base / "x")] == [(4711, 0o2755)] * 2
    assert not write(tmp_path, content, 4711)
    assert write(tmp_path, content, 4712)


def test_readers_see_the_old_files_or_the_new_ones(tmp_path: Path) -> None:
    write(tmp_path, files(a="0", b="0"), None)
    torn: list[list[bytes]] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            try:
                base = (tmp_path / DATA).resolve()
                got = [(base / name).read_bytes() for name in ("a", "b")]
            except FileNotFoundError:
                continue  # the directory that was looked at has been replaced meanwhile
            if got[0] != got[1]:
                torn.append(got)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for number in range(150):
            write(tmp_path, files(a=str(number), b=str(number)), None)
    finally:
        done.set()
        reader.join(10)
    assert torn == []


# What a container may have done to the directory


def test_a_link_that_leads_elsewhere_is_not_followed(tmp_path: Path) -> None:
    volume, outside = tmp_path / "v", tmp_path / "outside"
    volume.mkdir()
    outside.mkdir()
    (outside / "a").write_text("theirs")
    write(volume, files(a="1"), None)
    for target in ("../outside", str(outside), "..", "nothing"):
        (volume / DATA).unlink()
        (volume / DATA).symlink_to(target)
        assert not is_written(volume)
        assert write(volume, files(a="1"), None)
        assert shown(volume) == {"a": "1"}
    assert (outside / "a").read_text() == "theirs"
    assert [p.name for p in outside.iterdir()] == ["a"]


def test_directories_and_fifos_in_place_of_links_are_replaced(tmp_path: Path) -> None:
    write(tmp_path, files(a="1", b="2"), None)
    (tmp_path / DATA).unlink()
    (tmp_path / DATA / "deep").mkdir(parents=True)
    (tmp_path / "..data_tmp").mkdir()
    (tmp_path / "a").unlink()
    os.mkfifo(tmp_path / "a")
    (tmp_path / "b").unlink()
    (tmp_path / "b").symlink_to("/etc/passwd")
    (tmp_path / "..2026_01_01_00_00_00.dead").symlink_to("/etc")
    assert write(tmp_path, files(a="1", b="2"), None)
    assert shown(tmp_path) == {"a": "1", "b": "2"}
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([DATA, "a", "b", *stamps(tmp_path)])
    assert len(stamps(tmp_path)) == 1


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/etc/hostname"), os.mkdir])
def test_a_file_replaced_under_the_content_is_noticed(tmp_path: Path, make: object) -> None:
    write(tmp_path, files(x__a="1"), None)
    victim = (tmp_path / DATA).resolve() / "x/a"
    victim.unlink()
    make(victim)  # type: ignore[operator]  # a function of a path
    assert write(tmp_path, files(x__a="1"), None)
    assert shown(tmp_path) == {"x/a": "1"}


def test_a_foreign_file_beside_the_content_goes(tmp_path: Path) -> None:
    write(tmp_path, files(a="1"), None)
    (tmp_path / "mine").write_text("x")
    (tmp_path / "folder/deep").mkdir(parents=True)
    ((tmp_path / DATA).resolve() / "added").write_text("x")
    write(tmp_path, files(a="1"), None)
    assert shown(tmp_path) == {"a": "1"}
    assert not (tmp_path / "folder").exists()


NAMES = st.sampled_from(["a", "b", "c/d", "c/e", "c/f/g", "h.i"])


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.dictionaries(NAMES, st.text(max_size=3)), min_size=1, max_size=6))
def test_any_history_ends_with_the_last_content(tmp_path: Path, history: list[dict[str, str]]) -> None:
    for texts in history:
        content = {name: FileContent(data=text.encode(), mode=0o644) for name, text in texts.items()}
        write(tmp_path, content, None)
        base = (tmp_path / DATA).resolve()
        found = {str(p.relative_to(base)): p.read_bytes() for p in base.rglob("*") if p.is_file()}
        assert found == {path: c.data for path, c in content.items()}


def test_a_content_that_does_not_fit_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each try would take more of a small tmpfs, until a content that fits finds no room either."""
    write(tmp_path, files(a="1"), None)
    before = sorted(tmp_path.iterdir())

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "fchown", full)
        with pytest.raises(OSError, match="No space left"):
            write(tmp_path, files(a="2", b="3"), None)
    assert sorted(tmp_path.iterdir()) == before
    assert shown(tmp_path) == {"a": "1"}
