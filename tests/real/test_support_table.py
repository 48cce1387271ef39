"""The machine on which the real ring runs is the one of which README says "tested" (foundation 26)."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from podstead.cgroups.hierarchy import read_hierarchies
from tests.unit.house.test_support_table import rows

pytestmark = pytest.mark.real


def version_of(program: str) -> str:
    """Return `name major.minor` of an installed program."""
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True, timeout=10).stdout
    found = re.search(r"\b(\d+\.\d+)", said)
    assert found is not None, said
    return f"{program} {found[1]}"


def debian() -> str:
    """Return `Debian major`, or what this system is instead."""
    release = Path("/etc/os-release").read_text(encoding="utf-8")
    facts = {name: value.strip('"') for name, _, value in (line.partition("=") for line in release.splitlines())}
    return f"{facts.get('ID', '').capitalize()} {facts.get('VERSION_ID', '').partition('.')[0]}"


def machine() -> dict[str, str]:
    """Return what this machine is, in README's words."""
    return {
        "system": debian(),
        "runtime": version_of("containerd"),
        "OCI runtime": version_of("crun"),
        "cgroups": f"cgroup v{read_hierarchies().version}",
        "systemd": "with systemd" if Path("/run/systemd/system").is_dir() else "without systemd",
    }


def test_what_is_called_tested_is_what_runs_here() -> None:
    """On another machine this fails: the row is wrong there, or that machine deserves a row of its own."""
    tested = [what for what, state in rows().items() if state.startswith("tested")]
    here = machine()
    assert [name for name, words in here.items() if not any(words in what for what in tested)] == [], here
