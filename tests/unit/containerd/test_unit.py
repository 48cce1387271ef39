"""Under systemd containerd is a unit of its own (foundation 4): with a stand-in for systemd-run, as there is none here."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from podstead.containerd import unit
from podstead.containerd.process import ContainerdProcess, lock_holder

if TYPE_CHECKING:
    from collections.abc import Iterator

SLEEP = (shutil.which("sleep") or "/bin/sleep", "60")
STAND_IN = """#!{python}
import os, subprocess, sys
words = sys.argv[1:]
command = words[words.index("--") + 1:]
open({told!r}, "w").write("\\n".join(words[:words.index("--")]))
if {refuses}:
    sys.exit("Failed to start transient service unit")
subprocess.Popen(command, env={{"PATH": os.environ["PATH"]}}, start_new_session=True, stdin=subprocess.DEVNULL)
"""


@pytest.fixture
def directory() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="ps-", dir="/tmp"))
    yield made
    shutil.rmtree(made)


@pytest.fixture
def one(directory: Path) -> Iterator[ContainerdProcess]:
    made = ContainerdProcess(lock=directory / "lock", socket_path=directory / "sock", log=directory / "log")
    yield made
    made.terminate(timeout_seconds=2)


def with_systemd(directory: Path, monkeypatch: pytest.MonkeyPatch, *, refuses: bool = False) -> Path:
    """Let this look like a machine that systemd has booted; returns where the stand-in writes what it was told."""
    told, program = directory / "told", directory / "bin" / "systemd-run"
    program.parent.mkdir()
    program.write_text(STAND_IN.format(python=sys.executable, told=str(told), refuses=refuses))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(unit.unit_command, "__defaults__", (directory,))
    return told


def start(one: ContainerdProcess) -> int:
    environment = {"HTTPS_PROXY": "http://user:pa$s@proxy:3128"}
    return one.start(SLEEP, environment=environment, mount_namespace=None, net_namespace=None)


def test_containerd_is_a_unit_that_keeps_its_shims(
    one: ContainerdProcess, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = with_systemd(directory, monkeypatch)
    pid = start(one)
    assert lock_holder(directory / "lock") == one.find() == pid
    words = told.read_text().splitlines()
    assert {"--collect", "--property=Delegate=yes", "--property=KillMode=process"} <= set(words)
    assert not any("pa$s" in word for word in words)
    variables = directory / "containerd.env"
    assert variables.read_text() == 'HTTPS_PROXY="http://user:pa\\$s@proxy:3128"\n'
    assert stat.S_IMODE(variables.stat().st_mode) == 0o600
    assert one.terminate(timeout_seconds=5) is True
    start(one)
    again = told.read_text().splitlines()
    assert [w for w in again if w.startswith("--unit=")] != [w for w in words if w.startswith("--unit=")]


def test_where_systemd_refuses_it_is_started_all_the_same(
    one: ContainerdProcess, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_systemd(directory, monkeypatch, refuses=True)
    assert start(one) == one.find()


@pytest.mark.parametrize(
    ("text", "service"),
    [
        ("0::/system.slice/podstead.service\n", "podstead.service"),
        ("9:cpu:/\n1:name=systemd:/system.slice/agent.service\n0::/\n", "agent.service"),
        ("0::/user.slice/user-0.slice/session-1.scope\n", ""),
        ("0::/\n", ""),
    ],
)
def test_the_agents_own_service_stops_before_containerd(tmp_path: Path, text: str, service: str) -> None:
    (tmp_path / "cgroup").write_text(text)
    assert unit.own_service(tmp_path / "cgroup") == service


def test_without_systemd_there_is_no_unit(tmp_path: Path) -> None:
    assert unit.unit_command({"A": "b"}, tmp_path / "env", tmp_path / "not-booted") == ()
    assert not (tmp_path / "env").exists()
