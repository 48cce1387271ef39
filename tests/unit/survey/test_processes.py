"""Kubelets among the processes of this machine, and of a made-up one."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from podstead.inspection.kubelets import distrust
from podstead.survey.processes import kubelet_processes
from podstead.survey.tree import Tree
from tests.support.inspected import process, put

SLEEP = shutil.which("sleep") or "/bin/sleep"


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program that is called kubelet and sleeps."""
    made = tmp_path / "kubelet"
    shutil.copy(SLEEP, made)
    made.chmod(0o755)
    return made


def seen(pid: int) -> list[str]:
    """Return what is to be said against the process, if it is found at all."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if found := [one for one in kubelet_processes(Tree()) if one.pid == pid]:
            return [distrust(one) for one in found]
        time.sleep(0.02)
    return []


@pytest.mark.attack("false-kubelet")
def test_a_process_that_is_only_called_kubelet() -> None:
    """Anybody may call a process so: the file that runs says who it is."""
    with subprocess.Popen(["/usr/bin/kubelet", "60"], executable=SLEEP) as child:
        try:
            assert seen(child.pid) == [f"what runs is {Path(SLEEP).resolve()}"]
        finally:
            child.kill()


def test_a_program_of_that_name_counts_if_it_is_roots_alone(program: Path) -> None:
    with subprocess.Popen([program, "60"]) as child:
        try:
            (believed,) = seen(child.pid)
            own = os.geteuid() == 0 and all(Path(one).stat().st_uid == 0 for one in program.parents)
            assert (believed == "") is own
            program.chmod(0o777)
            (open_to_all,) = seen(child.pid)
            assert open_to_all != ""
        finally:
            child.kill()


def test_a_made_up_process(tmp_path: Path) -> None:
    put(tmp_path, "/opt/bin/kubelet", "", 0o755)
    tmp_path.chmod(0o755)
    process(tmp_path, 5, exe="/opt/bin/kubelet", arguments=("kubelet", "--v=2"))
    process(tmp_path, 6, exe="/opt/bin/kubelet", arguments=("kubelet",), uid=1000)
    process(tmp_path, 7, exe="/bin/bash (deleted)", arguments=("bash",), comm="bash")
    found = list(kubelet_processes(Tree(tmp_path)))
    assert [(one.pid, distrust(one)) for one in found] == [(5, ""), (6, "uid 1000 runs it, not root")]
    assert found[0].arguments == ("kubelet", "--v=2")
