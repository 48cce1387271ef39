"""Debian unstable's containerd and runc on this machine, for what only containerd 2 can do."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support.debian import unpacked

PROGRAMS = ("containerd", "containerd-shim-runc-v2", "ctr", "runc")
LINKER = Path("usr/lib64/ld-linux-x86-64.so.2")
LIBRARIES = Path("usr/lib/x86_64-linux-gnu")


def newer_runtime() -> Path:
    """Return a directory to put before PATH: its containerd and runc are newer than the machine's.

    They bring their C library with them: unstable's is newer than any stable release's.
    """
    return unpacked("containerd", ("containerd", "runc", "patchelf"), release="sid", finish=_bind) / "usr" / "bin"


def _bind(root: Path, place: Path) -> None:
    """Tie the programs to the libraries beside them."""
    runc = root / "usr" / "sbin" / "runc"
    if runc.exists():  # containerd takes it from where the others are
        link = root / "usr" / "bin" / "runc"
        link.unlink(missing_ok=True)
        runc.rename(link)
    patch: list[str | Path] = [root / LINKER, "--library-path", root / LIBRARIES, root / "usr" / "bin" / "patchelf"]
    for name in PROGRAMS:
        target = root / "usr" / "bin" / name
        arguments: list[str | Path] = ["--set-interpreter", place / LINKER, "--set-rpath", place / LIBRARIES, target]
        subprocess.run([*patch, *arguments], check=True, capture_output=True, timeout=60)
