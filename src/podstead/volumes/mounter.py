"""Mounting tmpfs below the pods' directories.

Mounts are made on the host: the agent's root is a shared mount there, so they reach the private containerd's
namespace and its containers (foundation 5).
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

COMMAND_SECONDS = 20
"""mount(8) and umount(8) of a tmpfs answer within milliseconds."""

_OCTAL = re.compile(r"\\([0-7]{3})")


class MountError(OSError):
    """mount(8) or umount(8) failed; the text is its own."""


@dataclass(frozen=True, slots=True)
class MountPoint:
    """One mount: where it is, as a real path, and of what type (`tmpfs`)."""

    path: Path
    fs_type: str


class Mounter(Protocol):
    """What volumes ask of the node's mount table. All calls block."""

    def mount_tmpfs(self, path: Path, *, size: int, mode: int, gid: int | None) -> None:
        """Mount a tmpfs of at most `size` bytes (0: the kernel's default) on a directory. Raises MountError."""
        ...

    def unmount(self, path: Path) -> None:
        """Unmount what is mounted on `path`; without links left behind. Raises MountError."""
        ...

    def mount_points(self, below: Path) -> tuple[MountPoint, ...]:
        """Return the mounts at and below a real path, the last made first."""
        ...


class SystemMounter:
    """The node's own mount table, changed by mount(8) and umount(8)."""

    def mount_tmpfs(self, path: Path, *, size: int, mode: int, gid: int | None) -> None:
        """Mount a tmpfs; without swap where the kernel knows how (6.4 and later)."""
        options = [f"mode={mode:o}"]
        options += [f"size={size}"] if size else []
        options += [f"gid={gid}"] if gid is not None else []
        command = ["mount", "-t", "tmpfs", "-o"]
        try:
            _run([*command, ",".join([*options, "noswap"]), "tmpfs", str(path)])
        except MountError:
            _run([*command, ",".join(options), "tmpfs", str(path)])

    def unmount(self, path: Path) -> None:
        """Unmount; never follows a link at the end of the path."""
        _run(["umount", "--no-canonicalize", str(path)])

    def mount_points(self, below: Path) -> tuple[MountPoint, ...]:
        """Read /proc/self/mountinfo (proc(5))."""
        text = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
        return points_below(text, below)


def points_below(mountinfo: str, below: Path) -> tuple[MountPoint, ...]:
    """Return the mounts in a mountinfo text at or below a path, the last made first."""
    points = []
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        words = left.split(" ")
        if len(words) > 4:
            path = Path(_OCTAL.sub(lambda match: chr(int(match[1], 8)), words[4]))
            if path == below or below in path.parents:
                points.append(MountPoint(path, right.partition(" ")[0]))
    return tuple(reversed(points))


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=COMMAND_SECONDS, check=False, stdin=subprocess.DEVNULL
        )
    except FileNotFoundError:
        raise MountError(f"{command[0]} is not installed (package mount)") from None
    except subprocess.TimeoutExpired:
        raise MountError(f"{command[0]} did not answer within {COMMAND_SECONDS} s") from None
    if done.returncode != 0:
        raise MountError(done.stderr.decode("utf-8", "replace").strip() or f"{command[0]} ended with {done.returncode}")
