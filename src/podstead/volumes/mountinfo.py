"""The node's mounts, as the kernel tells them (proc_pid_mountinfo(5)). Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class MountPoint:
    """One mount: where it is, as a real path, of what type (`tmpfs`), and whether it passes mounts on to its peers."""

    path: Path
    fs_type: str
    shared: bool = False


def parse(mountinfo: str) -> tuple[MountPoint, ...]:
    """Return the mounts of a mountinfo text in the order they were made; lines of an unknown shape are left out."""
    points = []
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        words = left.split(" ")
        if len(words) > 4:
            path = Path(_OCTAL.sub(lambda match: chr(int(match[1], 8)), words[4]))
            points.append(MountPoint(path, right.partition(" ")[0], any(w.startswith("shared:") for w in words[6:])))
    return tuple(points)


def below(points: Sequence[MountPoint], path: Path) -> tuple[MountPoint, ...]:
    """Return the mounts at or below a real path, the last made first."""
    return tuple(p for p in reversed(points) if p.path == path or path in p.path.parents)


def holding(points: Sequence[MountPoint], path: Path) -> MountPoint | None:
    """Return the mount that a real path lies on: the deepest one, of equal ones the last."""
    found: MountPoint | None = None
    for point in points:
        above = path == point.path or point.path in path.parents
        if above and (found is None or len(point.path.parts) >= len(found.path.parts)):
            found = point
    return found
