"""Removing a pod's directory without ever leaving it: no link followed, no mount entered. Everything here blocks.

A container may have left any tree behind: links, mounts, a million files, directories nested deeper than a path can
name. So removal works on descriptors relative to one open directory, compares mount ids, and never recurses: what lies
deeper is moved up and dealt with there.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

_OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class RemovalRefusedError(OSError):
    """Something below is another file system: nothing of it was touched."""


def remove_tree(path: Path) -> None:
    """Remove a directory and everything in it; nothing happens when it does not exist.

    Raises RemovalRefusedError at a mount, OSError when the system refuses something (an immutable file).
    """
    try:
        top = os.open(path, _OPEN_DIRECTORY)
    except FileNotFoundError:
        return
    try:
        _empty(top, mount_id(top), path)
    finally:
        os.close(top)
    path.rmdir()


def remove_entry(directory: int, name: str, path: Path) -> None:
    """Remove whatever has this name in an open directory, whose `path` is for messages; nothing if there is nothing."""
    try:
        if not _is_directory(directory, name):
            os.unlink(name, dir_fd=directory)
            return
        below = os.open(name, _OPEN_DIRECTORY, dir_fd=directory)
    except FileNotFoundError:
        return
    try:
        _empty(below, mount_id(directory), path)
    finally:
        os.close(below)
    os.rmdir(name, dir_fd=directory)


def _empty(top: int, mount: int, path: Path) -> None:
    """Empty the open directory. Names that directories get on their way up count on; entries never meet."""
    moved = 0
    while names := _some_names(top):
        for name in names:
            if not _is_directory(top, name):
                os.unlink(name, dir_fd=top)
                continue
            below = os.open(name, _OPEN_DIRECTORY, dir_fd=top)
            try:
                if mount_id(below) != mount:
                    raise RemovalRefusedError(f"something is mounted in {path}")
                moved = _flatten(below, top, moved)
            finally:
                os.close(below)
            os.rmdir(name, dir_fd=top)


def _flatten(below: int, top: int, moved: int) -> int:
    """Remove the files of a directory and move its directories up into `top`; return the next free number."""
    while names := _some_names(below):
        for name in names:
            if not _is_directory(below, name):
                os.unlink(name, dir_fd=below)
                continue
            while True:
                moved += 1
                target = f".removed-{moved}"
                if not _exists(top, target):
                    break
            # A mount point cannot be renamed (EBUSY), so a mount is never carried along.
            os.rename(name, target, src_dir_fd=below, dst_dir_fd=top)
    return moved


def _some_names(directory: int, most: int = 4096) -> list[str]:
    """Return up to `most` names: a container may have made more than fit into memory."""
    names = []
    with os.scandir(directory) as entries:
        for entry in entries:
            names.append(entry.name)
            if len(names) == most:
                break
    return names


def _is_directory(directory: int, name: str) -> bool:
    return stat.S_ISDIR(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode)


def _exists(directory: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def mount_id(descriptor: int) -> int:
    """Return the id of the mount an open file is on (proc_pid_fdinfo(5)): bind mounts share a device, never this."""
    text = Path(f"/proc/self/fdinfo/{descriptor}").read_text(encoding="ascii")
    for line in text.splitlines():
        if line.startswith("mnt_id:"):
            return int(line.partition(":")[2])
    raise OSError(f"cannot tell the mount of descriptor {descriptor}: /proc has no mnt_id")
