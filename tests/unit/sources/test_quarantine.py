"""Putting refused files away: what was judged and nothing else, within bounds, and back."""

from __future__ import annotations

import errno
import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from podstead.sources import quarantine
from podstead.sources.quarantine import Quarantined, QuarantineFault, entries, restore, take
from tests.unit.sources.viewer import settings

if TYPE_CHECKING:
    from pathlib import Path

EVIL = b"kind: Pod\n"


def found(manifests: Path, name: str = "a.yaml", data: bytes = EVIL, number: int = 0) -> Quarantined:
    """Return what an agent knows of a file that it has judged."""
    digest = hashlib.sha256(data).hexdigest()
    return Quarantined(
        id=f"{20260101000000 + number}-{digest[:8]}",
        name=name,
        path=f"{manifests}/{name}",
        digest=digest,
        size=len(data),
        owner="root",
        moved_at="2026-01-01T00:00:00Z",
        reason="Unsigned",
        message="nobody signed it",
        writer="written by vim (pid 812) of alice",
    )


@pytest.fixture
def cell(manifests: Path) -> Path:
    """Where files are put, not there yet."""
    return manifests.parent / "quarantine"


@pytest.fixture(params=["one file system", "two"])
def any_file_system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cell on the directory's file system, and on another one."""
    rename = quarantine._rename

    def across(source: int, name: str, target: int, new: str) -> None:
        if source != target:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        rename(source, name, target, new)

    if request.param == "two":
        monkeypatch.setattr(quarantine, "_rename", across)


def test_a_full_disk_leaves_the_file_where_it_is_and_nothing_of_its_story(
    manifests: Path, cell: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (manifests / "a.yaml").write_bytes(EVIL)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(QuarantineFault, match="cannot be moved: No space left on device"):
        take(settings(manifests), cell, found(manifests))
    assert ((manifests / "a.yaml").read_bytes(), list(cell.iterdir())) == (EVIL, [])


@pytest.mark.usefixtures("any_file_system")
def test_a_file_goes_with_its_story_and_comes_back(manifests: Path, cell: Path) -> None:
    (manifests / "a.yaml").write_bytes(EVIL)
    (manifests / "a.yaml").chmod(0o640)
    what = found(manifests)
    take(settings(manifests), cell, what)
    assert list(manifests.iterdir()) == []
    assert entries(cell) == (what,)
    assert (cell / f"{what.id}.manifest").read_bytes() == EVIL
    assert cell.stat().st_mode & 0o777 == 0o700
    assert restore(cell, what.id) == what
    assert (manifests / "a.yaml").read_bytes() == EVIL
    assert (manifests / "a.yaml").stat().st_mode & 0o777 == 0o640
    assert (list(cell.iterdir()), [path.name for path in manifests.iterdir()]) == ([], ["a.yaml"])


@pytest.mark.usefixtures("any_file_system")
@pytest.mark.attack("check-then-read", "rename")
def test_what_was_not_judged_stays(manifests: Path, cell: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (manifests / "a.yaml").write_bytes(b"good")
    with pytest.raises(QuarantineFault, match="has changed since it was judged"):
        take(settings(manifests), cell, found(manifests))
    (manifests / "a.yaml").write_bytes(EVIL)
    write = quarantine._write

    def exchanged(directory: int, name: str, data: bytes, like: os.stat_result | None = None) -> None:
        write(directory, name, data, like)
        (manifests / ".new").write_bytes(b"good")
        (manifests / ".new").rename(manifests / "a.yaml")

    monkeypatch.setattr(quarantine, "_write", exchanged)
    with pytest.raises(QuarantineFault, match="was exchanged while it was moved"):
        take(settings(manifests), cell, found(manifests))
    assert {path.name: path.read_bytes() for path in manifests.iterdir()} == {"a.yaml": b"good"}
    assert entries(cell) == ()
    assert list(cell.iterdir()) == []


@pytest.mark.attack("symbolic-link")
def test_links_lead_nowhere(manifests: Path, cell: Path) -> None:
    (manifests / "real").write_bytes(EVIL)
    (manifests / "a.yaml").symlink_to("real")
    with pytest.raises(QuarantineFault, match="cannot be moved"):
        take(settings(manifests), cell, found(manifests))
    (manifests / "a.yaml").unlink()
    with pytest.raises(QuarantineFault, match="cannot be moved"):
        take(settings(manifests), cell, found(manifests))
    cell.rmdir()
    elsewhere = manifests.parent / "elsewhere"
    elsewhere.mkdir()
    cell.symlink_to(elsewhere)
    (manifests / "a.yaml").write_bytes(EVIL)
    with pytest.raises(QuarantineFault, match="cannot be moved"):
        take(settings(manifests), cell, found(manifests))
    assert list(elsewhere.iterdir()) == []


@pytest.mark.attack("flood")
def test_the_oldest_stay_and_new_ones_are_left_where_they_are(
    manifests: Path, cell: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantine, "MOST_FILES", 2)
    for number in range(3):
        (manifests / f"{number}.yaml").write_bytes(EVIL)
    for number in range(2):
        take(settings(manifests), cell, found(manifests, f"{number}.yaml", number=number))
    with pytest.raises(QuarantineFault, match="is full") as full:
        take(settings(manifests), cell, found(manifests, "2.yaml", number=2))
    assert full.value.full
    assert [one.name for one in entries(cell)] == ["0.yaml", "1.yaml"]
    monkeypatch.setattr(quarantine, "MOST_FILES", 9)
    monkeypatch.setattr(quarantine, "MOST_BYTES", 25)
    with pytest.raises(QuarantineFault, match="is full"):
        take(settings(manifests), cell, found(manifests, "2.yaml", number=2))
    assert (manifests / "2.yaml").exists()


def test_nothing_is_put_over_what_is_there(manifests: Path, cell: Path) -> None:
    (manifests / "a.yaml").write_bytes(EVIL)
    what = found(manifests)
    take(settings(manifests), cell, what)
    (manifests / "a.yaml").write_bytes(b"newer")
    with pytest.raises(QuarantineFault, match=r"a\.yaml is there: move it away first"):
        restore(cell, what.id)
    for name in ("none", "../../etc", what.id + "x"):
        with pytest.raises(QuarantineFault, match="nothing in"):
            restore(cell, name)
    assert (manifests / "a.yaml").read_bytes() == b"newer"
    assert entries(cell) == (what,)
    assert entries(manifests.parent / "none") == ()
