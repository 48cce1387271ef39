"""The launcher and the lock with harmless programs in containerd's place."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from podstead.containerd import launch, process
from podstead.containerd.leftovers import TASKS, cgroup_pids, kill_and_wait, shim_pids, task_ids
from podstead.containerd.process import ContainerdProcess, lock_holder, log_tail, peer_pid
from podstead.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Iterator

SLEEP = (shutil.which("sleep") or "/bin/sleep", "60")
PATIENCE_SECONDS = 45.0
"""For what comes at once, unless the machine has other work."""


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


def start(one: ContainerdProcess, *command: str) -> int:
    return one.start(command, environment={"A": "b"}, mount_namespace=None, net_namespace=None)


def test_a_started_program_holds_the_lock_in_a_session_of_its_own(one: ContainerdProcess, directory: Path) -> None:
    assert one.find() is None
    pid = start(one, *SLEEP)
    assert one.find() == lock_holder(directory / "lock") == pid
    assert os.getsid(pid) == pid
    assert Path(f"/proc/{pid}/cmdline").read_bytes() == "\0".join([*SLEEP, ""]).encode()
    variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    assert set(variables) - {b"", b"LC_CTYPE=C.UTF-8"} == {b"A=b"}  # Python sets the locale of its children
    assert one.terminate(timeout_seconds=30) is True
    assert one.find() is None
    assert one.terminate(timeout_seconds=30) is False


def test_children_do_not_inherit_the_lock(one: ContainerdProcess, directory: Path) -> None:
    # Shims outlive containerd: were the lock theirs too, a dead containerd could never be started again.
    shell = shutil.which("sh") or "/bin/sh"
    pid = start(one, shell, "-c", f"sleep 60 & echo $! > {directory}/child; wait")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (directory / "child").exists() or not (directory / "child").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    child = int((directory / "child").read_text())
    try:
        os.kill(pid, signal.SIGKILL)
        while lock_holder(directory / "lock") is not None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.kill(child, 0)  # it lives, and holds nothing
        assert start(one, *SLEEP) != pid
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_second_start_is_refused(one: ContainerdProcess) -> None:
    pid = start(one, *SLEEP)
    with pytest.raises(OperatorError, match="another containerd of this instance holds the lock"):
        start(one, *SLEEP)
    assert one.find() == pid


def test_what_cannot_be_executed_is_told(one: ContainerdProcess) -> None:
    with pytest.raises(OperatorError, match="cannot start containerd: No such file or directory: /no/such/program"):
        start(one, "/no/such/program")
    with pytest.raises(OperatorError, match="cannot start containerd: No such file or directory: /no/ns"):
        one.start(SLEEP, environment={}, mount_namespace=Path("/no/ns"), net_namespace=None)
    assert one.find() is None


def test_a_program_that_ignores_term_is_killed(one: ContainerdProcess) -> None:
    script = "import signal, time; signal.signal(15, signal.SIG_IGN); print('ignores it', flush=True); time.sleep(60)"
    start(one, sys.executable, "-c", script)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while "ignores it" not in one.ended_because():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    began = time.monotonic()
    assert one.terminate(timeout_seconds=0.3) is True
    assert 0.3 <= time.monotonic() - began < 30, "it would sleep for a minute"


def test_a_stranger_on_the_socket_is_named(one: ContainerdProcess, directory: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(directory / "sock"))
        listener.listen()
        assert peer_pid(directory / "sock") == os.getpid()
        with pytest.raises(OperatorError, match=f"process {os.getpid()} listens there"):
            one.find()
        start(one, *SLEEP)
        assert not one.listening()  # the lock is ours, the socket is not


def test_a_large_log_is_set_aside_at_start(
    one: ContainerdProcess, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "MAX_LOG_BYTES", 10)
    (directory / "log").write_text("old " * 10)
    start(one, shutil.which("sh") or "/bin/sh", "-c", "echo new; exec sleep 60")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while "new" not in one.ended_because():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert (directory / "log.1").read_text() == "old " * 10
    assert (directory / "log").stat().st_mode & 0o777 == 0o600


def test_the_tail_of_a_log_is_its_last_lines(directory: Path) -> None:
    file = directory / "some.log"
    file.write_bytes(b"x" * 10_000 + b"\none\ntwo\nthr\xffee\n")
    assert log_tail(file) == "one | two | thr\ufffdee"
    assert log_tail(directory / "none") == ""


def test_the_launcher_in_the_foreground_stays_the_process(directory: Path) -> None:
    command = [sys.executable, "-I", "-S", launch.__file__, "--foreground"]
    command += ["--lock", str(directory / "l"), "--log", str(directory / "o"), "--", *SLEEP]
    with subprocess.Popen(command) as running:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while lock_holder(directory / "l") != running.pid:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        again = subprocess.run(command, capture_output=True, check=False)
        running.kill()
    assert again.returncode == launch.LOCKED_EXIT_CODE
    assert b"holds the lock" in again.stderr


def test_shims_are_known_by_their_socket_only(directory: Path) -> None:
    shim = directory / "containerd-shim-runc-v2"
    shim.symlink_to(SLEEP[0])
    other = directory / "sleeper"
    other.symlink_to(SLEEP[0])
    mine, yours = str(directory / "a.sock"), str(directory / "b.sock")

    def fake(program: Path, address: str) -> subprocess.Popen[bytes]:
        script = "import sys,time; print('up', flush=True); time.sleep(60)"
        # The interpreter under the shim's name: what counts is the command line.
        return subprocess.Popen(
            [str(program), "-c", script, "-address", address], executable=sys.executable, stdout=subprocess.PIPE
        )

    with fake(shim, mine) as ours, fake(shim, yours) as theirs, fake(other, mine) as none:
        try:
            for process_ in (ours, theirs, none):
                assert process_.stdout is not None
                assert process_.stdout.readline() == b"up\n"
            assert shim_pids(Path(mine)) == (ours.pid,)
            kill_and_wait(shim_pids(Path(mine)))
            assert ours.wait(30) == -signal.SIGKILL
            assert theirs.poll() is None
            assert none.poll() is None
            kill_and_wait((ours.pid,))  # what is gone already is no error
        finally:
            for process_ in (ours, theirs, none):
                process_.kill()


def test_only_recorded_containers_are_meant_never_a_whole_cgroup(directory: Path) -> None:
    (directory / "cgroup.procs").write_text(f"{os.getpid()}\n")
    (directory / "cpu" / "mine" / "deep").mkdir(parents=True)
    (directory / "cpu" / "mine" / "deep" / "cgroup.procs").write_text("7\n8\n")
    (directory / "mine").mkdir()
    (directory / "mine" / "cgroup.procs").write_text("8\n")
    (directory / "cpu" / "mine" / "podx" / "cri-containerd-id3.scope").mkdir(parents=True)
    (directory / "cpu" / "mine" / "podx" / "cri-containerd-id3.scope" / "cgroup.procs").write_text("9\n")
    (directory / "state" / TASKS / "k8s.io" / "deep").mkdir(parents=True)
    ids = task_ids(directory / "state")
    assert ids == {"deep"}
    assert cgroup_pids("/", ids, directory) == ()
    assert cgroup_pids("", ids, directory) == ()
    assert cgroup_pids("/mine", frozenset(), directory) == ()
    assert cgroup_pids("/mine", ids, directory) == (7, 8)  # a process that nobody recorded is nobody's of ours
    assert cgroup_pids("/mine", frozenset({"id3"}), directory) == (9,)
