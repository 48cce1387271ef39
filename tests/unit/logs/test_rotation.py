"""Rotating a log: what is kept, under which names, and that no crash loses a line."""

from __future__ import annotations

import gzip
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from podstead.logs import rotation
from podstead.logs.paths import log_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WALL = datetime(2026, 11, 23, 2, 39, 18, tzinfo=UTC).timestamp()
KEEP = 3


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "0.log"
    path.write_bytes(b"0\n")
    return path


def rotate(log: Path, text: str, wall: float = WALL) -> None:
    """Do what the keeper does, with a runtime that makes the log anew."""
    rotation.tidy(log, KEEP)
    rotation.set_aside(log, wall)
    log.write_text(text)


def names(log: Path) -> list[str]:
    return sorted(p.name for p in log.parent.iterdir())


def content(log: Path) -> str:
    """Return the whole log by its names alone."""
    files = sorted(file for p in log.parent.iterdir() if (file := log_file(p.name)) is not None)
    read = {f.plain: log.with_name(f.name).read_bytes() for f in files if not f.compressed}
    read |= {f.plain: gzip.decompress(log.with_name(f.name).read_bytes()) for f in files if f.compressed}
    return b"".join(read[name] for name in dict.fromkeys(f.plain for f in files)).decode()


def test_the_newest_stay_and_all_but_one_are_compressed(log: Path) -> None:
    for number in range(1, 8):
        rotate(log, f"{number}\n", WALL + 60 * number)
    assert names(log) == [
        "0.log",
        "0.log.20261123-024318.gz",
        "0.log.20261123-024418.gz",
        "0.log.20261123-024518.gz",
        "0.log.20261123-024618",
    ]
    assert content(log) == "3\n4\n5\n6\n7\n"


def test_names_rise_whatever_the_clock_does(log: Path) -> None:
    for number, wall in enumerate((WALL, WALL, WALL - 86400, WALL - 5), start=1):
        rotate(log, f"{number}\n", wall)
    assert content(log) == "0\n1\n2\n3\n4\n"
    assert [n for n in names(log) if n.endswith("21")] == ["0.log.20261123-023921"]


def test_another_attempts_files_are_not_touched(log: Path) -> None:
    other = log.with_name("10.log.20200101-000000")
    other.write_bytes(b"other\n")
    unfinished = log.with_name("10.log.20200101-000001.tmp")
    unfinished.write_bytes(b"")
    for number in range(6):
        rotate(log, f"{number}\n", WALL + number)
    assert other.read_bytes() == b"other\n"
    assert unfinished.exists()


def test_a_refused_reopening_is_undone(log: Path) -> None:
    target = rotation.set_aside(log, WALL)
    rotation.put_back(log, target)
    assert names(log) == ["0.log"]
    assert log.read_bytes() == b"0\n"


def test_a_log_that_was_made_anew_in_spite_of_a_refusal_stays(log: Path) -> None:
    target = rotation.set_aside(log, WALL)
    log.write_bytes(b"1\n")
    rotation.put_back(log, target)
    assert log.read_bytes() == b"1\n"
    assert target.read_bytes() == b"0\n"


def test_a_log_that_went_with_its_pod_meanwhile_is_not_put_back(log: Path) -> None:
    target = rotation.set_aside(log, WALL)
    target.unlink()
    log.parent.rmdir()
    rotation.put_back(log, target)
    assert not log.parent.exists()


class DiedError(Exception):
    """The agent is gone at this call."""


@pytest.mark.parametrize("call", range(6))
def test_no_crash_loses_a_line(log: Path, call: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The agent dies at the n-th change of the directory; the next one goes on, and every line is still there."""
    for number in range(1, 4):
        rotate(log, f"{number}\n", WALL + number)
    passed = 0

    def dying(change: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **more: Any) -> Any:
            nonlocal passed
            passed += 1
            if passed == call + 1:
                raise DiedError
            return change(*args, **more)

        return wrapped

    with monkeypatch.context() as patch:
        for name in ("rename", "unlink", "open"):
            patch.setattr(os, name, dying(getattr(os, name)))
        try:
            rotation.tidy(log, KEEP)
            rotation.set_aside(log, WALL + 10)
        except DiedError:
            pass
    if not log.exists():
        log.write_text("4\n")  # the look after the crash only tells the runtime to open the log anew
        assert content(log) == "0\n1\n2\n3\n4\n"
        return
    assert content(log) == "0\n1\n2\n3\n"
    rotate(log, "4\n", WALL + 11)
    assert content(log) == "0\n1\n2\n3\n4\n"
    assert not [name for name in names(log) if name.endswith(".tmp")]


def test_a_full_disk_leaves_no_unfinished_file(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rotate(log, "1\n")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            rotation.tidy(log, KEEP)
    assert content(log) == "0\n1\n"
    assert not [name for name in names(log) if name.endswith((".tmp", ".gz"))]


def test_a_link_in_place_of_a_rotated_log_is_not_followed(log: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret\n")
    log.with_name("0.log.20200101-000000").symlink_to(secret)
    with pytest.raises(OSError, match="symbolic"):
        rotation.tidy(log, KEEP)
    assert not [name for name in names(log) if name.endswith((".tmp", ".gz"))]


def test_an_ended_log_keeps_its_last_whole_lines(log: Path) -> None:
    log.write_bytes(b"".join(b"line %d\n" % n for n in range(1000)))
    log.chmod(0o640)
    rotation.cut(log, 100)
    found = log.read_bytes()
    assert found.endswith(b"line 998\nline 999\n")
    assert found.startswith(b"line 9")
    assert 80 < len(found) <= 100
    assert log.stat().st_mode & 0o777 == 0o640


def test_the_size_of_what_is_not_there(tmp_path: Path) -> None:
    assert rotation.size_of(tmp_path / "0.log") is None
