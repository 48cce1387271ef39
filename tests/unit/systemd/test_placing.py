"""Files in their places: made once, updated while nobody edits them, taken away again."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from podstead.errors import OperatorError
from podstead.systemd.placing import Directory, Outcome, Placed, Placing

UNIT = Path("/etc/systemd/system/a.service")
OPTIONS = Path("/etc/podstead/podstead.conf")
MANIFESTS = Path("/etc/podstead/manifests")
DIRECTORIES = (Directory(path=OPTIONS.parent, mode=0o755), Directory(path=MANIFESTS, mode=0o700))


def put(root: Path, unit: str, options: str = "one", *, dry: bool = False) -> dict[str, Outcome]:
    placing = Placing(root=root, dry=dry)
    return told(list(placing.put(DIRECTORIES, {UNIT: unit, OPTIONS: options})))


def told(placed: list[Placed]) -> dict[str, Outcome]:
    return {one.path.name: one.outcome for one in placed}


def test_a_second_time_changes_nothing(tmp_path: Path) -> None:
    assert set(put(tmp_path, "v1").values()) == {Outcome.MADE}
    assert stat.S_IMODE((tmp_path / "etc/podstead/manifests").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "etc/podstead/podstead.conf").stat().st_mode) == 0o644
    assert set(put(tmp_path, "v1").values()) == {Outcome.UNCHANGED}


def test_what_nobody_edited_is_brought_up_to_date(tmp_path: Path) -> None:
    put(tmp_path, "v1")
    assert put(tmp_path, "v2")["a.service"] is Outcome.UPDATED
    assert (tmp_path / "etc/systemd/system/a.service").read_text() == "v2"


def test_what_an_operator_edited_is_kept_by_both(tmp_path: Path) -> None:
    put(tmp_path, "v1")
    edited = tmp_path / "etc/podstead/podstead.conf"
    edited.write_text("mine")
    assert put(tmp_path, "v2", "two")["podstead.conf"] is Outcome.KEPT
    taken = told(list(Placing(root=tmp_path).take()))
    assert taken["podstead.conf"] is Outcome.KEPT
    assert taken["a.service"] is Outcome.REMOVED
    assert edited.read_text() == "mine"


def test_what_was_edited_goes_where_that_is_asked_for(tmp_path: Path) -> None:
    put(tmp_path, "v1")
    (tmp_path / "etc/systemd/system/a.service").write_text("mine")
    assert told(list(Placing(root=tmp_path).take(edited=True)))["a.service"] is Outcome.REMOVED
    assert not (tmp_path / "etc/systemd/system/a.service").exists()


def test_a_crash_between_a_file_and_its_record_makes_it_nobody_else_s(tmp_path: Path) -> None:
    put(tmp_path, "v1")
    (tmp_path / "etc/systemd/system/a.service").write_text("v2")  # the record is still that of v1
    assert put(tmp_path, "v2")["a.service"] is Outcome.UNCHANGED
    assert put(tmp_path, "v3")["a.service"] is Outcome.UPDATED


def test_what_was_made_before_a_failure_is_known_afterwards(tmp_path: Path) -> None:
    (tmp_path / "etc/podstead/podstead.conf").mkdir(parents=True)
    with pytest.raises(OperatorError, match=r"podstead\.conf"):
        put(tmp_path, "v1")
    assert told(list(Placing(root=tmp_path).take()))["a.service"] is Outcome.REMOVED


def test_a_file_of_somebody_else_is_kept(tmp_path: Path) -> None:
    there = tmp_path / "etc/systemd/system/a.service"
    there.parent.mkdir(parents=True)
    there.write_text("theirs")
    assert put(tmp_path, "v1")["a.service"] is Outcome.KEPT
    assert told(list(Placing(root=tmp_path).take()))["podstead.conf"] is Outcome.REMOVED
    assert there.read_text() == "theirs"


def test_all_that_was_made_goes_and_nothing_else(tmp_path: Path) -> None:
    put(tmp_path, "v1")
    list(Placing(root=tmp_path).take())
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert not (tmp_path / "etc/podstead").exists()


def test_a_manifest_in_the_directory_keeps_it(tmp_path: Path) -> None:
    put(tmp_path, "v1")
    manifest = tmp_path / "etc/podstead/manifests/web.yaml"
    manifest.write_text("kind: Pod")
    list(Placing(root=tmp_path).take())
    assert manifest.read_text() == "kind: Pod"


@pytest.mark.parametrize("before", [False, True])
def test_a_dry_run_touches_nothing(tmp_path: Path, before: bool) -> None:
    if before:
        put(tmp_path, "v1")
    there = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    put(tmp_path, "v2", dry=True)
    list(Placing(root=tmp_path, dry=True).take())
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == there


def test_a_directory_keeps_the_mode_that_it_has(tmp_path: Path) -> None:
    manifests = tmp_path / "etc/podstead/manifests"
    manifests.mkdir(parents=True, mode=0o750)
    assert put(tmp_path, "v1")["manifests"] is Outcome.UNCHANGED
    assert stat.S_IMODE(manifests.stat().st_mode) == 0o750
