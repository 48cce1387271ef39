"""`make setup` harms nothing that is there (foundation 2): tools/setup, run with programs that only note their call."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from .tree import ROOT

if TYPE_CHECKING:
    from pathlib import Path

NOTED = ("apt-get", "systemctl", "service", "tee", "chmod", "sudo", "rm", "ls", "dpkg", "update-rc.d")
HARMLESS = ("sh", "dirname", "cat", "sha256sum", "cut", "mktemp", "tail", "printf", "id", "env")
NEEDED = {
    "containerd",
    "runc",
    "crun",
    "iptables",
    "iproute2",
    "catatonit",
    "busybox-static",
    "mmdebstrap",
    "openssl",
    "systemd",
    "dbus-daemon",
}


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A machine without any of our packages; every change that is asked for lands in a list of calls."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in HARMLESS:
        (programs / name).symlink_to(shutil.which(name) or name)
    (programs / "python3").symlink_to(sys.executable)
    for name in NOTED:
        file = programs / name
        file.write_text(f'#!/bin/sh\necho "{name} $*" >>"$CALLS"\n[ {name} != ls ]\n')
        file.chmod(0o755)
    repository = tmp_path / "repository"
    for name in ("tools", "locks", ".venv/bin"):
        (repository / name).mkdir(parents=True)
    for name in ("tools/setup", "locks/dev.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, repository / name)
    digest = hashlib.sha256((ROOT / "locks" / "dev.txt").read_bytes() + (ROOT / "pyproject.toml").read_bytes())
    (repository / ".venv" / ".locked").write_text(digest.hexdigest() + "\n")
    (repository / ".venv" / "bin" / "podstead").write_text("#!/bin/sh\n")
    (repository / ".venv" / "bin" / "podstead").chmod(0o755)
    return tmp_path


def run(machine: Path, *more: Path) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run the script; returns how it ended and what it asked for."""
    calls = machine / "calls"
    calls.touch()
    path = os.pathsep.join(str(p) for p in (machine / "bin", *more))
    done = subprocess.run(
        ["sh", str(machine / "repository" / "tools" / "setup")],
        env={"PATH": path, "CALLS": str(calls), "TMPDIR": str(machine)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done, calls.read_text().splitlines()


def test_missing_packages_are_installed_and_none_is_removed(machine: Path) -> None:
    done, calls = run(machine)
    assert done.returncode == 0, done.stderr
    install = [call for call in calls if "install" in call]
    assert len(install) == 1
    words = install[0].split()
    assert {"--no-remove", "--no-install-recommends", "-y"} <= set(words)
    assert set(words) >= NEEDED
    asked = " ".join(calls)
    assert not any(word in asked.split() for word in ("remove", "purge", "autoremove", "--allow-remove-essential"))


def test_no_service_is_started_or_enabled(machine: Path) -> None:
    _, calls = run(machine)
    services = [call for call in calls if call.startswith(("systemctl", "service", "update-rc.d"))]
    assert all(call.startswith("systemctl disable --now containerd.service") for call in services), services


def test_what_is_there_is_used_as_it_is(machine: Path) -> None:
    """Where every program is there, whoever installed it, no package tool is asked."""
    present = machine / "present"
    present.mkdir()
    for name in (
        "containerd",
        "runc",
        "crun",
        "iptables",
        "ip",
        "catatonit",
        "busybox",
        "mmdebstrap",
        "nsenter",
        "mount",
    ):
        (present / name).write_text("#!/bin/sh\n")
        (present / name).chmod(0o755)
    (machine / "bin" / "ls").write_text("#!/bin/sh\necho /usr/lib/cni/bridge\n")
    done, calls = run(machine, present)
    assert done.returncode == 0, done.stderr
    assert [call for call in calls if "apt-get" in call] == []
