"""What a process is asked, and what of its words is shown."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from podstead.attribution.process import LEFT_OUT, ask

if TYPE_CHECKING:
    from pathlib import Path

CANARY = "hunter2"


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A /proc with process 7: `sudo -u` of user 1000's login, run by root."""
    place = tmp_path / "7"
    place.mkdir()
    (place / "status").write_text("Name:\tcp\nUid:\t1000\t0\t0\t0\n")
    (place / "loginuid").write_text("1000")
    (place / "comm").write_text("cp\n")
    (place / "exe").symlink_to("/usr/bin/cp")
    words = ["/usr/bin/cp", "-f", f"--password={CANARY}", "/m/a.yaml", "/m/../etc/shadow", CANARY, "/m/b.yaml"]
    (place / "cmdline").write_bytes(b"\0".join(map(os.fsencode, words)) + b"\0")
    return tmp_path


def test_only_its_name_and_words_within_the_directory_are_shown(proc: Path) -> None:
    found = ask(7, None, "/m", proc)
    assert found is not None
    assert (found.executable, found.user, found.login) == ("/usr/bin/cp", 0, 1000)
    assert found.command == ("cp", LEFT_OUT, "/m/a.yaml", LEFT_OUT, "/m/b.yaml")
    assert CANARY not in repr(found)


def test_what_may_not_be_read_is_told_by_its_short_name(proc: Path) -> None:
    (proc / "7" / "exe").unlink()
    (proc / "7" / "cmdline").write_bytes(b"")
    (proc / "7" / "loginuid").write_text("4294967295")
    found = ask(7, None, "/m", proc)
    assert found is not None
    assert (found.executable, found.command, found.login) == ("cp", (), None)


def test_long_words_and_many_are_cut(proc: Path) -> None:
    words = ["x" * 500, *[f"/m/{'y' * 300}{n}" for n in range(50)]]
    (proc / "7" / "cmdline").write_bytes(b"\0".join(map(os.fsencode, words)))
    found = ask(7, None, "/m", proc)
    assert found is not None
    assert (len(found.command), max(map(len, found.command))) == (6, 120)


def test_who_has_gone_says_nothing(proc: Path) -> None:
    assert ask(8, None, "/m", proc) is None
    (proc / "7" / "status").write_text("Name:\tcp\n")
    assert ask(7, None, "/m", proc) is None


def test_a_number_that_means_another_process_by_now_is_not_believed() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    pidfd = os.pidfd_open(ended.pid)
    ended.wait()
    try:
        assert ask(os.getpid(), pidfd, "/m") is None
    finally:
        os.close(pidfd)
    own = os.pidfd_open(os.getpid())
    found = ask(os.getpid(), own, "/m")
    os.close(own)
    assert found is not None
    assert found.user == os.geteuid()
