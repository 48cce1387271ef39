"""What no pod may reach, by whatever path: judged of an open file, not of its name. Blocks.

A file is what it is under every name: a link, `/proc/1/root`, a bind mount and a parent directory lead to one place in
one file system, and places are what is compared. The names count as well, for what is mounted on a protected place.
"""

from __future__ import annotations

import os
import stat
from collections import deque
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from podstead.volumes import blockdevices, mountinfo
from podstead.volumes.mountinfo import MountPoint, Origin, lies_in
from podstead.volumes.removal import mount_id

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_LINKS = 40
"""As many links as the kernel follows on a path (path_resolution(7))."""
KEPT = 256
"""Paths that are made at every start, and are nearly always the same two dozen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Protected:
    """Something that no pod may reach for writing; nor for reading, unless it is `readable`. `noun` says what it is."""

    path: Path
    noun: str
    readable: bool = False

    @property
    def shown(self) -> str:
        """What messages call it."""
        return f"{self.path} ({self.noun})"


class ReachError(OSError):
    """A path leads to what no pod may mount; the text completes `it …`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Why something may not be mounted. `way` completes `it …`."""

    way: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Veil:
    """How a directory that holds what is protected is shown all the same, read-only: without that.

    `parts` are the mounts below it that may be seen, in the order in which they are mounted, each with the path below
    the directory; `covers` are the paths below it that are hidden, where there is a directory.
    """

    parts: tuple[tuple[MountPoint, Path], ...] = ()
    covers: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A protected path as it is now: `path` is real, `identity` is that of a file."""

    of: Protected
    path: Path
    origin: Origin | None
    readable: bool
    identity: tuple[int, int] | None = None
    is_directory: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a mount of something would show: itself, and what is mounted below it."""

    path: Path
    origin: Origin
    identity: tuple[int, int] | None = None
    below: tuple[MountPoint, ...] = ()

    def is_in(self, place: Place) -> bool:
        """Return whether it is the place, or lies in it."""
        if self.identity is not None and self.identity == place.identity:
            return True  # another name of the same file: a hard link
        return lies_in(self.path, place.path) or (place.origin is not None and self.origin.within(place.origin))

    def holds(self, place: Place) -> bool:
        """Return whether the place, or a part of it, can be seen below."""
        if lies_in(place.path, self.path):
            return True
        origin = place.origin
        if origin is None:
            return False
        below = (point.origin for point in self.below)
        return origin.within(self.origin) or any(origin.within(one) or one.within(origin) for one in below)


@dataclass(slots=True)
class Protection:
    """What is protected, as it lies at one moment. `points` are the node's mounts at that moment."""

    protected: Sequence[Protected]
    points: tuple[MountPoint, ...]
    _tops: dict[str, MountPoint] = field(init=False)
    """What is mounted at each path, of several mounts the last."""
    _places: list[Place] = field(init=False)

    def __post_init__(self) -> None:
        """Find out where everything is that is protected."""
        self._tops = {str(point.path): point for point in self.points}
        self._places = [place for one in self.protected for place in self._places_of(one)]

    def judge(self, descriptor: int, *, writable: bool) -> Reach | Veil | None:
        """Return why an open file or directory (O_PATH will do) may not be mounted, None where it may.

        A directory that is only read and holds something that must not be is to be shown through a veil.
        """
        if not self._places:
            return None
        view = self._view(descriptor)
        if isinstance(view, Reach):
            return view
        held = []
        for place in self._places:
            if view.is_in(place):
                if writable or not place.readable:
                    return _refusal("is, or lies in,", place, writable=writable)
            elif view.holds(place):
                if writable:
                    return _refusal("holds", place, writable=True)
                held.append(place)
        if (stored := self._on_device(descriptor)) is not None:
            return Reach(way=f"is the device of the file system of {stored.of.shown}, which no pod may mount")
        return self._veil(view, held) if held else None

    def allow_new(self, descriptor: int, *missing: str) -> None:
        """Raise ReachError where nothing may be made at this path below an open directory."""
        if not self._places:
            return
        view = self._view(descriptor)
        if isinstance(view, Reach):
            raise ReachError(view.way)
        made = View(path=view.path.joinpath(*missing), origin=_below(view.origin, *missing))
        for place in self._places:
            if made.is_in(place) or made.holds(place):
                raise ReachError(_refusal("is, or lies in,", place, writable=True).way)

    def _view(self, descriptor: int) -> View | Reach:
        number = mount_id(descriptor)
        point = next((one for one in self.points if one.identifier == number), None)
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        if point is None or not lies_in(path, point.path):
            return Reach(way="lies in another mount namespace, or was removed meanwhile")
        status = os.fstat(descriptor)
        return View(
            path=path,
            origin=Origin(point.device, point.root / path.relative_to(point.path)),
            identity=None if stat.S_ISDIR(status.st_mode) else (status.st_dev, status.st_ino),
            below=tuple(one for one in self.points if one.path != path and lies_in(one.path, path)),
        )

    def _places_of(self, protected: Protected) -> list[Place]:
        """Return where a protected path leads, and where each link on the way lies: who exchanges one decides that."""
        real, links = resolved(protected.path)
        try:
            status = real.stat()
        except OSError:
            status = None
        is_directory = status is not None and stat.S_ISDIR(status.st_mode)
        identity = (status.st_dev, status.st_ino) if status is not None and not is_directory else None
        itself = Place(
            of=protected,
            path=real,
            origin=self._origin(real),
            readable=protected.readable,
            identity=identity,
            is_directory=is_directory,
        )
        ways = [Place(of=protected, path=link, origin=self._origin(link), readable=True) for link in links]
        return [itself, *ways]

    def _origin(self, path: Path) -> Origin | None:
        """Return what a real path shows: as the mount that `mountinfo.holding` finds, by one look at each directory above."""
        text = above = str(path)
        while (point := self._tops.get(above or "/")) is None:
            if not above:
                return None
            above = above.rpartition("/")[0]
        return _below(point.origin, text[len(above) :].lstrip("/"))

    def _on_device(self, descriptor: int) -> Place | None:
        status = os.fstat(descriptor)
        if not stat.S_ISBLK(status.st_mode):
            return None
        for place in self._places:
            point = mountinfo.holding(self.points, place.path)
            if point is not None and status.st_rdev in blockdevices.behind(point.device, point.source):
                return place
        return None

    def _veil(self, view: View, held: list[Place]) -> Veil | Reach:
        """Return what of a directory may be shown; a file that is secret cannot be hidden, as it may be replaced."""
        secret = [place for place in held if not place.readable]
        single = next((place for place in secret if place.identity is not None), None)
        if single is not None:
            return _refusal("holds", single, writable=False)
        parts: list[tuple[MountPoint, Path]] = []
        left_out: list[Path] = [place.path for place in secret]
        for point in view.below:
            hidden = any(place.origin is not None and point.origin.within(place.origin) for place in secret)
            if hidden:
                left_out.append(point.path)
            if not any(lies_in(point.path, one) for one in left_out):
                parts.append((point, point.path.relative_to(view.path)))
        shown = [(view.origin, Path()), *((point.origin, path) for point, path in parts)]
        covers = [
            path / place.origin.path.relative_to(origin.path)
            for origin, path in shown
            for place in secret
            if place.origin is not None and place.origin.within(origin)
        ]
        return Veil(parts=tuple(parts), covers=tuple(dict.fromkeys(covers)))


def resolved(path: Path) -> tuple[Path, list[Path]]:
    """Return the real path of an absolute one, of which nothing need be there, and every link on the way to it."""
    here, links = "", []  # as texts: this is done of two dozen paths at each start
    left = deque(path.parts[1:])
    while left:
        part = left.popleft()
        if part == "..":
            here = here.rpartition("/")[0]
            continue
        step = f"{here}/{part}"
        try:
            target = os.readlink(step)  # noqa: PTH115 - see above
        except OSError:
            here = step
            continue
        links.append(Path(step))
        if len(links) > MAX_LINKS:
            break
        if target.startswith("/"):
            here = ""
        left.extendleft(reversed([one for one in target.split("/") if one not in {"", "."}]))
    return _path(here or "/"), links


@lru_cache(maxsize=KEPT)
def _below(origin: Origin, *parts: str) -> Origin:
    return Origin(origin.device, origin.path.joinpath(*parts))


@lru_cache(maxsize=KEPT)
def _path(text: str) -> Path:
    return Path(text)


def _refusal(how: str, place: Place, *, writable: bool) -> Reach:
    purpose = " for writing" if writable and (place.readable or how == "holds") else ""
    return Reach(way=f"{how} {place.of.shown}, which no pod may mount{purpose}")
