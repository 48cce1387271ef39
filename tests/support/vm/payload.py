"""The disk that brings this checkout and images into a guest: made without root's mounts, read-only there."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.vm.recipe import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Mapping

MAKE_SECONDS = 300
_ROOM = 1.3
"""Blocks and inodes of the file system itself, over the files' sizes."""
_LEAST_MIB = 32


def checkout_files() -> dict[str, Path]:
    """Return every file of this checkout that git would take, by its path in it: also what is not committed yet."""
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    named = {name: REPOSITORY / name for name in listed.split("\0") if name}
    return {name: path for name, path in named.items() if path.is_symlink() or path.is_file()}


def make_payload(target: Path, files: Mapping[str, Path]) -> None:
    """Write an ext4 file system that holds these files by their paths."""
    with tempfile.TemporaryDirectory(prefix="vm-payload-", dir=target.parent) as directory:
        root = Path(directory)
        root.chmod(0o755)
        size = 0
        for name, path in files.items():
            place = root / name
            place.parent.mkdir(parents=True, exist_ok=True)
            size += 4096 + path.lstat().st_size
            if path.is_symlink():
                place.symlink_to(path.readlink())
                continue
            try:
                place.hardlink_to(path)
            except OSError:  # on another file system
                shutil.copy2(path, place)
        mebibytes = _LEAST_MIB + int(size * _ROOM) // (1 << 20)
        subprocess.run(
            ["mkfs.ext4", "-q", "-L", "payload", "-O", "^has_journal", "-d", directory, str(target), f"{mebibytes}M"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=MAKE_SECONDS,
            check=True,
        )
