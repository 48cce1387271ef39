"""Files and directories that the agent itself trusts: its configuration, its state, whose keys count, the rules.

Unlike a manifest's, their paths may lead through links, as packagers like to make them; then whoever can change a link
on the way counts as one who can write. Blocking.
"""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from podstead.sources.posture import directory_faults, file_fault, owner_name, trusted

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_LINKS = 40
"""As the kernel's own limit (path_resolution(7))."""
_DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class GuardFault(Exception):
    """A file is not taken for what it says; the text is one sentence with the command that mends it."""


def guard_faults(path: Path) -> tuple[str, ...]:
    """Return what lets others than root change this file or directory, or put another one in its place.

    What is not there yet is judged by the directories that are. Raises OSError where it cannot be told.
    """
    return tuple(dict.fromkeys(_faults(path.absolute())))


def read_guarded(path: Path, limit: int, *, lenient: bool = False) -> bytes:
    """Return a file's bytes; `lenient` takes those of a file that others can write too.

    Raises GuardFault for a file that others can write, that is none, or that has more than `limit` bytes; OSError, of
    which FileNotFoundError is one, where it cannot be read.
    """
    if not lenient and (faults := guard_faults(path)):
        raise GuardFault(faults[0])
    descriptor = os.open(os.path.realpath(path), _FILE)
    try:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise GuardFault(f"{path} is not a regular file: put the file itself there")
        if before.st_size > limit:
            raise GuardFault(f"{path} has {before.st_size} bytes, the limit is {limit}")
        data = _read(descriptor, before.st_size + 1)
        for status in () if lenient else (before, os.fstat(descriptor)):
            if (fault := file_fault(str(path), status)) is not None:
                raise GuardFault(f"{path}: {fault[1]}")
    finally:
        os.close(descriptor)
    return data


def _read(descriptor: int, limit: int) -> bytes:
    parts: list[bytes] = []
    while limit > 0 and (part := os.read(descriptor, limit)):
        parts.append(part)
        limit -= len(part)
    return b"".join(parts)


def _faults(path: Path) -> Iterator[str]:
    """Go the way the kernel would go, and give the faults of every directory that a part of the way is looked up in."""
    ahead, here, links = list(reversed(path.parts[1:])), Path("/"), 0
    yield from _directory(here)
    while ahead:
        name = ahead.pop()
        if name == "..":
            here = here.parent
            continue
        one = here / name
        try:
            status = one.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return
        if stat.S_ISLNK(status.st_mode):
            yield from _link(one, status)
            links += 1
            if links > MOST_LINKS:
                return  # whoever opens it is told
            target = one.readlink()
            ahead.extend(reversed([part for part in target.parts if part != "/"]))
            here = Path("/") if target.is_absolute() else here
        elif stat.S_ISDIR(status.st_mode):
            yield from _directory(one)
            here = one
        else:
            yield from _file(one, status)
            here = one


def _directory(path: Path) -> Iterator[str]:
    descriptor = os.open(path, _DIRECTORY)
    try:
        yield from directory_faults(path, os.fstat(descriptor), descriptor, sticky=True, lowest=False)
    finally:
        os.close(descriptor)


def _link(path: Path, status: os.stat_result) -> Iterator[str]:
    if not trusted(status.st_uid):
        yield f"the link {path} belongs to {owner_name(status.st_uid)}; run: chown -h root {shlex.quote(str(path))}"


def _file(path: Path, status: os.stat_result) -> Iterator[str]:
    """Give the fault of a file. To write to a socket is to connect, which its other side judges."""
    if stat.S_ISSOCK(status.st_mode):
        if not trusted(status.st_uid):
            yield f"the socket {path} belongs to {owner_name(status.st_uid)}, not to root"
    elif (fault := file_fault(str(path), status)) is not None:
        yield f"{path}: {fault[1]}"
