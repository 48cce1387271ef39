"""Who may write where manifests and Secrets lie: root alone. Each fault names the command that mends it.

Judged at every look, on the open directory, on each directory above it as the kernel goes up from it, and on the very
descriptor that a file's bytes are read from. What is judged is never looked up by its path a second time.
"""

from __future__ import annotations

import functools
import os
import shlex
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from podstead.sources import acl
from podstead.sources.place import PlaceFault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from podstead.sources.place import Place

WRITABLE = stat.S_IWGRP | stat.S_IWOTH
"""Mode bits that let others than the owner write. An ACL's mask stands in the group's, so none hides from them."""
MOST_STEPS = 256
"""Directories above one another; PATH_MAX allows no more that people name."""
_UP = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def place_faults(place: Place) -> tuple[str, ...]:
    """Return what lets others than root change what lies in an open directory, itself or by exchanging a part of its path.

    Raises PlaceFault where that cannot be told.
    """
    try:
        # One file in a sticky directory is its owner's: others can neither remove nor replace it.
        return tuple(_chain_faults(place.descriptor, sticky=place.single is not None))
    except OSError as error:
        raise PlaceFault(f"cannot tell who may write in {place.directory}: {error.strerror}") from error


def _chain_faults(descriptor: int, *, sticky: bool) -> Iterator[str]:
    """Give the faults of a directory and of those above it. A sticky one above is no way in (`/tmp`) if it is root's."""
    here, status = os.dup(descriptor), os.fstat(descriptor)
    try:
        for step in range(MOST_STEPS):
            path = Path(f"/proc/self/fd/{here}").readlink()
            yield from directory_faults(path, status, here, sticky=sticky or step > 0, lowest=step == 0)
            above = os.open("..", _UP, dir_fd=here)
            os.close(here)
            here, below = above, status
            status = os.fstat(here)
            if path == Path("/") or (status.st_dev, status.st_ino) == (below.st_dev, below.st_ino):
                return
    finally:
        os.close(here)


def directory_faults(
    path: Path, status: os.stat_result, descriptor: int, *, sticky: bool, lowest: bool
) -> Iterator[str]:
    """Give what lets others than root change the names in an open directory. Raises OSError.

    `sticky`: it may be writable if its sticky bit keeps others' names safe. `lowest`: files are made in it.
    """
    named = shlex.quote(str(path))
    if not trusted(status.st_uid):
        owner = owner_name(status.st_uid)
        yield f"{path} belongs to {owner}, who could change what lies in it; run: chown root {named}"
    shielded = sticky and status.st_mode & stat.S_ISVTX
    if status.st_mode & WRITABLE and not shielded:
        writers = acl.writers(descriptor, acl.ACCESS)
        mode = stat.S_IMODE(status.st_mode)
        if writers is None or status.st_mode & stat.S_IWOTH:
            yield f"{path} can be written by others than root (mode {mode:04o}); run: chmod go-w {named}"
        elif others := _named(writers):
            yield f"{path} can be written by {others}, by its ACL; run: setfacl -b {named}"
    if lowest and (others := _named(acl.writers(descriptor, acl.DEFAULT) or ())):
        yield f"files made in {path} can be written by {others}, by its default ACL; run: setfacl -k {named}"


def _named(writers: tuple[acl.Writer, ...]) -> str:
    names = []
    for one in writers:
        if one.kind == "user" and not trusted(one.number):
            names.append(owner_name(one.number))
        elif one.kind != "user":
            names.append(f"group {one.number}" if one.number >= 0 else one.kind)
    return ", ".join(names)


def file_fault(path: str, status: os.stat_result) -> tuple[str, str] | None:
    """Return the reason and the sentence where others than root can write an open file; None where nobody can."""
    named = shlex.quote(path)
    if not trusted(status.st_uid):
        owner = owner_name(status.st_uid)
        return "NotOwnedByRoot", f"it belongs to {owner}, not to root: chown root:root {named}"
    if status.st_mode & WRITABLE:
        said = f"its mode {stat.S_IMODE(status.st_mode):04o} lets others than root write it"
        return "WritableByOthers", f"{said}: chmod go-w {named}"
    return None


def trusted(uid: int) -> bool:
    """Return whether an owner is root, or the user that this agent runs as."""
    return uid in {0, os.geteuid()}


@functools.lru_cache(maxsize=256)
def owner_name(uid: int) -> str:
    """Return the user's name from /etc/passwd, else its number.

    Not `pwd`: that asks the name services, and a directory server that does not answer would hold up every file.
    """
    try:
        lines = Path("/etc/passwd").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return str(uid)
    for line in lines:
        fields = line.split(":")
        if len(fields) > 2 and fields[2] == str(uid):
            return fields[0]
    return str(uid)
