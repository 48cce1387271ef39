"""podstead-containerd.service as the agent starts and ends it: a stand-in for systemctl that runs the plan as the unit does."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from podstead.containerd import launch, unit
from podstead.containerd.process import ContainerdProcess, lock_holder
from podstead.containerd.unit import InstalledUnit, installed_unit
from podstead.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Iterator

SLEEP = (shutil.which("sleep") or "/bin/sleep", "60")
STAND_IN = """#!{python} -IS
import os, signal, subprocess, sys
words, here = sys.argv[1:], {here!r}
open(here + "/asked", "a").write(" ".join(words) + "\\n")
if words[0] == "show":
    print(open(here + "/load-state").read())
elif words[0] == "start":
    if os.path.exists(here + "/refuses"):
        sys.exit("Failed to start: Unit is masked.")
    if not os.path.exists(here + "/dies"):
        command = [{python!r}, "-IS", {launcher!r}, "--plan=" + here + "/launch.json"]
        made = subprocess.Popen(command, start_new_session=True, stdin=subprocess.DEVNULL,
                                stdout=open(here + "/journal", "wb"), stderr=subprocess.DEVNULL)
        open(here + "/pid", "w").write(str(made.pid))
elif words[0] == "stop":
    os.kill(int(open(here + "/pid").read()), signal.SIGTERM)
"""


class Machine:
    """A machine with the unit, and an agent whose containerd it is."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.unit: InstalledUnit | None = InstalledUnit(directory=directory)
        self.process = ContainerdProcess(
            lock=directory / "lock", socket_path=directory / "sock", log=directory / "log", unit=lambda: self.unit
        )

    def start(self, *command: str) -> int:
        environment = {"HTTPS_PROXY": "http://user:pa$s@proxy:3128"}
        return self.process.start(command or SLEEP, environment=environment, mount_namespace=None, net_namespace=None)

    def asked(self) -> list[str]:
        return (self.directory / "asked").read_text().splitlines()


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    directory = Path(tempfile.mkdtemp(prefix="ps-", dir="/tmp"))
    program = directory / "bin" / "systemctl"
    program.parent.mkdir()
    program.write_text(STAND_IN.format(python=sys.executable, here=str(directory), launcher=launch.__file__))
    program.chmod(0o755)
    (directory / "load-state").write_text("loaded")
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    yield Machine(directory)
    if (holder := lock_holder(directory / "lock")) is not None:
        os.kill(holder, signal.SIGKILL)
    shutil.rmtree(directory)


def test_it_is_started_by_a_plan_that_only_root_reads(machine: Machine) -> None:
    pid = machine.start()
    assert lock_holder(machine.directory / "lock") == pid
    deadline = time.monotonic() + 45  # it takes the lock, and becomes containerd after that
    while Path(f"/proc/{pid}/cmdline").read_bytes() != "\0".join([*SLEEP, ""]).encode():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert machine.asked() == [f"start --no-block {unit.UNIT}"]
    for name in ("launch.json", "containerd.env"):
        assert stat.S_IMODE((machine.directory / name).stat().st_mode) == 0o600
    assert (machine.directory / "containerd.env").read_text() == 'HTTPS_PROXY="http://user:pa\\$s@proxy:3128"\n'


def test_what_it_prints_goes_where_the_unit_s_output_goes(machine: Machine) -> None:
    machine.start("/bin/sh", "-c", "echo said; exec sleep 60")
    deadline = time.monotonic() + 45
    while (machine.directory / "journal").read_text() != "said\n":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert not (machine.directory / "log").exists()
    assert machine.process.ended_because() == f"see 'journalctl -u {unit.UNIT}'"


def test_it_is_ended_by_systemd_which_would_start_it_again(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.start()
    monkeypatch.setattr(InstalledUnit, "holds", lambda *_: True)
    assert machine.process.terminate(timeout_seconds=30)
    assert machine.asked()[-1] == f"stop {unit.UNIT}"


def test_one_that_is_about_to_start_again_is_stopped_too(machine: Machine) -> None:
    with subprocess.Popen(SLEEP) as waiting:
        (machine.directory / "pid").write_text(str(waiting.pid))
        assert not machine.process.terminate(timeout_seconds=30)
    assert machine.asked() == [f"stop {unit.UNIT}"]


def test_one_that_runs_outside_of_the_unit_gets_its_signal(machine: Machine) -> None:
    found, machine.unit = machine.unit, None
    machine.start()
    machine.unit = found
    assert machine.process.terminate(timeout_seconds=30)
    assert not (machine.directory / "asked").exists()


@pytest.mark.parametrize(
    ("how", "said"), [("refuses", "Unit is masked"), ("dies", "journalctl -u podstead-containerd")]
)
def test_a_unit_that_does_not_start_is_no_reason_to_confine_containerd(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, how: str, said: str
) -> None:
    monkeypatch.setattr("podstead.containerd.process.LAUNCH_SECONDS", 0.2)
    (machine.directory / how).touch()
    with pytest.raises(OperatorError, match=said):
        machine.start()
    assert lock_holder(machine.directory / "lock") is None


def test_the_unit_is_that_of_the_machine_s_own_agent_alone(machine: Machine, tmp_path: Path) -> None:
    here = machine.directory
    assert installed_unit(here, here, here) == machine.unit
    assert installed_unit(tmp_path, here, here) is None
    assert installed_unit(here, tmp_path / "not-booted", here) is None
    (here / "load-state").write_text("not-found")
    assert installed_unit(here, here, here) is None


@pytest.mark.parametrize("plan", ["", "{}", "[]", '{"arguments": ["--frob"]}'])
def test_a_plan_that_is_none_is_said_and_starts_nothing(tmp_path: Path, plan: str) -> None:
    path = tmp_path / "launch.json"
    path.write_text(plan)
    command = [sys.executable, "-I", "-S", launch.__file__, f"{launch.PLAN}{path}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert done.stderr


def test_the_plan_is_replaced_as_a_whole(machine: Machine) -> None:
    machine.start()
    plan = json.loads((machine.directory / "launch.json").read_text())
    assert plan["arguments"][-2:] == list(SLEEP)
    assert [path.name for path in machine.directory.glob("*.new")] == []
