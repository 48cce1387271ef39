"""The runtimes that the real ring is run on: this machine's own, and those of other releases of Debian, run beside it.

    pytest tests/real --containerd=1.7 --oci=crun

A newer containerd comes with the OCI runtimes of its release, for an old one refuses what it writes (crun 1.8 with
containerd 1.7), and these bring their C library with them.
"""

from __future__ import annotations

import os
import platform
import shutil
from pathlib import Path
from types import MappingProxyType

from tests.support.debian import tie, unpacked

RELEASES = MappingProxyType({"1.6": "bookworm", "1.7": "trixie", "2": "sid"})
"""Line of containerd to the release of Debian that has it."""
OCI_RUNTIMES = ("runc", "crun")
PROGRAMS = ("containerd", "containerd-shim-runc-v2", "ctr", *OCI_RUNTIMES)
CHOSEN_OCI = "PODSTEAD_TEST_OCI"
"""Environment variable of a test run: crun or runc, for the agents of its tests; unset: whatever the agent chooses."""
CHOSEN_LINE = "PODSTEAD_TEST_CONTAINERD"
"""Likewise: a key of `RELEASES`."""
PACKAGES = ("containerd", "runc", "crun", "patchelf")
PLACE = Path("programs")
"""Below the unpacked packages: only what runs here, so that it can stand in PATH."""


def runtime_directory(line: str) -> Path | None:
    """Return the directory to put before PATH for a line of containerd; None where the machine's own is of that line.

    Raises:
        KeyError: no release of Debian is known that has it.
    """
    release = RELEASES[line]
    if platform.freedesktop_os_release().get("VERSION_CODENAME") == release and shutil.which("containerd") is not None:
        return None
    return unpacked("containerd", PACKAGES, release=release, finish=_bind) / PLACE


def chosen_line() -> str:
    """Return the line of containerd that this run is for; empty: whatever this machine has."""
    return os.environ.get(CHOSEN_LINE, "")


def chosen_oci() -> str:
    """Return the OCI runtime that this run is for; empty: the one that an agent chooses by itself."""
    return os.environ.get(CHOSEN_OCI, "")


def choose(line: str, oci: str) -> None:
    """Let this process and those it starts use a line of containerd and an OCI runtime; empty: what there is."""
    if line:
        os.environ[CHOSEN_LINE] = line
    if line and (directory := runtime_directory(line)) is not None:
        os.environ["PATH"] = f"{directory}{os.pathsep}{os.environ['PATH']}"
    if oci:
        os.environ[CHOSEN_OCI] = oci


def _bind(root: Path, place: Path) -> None:
    """Put the programs into a directory of their own, the OCI runtimes tied to the libraries that came with them.

    containerd's own programs want no more than glibc 2.34, which every release has that we know.
    """
    (root / PLACE).mkdir()
    for name in PROGRAMS:
        places = (root / "usr" / where / name for where in ("bin", "sbin"))
        found = next(path for path in places if path.is_file() and not path.is_symlink())
        target = root / PLACE / name
        found.rename(target)
    tie(root, place, *(root / PLACE / name for name in OCI_RUNTIMES))
