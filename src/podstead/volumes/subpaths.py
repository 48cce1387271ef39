"""Sub-paths of volumes: opened without leaving the volume, mounted from what was opened. Blocks, but for `expanded`.

A container may change links and directories of its volume at any moment. So a sub-path is walked component by
component relative to open directories, links are resolved by this walk and never by the kernel, and the mount is made
of the descriptor: nothing that happens to a path in between can lead the mount elsewhere (CVE-2017-1002101,
CVE-2021-25741).
"""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from podstead.k8s.expansion import expand, references
from podstead.volumes.emptydir import is_mounted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from podstead.k8s import core_v1 as v1
    from podstead.volumes.mounter import Mounter

MAX_LINKS = 40
"""As many links as the kernel follows on a path (path_resolution(7))."""
Ask = Callable[[int, str], None]
_OPEN = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


class SubPathError(ValueError):
    """The sub-path cannot be had; the text shows nothing of an environment."""


class AbsentError(SubPathError):
    """The volume has nothing there."""


def expanded(mount: v1.VolumeMount, env: Mapping[str, str]) -> str:
    """Return the sub-path of a mount, empty for the whole volume; raises SubPathError.

    Unlike in a command, a variable that is not there is an error: a directory called `$(NAME)` is never meant.
    """
    if not mount.sub_path_expr:
        found = mount.sub_path or ""
    else:
        missing = sorted(references(mount.sub_path_expr) - set(env))
        if missing:
            raise SubPathError(f"it refers to {missing[0]!r}, which is no variable of the container: add it to env")
        found = expand(mount.sub_path_expr, env)
        if not found:
            raise SubPathError("its variables leave an empty path")
    if found.startswith("/") or ".." in found.split("/"):
        raise SubPathError("it must be relative and without '..' once its variables are filled in")
    return found


def bind(root: Path, sub_path: str, target: Path, mounter: Mounter, *, make: bool) -> None:
    """Mount what a sub-path leads to on `target`, instead of what was mounted there before.

    `make`: a directory that is absent is made, with the mode of the volume's. Raises SubPathError, MountError and other
    OSErrors.
    """
    found = open_beneath(root, sub_path, make=make)
    try:
        place(target, found, mounter)
        mounter.bind(found, target)
    finally:
        os.close(found)


def open_beneath(root: Path, sub_path: str, *, make: bool) -> int:
    """Return a descriptor (O_PATH) of what a sub-path leads to within a directory; raises SubPathError."""
    directory = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return open_within(directory, sub_path, make=make)
    finally:
        os.close(directory)


def open_within(root: int, sub_path: str, *, make: bool, ask: Ask | None = None) -> int:
    """Return a descriptor (O_PATH) of what a sub-path leads to within an open directory; raises SubPathError.

    `ask` is told the directory and the name of what is about to be made, and raises where it must not be.
    """
    way = [os.dup(root)]
    mode = stat.S_IMODE(os.fstat(root).st_mode)
    left = deque(sub_path.split("/"))
    links = 0
    try:
        while left:
            part = left.popleft()
            if not stat.S_ISDIR(os.fstat(way[-1]).st_mode):
                raise SubPathError("a part of it is a file, not a directory")
            if part == "..":
                if len(way) == 1:
                    raise SubPathError("a link in it leads out of the volume")
                os.close(way.pop())
            elif part not in {"", "."}:
                found = _step(way[-1], part, mode if make else None, ask)
                link = _link_of(found)
                if link is None:
                    way.append(found)
                    continue
                os.close(found)
                links += 1
                if links > MAX_LINKS:
                    raise SubPathError("its links form a loop")
                if link.startswith("/"):
                    raise SubPathError("a link in it leads out of the volume")
                left.extendleft(reversed(link.split("/")))
        return way.pop()
    finally:
        for descriptor in way:
            os.close(descriptor)


def place(target: Path, found: int, mounter: Mounter) -> None:
    """Make an empty target, of the kind of an open file, with nothing mounted on it; only the agent writes where it lies."""
    while is_mounted(target, mounter):
        mounter.unmount(target, detach=True)
    target.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    if target.is_dir() and not target.is_symlink():
        target.rmdir()
    else:
        target.unlink(missing_ok=True)
    if stat.S_ISDIR(os.fstat(found).st_mode):
        target.mkdir(mode=0o750)
    else:
        target.touch(mode=0o640)


def _step(directory: int, name: str, mode: int | None, ask: Ask | None) -> int:
    """Open an entry without following it; one that is absent becomes a directory of this mode."""
    try:
        return os.open(name, _OPEN, dir_fd=directory)
    except FileNotFoundError:
        if mode is None:
            raise AbsentError("there is nothing of this name in the volume") from None
    if ask is not None:
        ask(directory, name)
    try:
        os.mkdir(name, 0o700, dir_fd=directory)
    except FileExistsError:
        return os.open(name, _OPEN, dir_fd=directory)  # somebody else made it meanwhile, whatever it is
    made = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    os.fchmod(made, mode)
    return made


def _link_of(descriptor: int) -> str | None:
    """Return where an open link leads, None for what is no link."""
    if not stat.S_ISLNK(os.fstat(descriptor).st_mode):
        return None
    return os.readlink("", dir_fd=descriptor)
