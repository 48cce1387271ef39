"""The node's mounts, as the kernel tells them (proc_pid_mountinfo(5)). Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

LINES = 2048
"""A node with 300 pods has some thousand mounts; a line kept is about a kilobyte."""
_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class MountPoint:
    """One mount: where it is, as a real path, of what type (`tmpfs`), and whether it passes mounts on to its peers.

    It shows `root` of the file system `device` (`8:1`): a bind mount something else than its top. `source` is what the
    file system was mounted from (`/dev/sda1`), `identifier` the kernel's number of the mount, -1 where it is not known.
    """

    path: Path
    fs_type: str
    shared: bool = False
    device: str = ""
    root: Path = Path("/")
    source: str = ""
    identifier: int = -1

    @property
    def origin(self) -> Origin:
        """What it shows."""
        return Origin(self.device, self.root)


@dataclass(frozen=True, slots=True)
class Origin:
    """A place in a file system: two paths of one origin show the same files."""

    device: str
    path: Path

    def within(self, other: Origin) -> bool:
        """Return whether this place is the other one, or lies in it."""
        return self.device == other.device and lies_in(self.path, other.path)


def lies_in(inner: Path, outer: Path) -> bool:
    """Return whether a path is another one or below it; both are absolute. `is_relative_to` takes ten times as long."""
    text, holder = str(inner), str(outer)
    return text == holder or text.startswith(holder if holder == "/" else f"{holder}/")


def parse(mountinfo: str) -> tuple[MountPoint, ...]:
    """Return the mounts of a mountinfo text in the order they were made; lines of an unknown shape are left out."""
    found = (_point(line) for line in mountinfo.splitlines())
    return tuple(point for point in found if point is not None)


@lru_cache(maxsize=LINES)
def _point(line: str) -> MountPoint | None:
    """Read one line; the table is read at every start of a container, and most of its lines stay what they are."""
    left, _, right = line.partition(" - ")
    words, behind = left.split(" "), right.split(" ")
    if len(words) <= 4 or not words[0].isdigit():
        return None
    return MountPoint(
        path=Path(_unescaped(words[4])),
        fs_type=behind[0],
        shared=any(word.startswith("shared:") for word in words[6:]),
        device=words[2],
        root=Path(_unescaped(words[3])),
        source=_unescaped(behind[1]) if len(behind) > 1 else "",
        identifier=int(words[0]),
    )


def _unescaped(text: str) -> str:
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), text) if "\\" in text else text


def below(points: Sequence[MountPoint], path: Path) -> tuple[MountPoint, ...]:
    """Return the mounts at or below a real path, the last made first."""
    return tuple(p for p in reversed(points) if lies_in(p.path, path))


def holding(points: Sequence[MountPoint], path: Path) -> MountPoint | None:
    """Return the mount that a real path lies on: the deepest one, of equal ones the last."""
    found: MountPoint | None = None
    for point in points:
        # Of the mounts that hold one path, the longer name is the deeper one.
        if lies_in(path, point.path) and (found is None or len(str(point.path)) >= len(str(found.path))):
            found = point
    return found
