"""A root daemon carries every line of its dependencies: each is argued for, locked with hashes, and kept in its room."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from .tree import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
RUNTIME = sorted(re.split(r"[<>=!~\[; ]", line)[0].lower() for line in PROJECT["dependencies"])
LOCKS = sorted(path.name for path in (ROOT / "locks").iterdir())


def locked(lock: str) -> dict[str, int]:
    """Return how many hashes each pinned package of a lock file has."""
    found: dict[str, int] = {}
    package = ""
    for line in (ROOT / "locks" / lock).read_text(encoding="utf-8").splitlines():
        if pin := re.match(r"([A-Za-z0-9._-]+)==[0-9]", line):
            package = pin[1].lower().replace("_", "-")
            found[package] = 0
        elif re.match(r"\s+--hash=sha256:[0-9a-f]{64}", line):
            found[package] += 1
    return found


def test_every_runtime_dependency_has_its_line() -> None:
    record = (ROOT / "docs" / "adr" / "0002-runtime-dependencies.md").read_text(encoding="utf-8")
    argued = [line.split("|")[1].split()[0].lower() for line in record.splitlines() if line.startswith("| ")]
    assert sorted(set(argued) - {"package"}) == RUNTIME


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_index(lock: str) -> None:
    text = (ROOT / "locks" / lock).read_text(encoding="utf-8")
    assert not re.search(r"(?m)^\s*(?:-i|-f|--index-url|--extra-index-url|--find-links)\b|https?:", text)


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_pins_with_hashes(lock: str) -> None:
    packages = locked(lock)
    assert set(RUNTIME) <= {name.replace("-", "_") for name in packages} | set(packages)
    assert [name for name, hashes in packages.items() if hashes == 0] == []


def test_imports_keep_their_contracts() -> None:
    program = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout
