"""hostPath volumes: opened, judged and made by descriptors, so that nothing can be exchanged in between (spec 5.5).

A path is walked from the root directory; links are followed, as everywhere in Kubernetes, and what counts is where the
walk ended. Everything here blocks, on a dead network file system for ever: `home` runs it in a thread it can leave
behind.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from podstead.errors import SELF_PROTECTION
from podstead.volumes.protection import Reach, ReachError
from podstead.volumes.trouble import Ready, VolumeTrouble

if TYPE_CHECKING:
    from podstead.k8s import core_v1 as v1
    from podstead.volumes.protection import Protection

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
_PATH = os.O_PATH | os.O_CLOEXEC


def prepare(
    volume: str, source: v1.HostPathVolumeSource, protection: Protection, *, writable: bool
) -> Ready | VolumeTrouble:
    """Check a hostPath and return its real path, made if its type says so.

    `writable`: some container mounts the whole of it so. What is mounted in the end is opened and judged again
    (`binding`), when each container starts. The empty type checks nothing.
    """
    begin = f"cannot mount volume {volume!r}: hostPath {source.path!r}"
    try:
        found, missing = opened(source, make=(source.type or "").endswith("OrCreate"), protection=protection)
        try:
            if not missing and isinstance(reach := protection.judge(found, writable=writable), Reach):
                return VolumeTrouble(message=f"{begin} {reach.way}: choose another path", reason=SELF_PROTECTION)
            return Ready(path=Path(f"/proc/self/fd/{found}").readlink().joinpath(*missing))
        finally:
            os.close(found)
    except ReachError as error:
        return VolumeTrouble(message=f"{begin} {error}: choose another path", reason=SELF_PROTECTION)
    except OSError as error:
        return VolumeTrouble(message=f"{begin}{': ' if error.errno else ' '}{reason_of(error)}")


def opened(source: v1.HostPathVolumeSource, *, make: bool, protection: Protection) -> tuple[int, tuple[str, ...]]:
    """Return a descriptor (O_PATH) of what is at a hostPath, of the type that it wants; made with `make` if it is absent.

    Without `make` the second is what is missing of the path, if its type allows that, and the first the directory that
    it is missing in. What is made is never made where no pod may write. Raises ReachError and other OSErrors.
    """
    path, kind = Path(source.path), source.type or ""
    if not path.is_absolute() or ".." in path.parts:
        raise OSError("must be absolute and without '..'")
    if kind and kind not in _KINDS:
        raise OSError(errno.EINVAL, f"type {kind!r} is unknown: write one of {', '.join(_KINDS)}")
    here, missing = _walk(path)
    try:
        if missing and (not kind or kind.endswith("OrCreate")):
            protection.allow_new(here, *missing)
            if make:
                here, missing = _made(here, missing, path, file=kind == "FileOrCreate"), ()
        _check_kind(here, kind, missing)
    except BaseException:
        os.close(here)
        raise
    return here, missing


def _check_kind(descriptor: int, kind: str, missing: tuple[str, ...]) -> None:
    """Raise OSError where what is there, or missing, is not what the type asks for."""
    if not kind:
        return
    matches, noun = _KINDS[kind]
    if missing and not kind.endswith("OrCreate"):
        raise OSError(errno.ENOENT, f"it does not exist; type {kind} wants {noun} to be there")
    if not missing and not matches(os.fstat(descriptor).st_mode):
        raise OSError(errno.EINVAL, f"it is not {noun}, as type {kind} wants")


def reason_of(error: OSError) -> str:
    """Return why a path cannot be had, in words."""
    if error.errno == errno.ELOOP:
        return "it is a loop of symbolic links"
    return error.strerror or str(error)


def _walk(path: Path) -> tuple[int, tuple[str, ...]]:
    """Open as much of a path as is there; returns it (O_PATH) and the parts that are missing."""
    here = os.open("/", _PATH | os.O_DIRECTORY)
    parts = path.parts[1:]
    try:
        for index, part in enumerate(parts):
            try:
                found = _step(here, part)
            except FileNotFoundError:
                if _is_link(here, part):
                    raise OSError(errno.ENOENT, "a link on the way leads to nothing") from None
                return here, parts[index:]
            os.close(here)
            here = found
    except BaseException:
        os.close(here)
        raise
    return here, ()


def _step(directory: int, name: str) -> int:
    """Open an entry, following links; as a directory first, for that is what makes the kernel mount what is automounted."""
    try:
        return os.open(name, _PATH | os.O_DIRECTORY, dir_fd=directory)
    except NotADirectoryError:
        return os.open(name, _PATH, dir_fd=directory)


def _is_link(directory: int, name: str) -> bool:
    try:
        os.readlink(name, dir_fd=directory)
    except OSError:
        return False
    return True


def _made(directory: int, missing: tuple[str, ...], path: Path, *, file: bool) -> int:
    """Make what is missing, each directory 0755 whatever the umask; a file empty with 0644, its directory must be there.

    Takes the descriptor over, unless it raises.
    """
    if not stat.S_ISDIR(os.fstat(directory).st_mode):
        raise OSError(errno.ENOTDIR, "a part of the path is a file, not a directory")
    if file:
        if len(missing) > 1:
            raise OSError(errno.ENOENT, f"its directory {path.parent} does not exist")
        made = _made_file(directory, missing[0])
        os.close(directory)
        return made
    here = directory
    try:
        for name in missing:
            found = _made_directory(here, name)
            if here != directory:
                os.close(here)
            here = found
    except BaseException:
        if here != directory:
            os.close(here)
        raise
    os.close(directory)
    return here


def _made_directory(directory: int, name: str) -> int:
    try:
        os.mkdir(name, DIRECTORY_MODE, dir_fd=directory)
    except FileExistsError:  # somebody else made it meanwhile: not through a link
        return os.open(name, _PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=directory)
    made = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    os.fchmod(made, DIRECTORY_MODE)
    return made


def _made_file(directory: int, name: str) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        handle = os.open(name, flags, FILE_MODE, dir_fd=directory)
    except FileExistsError:
        return os.open(name, _PATH | os.O_NOFOLLOW, dir_fd=directory)
    try:
        os.fchmod(handle, FILE_MODE)
    finally:
        os.close(handle)
    return os.open(name, _PATH | os.O_NOFOLLOW, dir_fd=directory)
