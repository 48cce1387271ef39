"""hostPath volumes: the checks of their type, and what no pod may reach (spec 5.5; design, security 3).

Everything here blocks, on a dead network file system for ever: `home` runs it in a thread it can leave behind.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from podstead.volumes.trouble import Ready, VolumeTrouble

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from podstead.k8s import core_v1 as v1
    from podstead.volumes.mounter import Mounter

DIRECTORY_MODE = 0o755
FILE_MODE = 0o644

_KINDS = {
    "Directory": (stat.S_ISDIR, "a directory"),
    "DirectoryOrCreate": (stat.S_ISDIR, "a directory"),
    "File": (stat.S_ISREG, "a regular file"),
    "FileOrCreate": (stat.S_ISREG, "a regular file"),
    "Socket": (stat.S_ISSOCK, "a socket"),
    "CharDevice": (stat.S_ISCHR, "a character device"),
    "BlockDevice": (stat.S_ISBLK, "a block device"),
}


def prepare(
    volume: str, source: v1.HostPathVolumeSource, protected: Sequence[Path], mounter: Mounter
) -> Ready | VolumeTrouble:
    """Check a hostPath and return its real path, made if its type says so.

    `protected` are real paths (the manifest directory, the agent's root): a volume that is, holds or lies in one of
    them, by name or by what bind mounts show, is refused, read-only or not. The path returned has no links left in it.
    The runtime mounts it by that path: a container that may write the directory above can exchange it after the check,
    which only a sub-path withstands (`subpaths`). The empty type checks nothing.
    """
    begin = f"cannot mount volume {volume!r}"
    written = Path(source.path)
    if not written.is_absolute() or ".." in written.parts:
        return VolumeTrouble(message=f"{begin}: hostPath {source.path!r} must be absolute and without '..'")
    try:
        path = written.resolve()
        barred = next((p for p in protected if reaches(path, p, mounter)), None)
        if barred is not None:
            said = f"hostPath {source.path!r} reaches {barred}, which no pod may mount: choose another path"
            return VolumeTrouble(message=f"{begin}: {said}")
        why = _ready(path, source.type or "")
        if why is None:
            return Ready(path=path)
    except OSError as error:
        why = error.strerror or str(error)
    except RuntimeError:  # what pathlib raises for a loop of links
        why = "it is a loop of symbolic links"
    return VolumeTrouble(message=f"{begin}: hostPath {source.path!r}: {why}")


def reaches(path: Path, protected: Path, mounter: Mounter) -> bool:
    """Return whether a mount of a real path would show something of a protected one, or what holds it."""
    return overlaps(path, protected) or mounter.shows(path, protected)


def overlaps(path: Path, protected: Path) -> bool:
    """Return whether one of two real paths is or holds the other, by name or, for bind mounts, by identity."""
    if path == protected or path in protected.parents or protected in path.parents:
        return True
    ours, theirs = _identity(path), _identity(protected)
    return (theirs is not None and theirs in _identities_above(path)) or (
        ours is not None and ours in _identities_above(protected)
    )


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _identities_above(path: Path) -> Iterator[tuple[int, int]]:
    for place in (path, *path.parents):
        found = _identity(place)
        if found is not None:
            yield found


def _ready(path: Path, kind: str) -> str | None:
    """Make or check the path; return why it is not what the type asks for."""
    if kind == "":
        return None
    if kind not in _KINDS:
        return f"type {kind!r} is unknown: write one of {', '.join(_KINDS)}"
    if kind == "DirectoryOrCreate":
        _make_directories(path)
    elif kind == "FileOrCreate":
        _make_file(path)
    matches, noun = _KINDS[kind]
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return f"it does not exist; type {kind} wants {noun} to be there"
    return None if matches(mode) else f"it is not {noun}, as type {kind} wants"


def _make_directories(path: Path) -> None:
    """Make the directory and its missing parents, each 0755 whatever the umask."""
    missing = []
    while not path.exists():
        missing.append(path)
        path = path.parent
    for directory in reversed(missing):
        try:
            directory.mkdir(mode=DIRECTORY_MODE)
        except FileExistsError:
            continue
        directory.chmod(DIRECTORY_MODE)


def _make_file(path: Path) -> None:
    """Make the file empty with 0644 if it is absent; its directory must be there."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    except FileExistsError:
        return
    except FileNotFoundError:
        raise OSError(errno.ENOENT, f"its directory {path.parent} does not exist") from None
    try:
        os.fchmod(handle, FILE_MODE)
    finally:
        os.close(handle)
