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
    """One mount: where it is, as a real path, of what type (`tmpfs`), and whether it passes mounts on to its peers.

    It shows `root` of the file system `device` (`8:1`): a bind mount something else than its top.
    """

    path: Path
    fs_type: str
    shared: bool = False
    device: str = ""
    root: Path = Path("/")


@dataclass(frozen=True, slots=True)
class Origin:
    """A place in a file system: two paths of one origin show the same files."""

    device: str
    path: Path

    def overlaps(self, other: Origin) -> bool:
        """Return whether one of the two places is or holds the other."""
        related = self.path == other.path or self.path in other.path.parents or other.path in self.path.parents
        return self.device == other.device and related


def parse(mountinfo: str) -> tuple[MountPoint, ...]:
    """Return the mounts of a mountinfo text in the order they were made; lines of an unknown shape are left out."""
    points = []
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        words = left.split(" ")
        if len(words) > 4:
            shared = any(w.startswith("shared:") for w in words[6:])
            root, path = _path(words[3]), _path(words[4])
            points.append(MountPoint(path, right.partition(" ")[0], shared, words[2], root))
    return tuple(points)


def _path(escaped: str) -> Path:
    return Path(_OCTAL.sub(lambda match: chr(int(match[1], 8)), escaped))


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


def origin(points: Sequence[MountPoint], path: Path) -> Origin | None:
    """Return what a real path shows, whatever it is called."""
    point = holding(points, path)
    return None if point is None else Origin(point.device, point.root / path.relative_to(point.path))


def origins(points: Sequence[MountPoint], path: Path) -> tuple[Origin, ...]:
    """Return all that is seen by a mount of a real path with what is mounted below it, as the runtime makes it."""
    own = origin(points, path)
    return (*([own] if own else []), *(Origin(p.device, p.root) for p in points if path in p.path.parents))
