"""Who wrote it: real processes, and the kernel's own word."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from podstead.attribution import witness as witnesses
from podstead.attribution.process import ask
from podstead.attribution.witness import Witness, Witnessed
from podstead.clock import SystemClock
from podstead.sources.names import is_manifest_name

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.root
WRITE = "import sys, time; open(sys.argv[1], 'w').write('x'); print('done', flush=True); sys.stdin.read()"
RENAME = "import sys, os; os.rename(sys.argv[1], sys.argv[2]); print('done', flush=True); sys.stdin.read()"


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory of its own."""
    made = Path(tempfile.mkdtemp(prefix="ps-", dir="/tmp"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def witness(directory: Path) -> Iterator[Witness]:
    """One that listens to it."""
    listening = Witness(directory, is_manifest_name, lambda: SystemClock().now().wall)
    listening.start()
    yield listening
    listening.close()


def heard(witness: Witness, name: str, deed: str) -> Witnessed:
    """Wait until the last deed to a name is this one."""
    for _ in range(500):
        if (found := witness.last(name)) is not None and found.deed == deed:
            return found
        time.sleep(0.01)
    raise AssertionError(f"of {name} was heard: {witness.last(name)}")


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def doing(script: str, *paths: Path) -> subprocess.Popen[bytes]:
    """Start a process that does it and stays."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-c", script, *map(str, paths)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"done\n"
    return process


def test_a_writer_who_is_still_there_is_known(witness: Witness, directory: Path) -> None:
    writing = doing(WRITE, directory / "a.yaml")
    found = heard(witness, "a.yaml", "written")
    writing.communicate()
    assert found.pid == writing.pid
    assert found.process is not None
    assert os.path.realpath(found.process.executable) == os.path.realpath(sys.executable)
    assert found.process.command[-1] == f"{directory}/a.yaml"
    assert found.process.user == os.geteuid()
    assert abs(found.at - SystemClock().now().wall) < 60


def test_another_user_is_named_as_such(witness: Witness, directory: Path) -> None:
    directory.chmod(0o777)
    command = ["/bin/sh", "-c", f"echo x > {directory}/a.yaml; echo done; read line"]
    writing = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, user=65534)
    found = heard(witness, "a.yaml", "written")
    writing.communicate()
    assert found.process is not None
    assert found.process.user == 65534


def test_a_rename_into_place_and_a_removal_have_their_doers(witness: Witness, directory: Path) -> None:
    (directory / "fresh").write_text("x")
    renaming = doing(RENAME, directory / "fresh", directory / "a.yaml")
    assert heard(witness, "a.yaml", "renamed into place").pid == renaming.pid
    renaming.communicate()
    (directory / "a.yaml").unlink()
    assert heard(witness, "a.yaml", "removed").pid == os.getpid()
    assert witness.last("fresh") is None


def test_a_writer_who_was_gone_at_once_is_said_to_be(
    witness: Witness, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(pid: int, pidfd: int | None, within: str) -> object:
        while Path(f"/proc/{pid}").exists():
            time.sleep(0.01)
        return ask(pid, pidfd, within)

    monkeypatch.setattr(witnesses, "ask", late)
    writing = subprocess.Popen(["/bin/sh", "-c", f"echo x > {directory}/a.yaml"])
    writing.wait()
    found = heard(witness, "a.yaml", "written")
    assert (found.pid, found.process, found.asked) == (writing.pid, None, True)


def test_a_directory_that_was_replaced_is_followed(witness: Witness, directory: Path) -> None:
    directory.rename(directory.with_name(f"{directory.name}-old"))
    try:
        directory.mkdir()
        witness.follow()
        (directory / "new.yaml").write_text("x")
        heard(witness, "new.yaml", "written")
        (directory.with_name(f"{directory.name}-old") / "old.yaml").write_text("x")
        (directory / "newer.yaml").write_text("x")
        heard(witness, "newer.yaml", "written")
        assert witness.last("old.yaml") is None
    finally:
        shutil.rmtree(directory.with_name(f"{directory.name}-old"))


@pytest.mark.attack("flood")
def test_a_hundred_thousand_writes_cost_bounded_memory_and_time(witness: Witness, directory: Path) -> None:
    cpu, began, descriptors = time.process_time(), time.monotonic(), open_descriptors()
    script = (
        "import os, sys\nos.chdir(sys.argv[1])\n"
        "for n in range(100000):\n os.close(os.open(f'n{n % 20000}.yaml', os.O_CREAT | os.O_WRONLY))"
    )
    subprocess.run([sys.executable, "-I", "-c", script, str(directory)], check=True)
    took = time.monotonic() - began
    found = None
    for _ in range(300):  # while the queue is full any part of what happens to a file is lost, so it happens again
        (directory / "after.yaml").write_text("x")
        time.sleep(0.1)
        if (found := witness.last("after.yaml")) is not None and found.deed == "written":
            break
    assert found is not None
    assert (found.deed, found.pid) == ("written", os.getpid())
    assert len(witness._names) <= witnesses.MOST_NAMES
    used = time.process_time() - cpu
    print(f"{took:.1f} s of writing, {used:.1f} s of ours, {witness.lost} losses")
    assert used < 20
    assert open_descriptors() < descriptors + 70, "those of one read at the most"
