"""Who may write where secrets lie: root alone. Each refusal names the command that mends it.

Checked at every look, on the open directory and on the very descriptor that a file's bytes were read from.
"""

from __future__ import annotations

import os
import shlex
import stat
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from podstead.sources.entry import Entry, inspect_entry, owner_name
from podstead.sources.place import Place, PlaceFault
from podstead.state.sources import FileTrouble

if TYPE_CHECKING:
    from podstead.sources.entry import Question

WRITABLE = stat.S_IWGRP | stat.S_IWOTH
"""Mode bits that let others than the owner write."""


def judge_place(place: Place) -> None:
    """Refuse a directory that others than root can change, itself or by exchanging a part of its path.

    A directory above it in which everybody may write is no way in while its sticky bit is set (`/tmp`). Raises
    PlaceFault.
    """
    try:
        here = Path(f"/proc/self/fd/{place.descriptor}").readlink()
        _judge_directory(here, os.fstat(place.descriptor))
        for above in here.parents:
            status = above.stat()
            if not status.st_mode & stat.S_ISVTX:
                _judge_directory(above, status)
    except OSError as error:
        raise PlaceFault(f"cannot tell who may write in {place.directory}: {error.strerror}") from error


def _judge_directory(path: Path, status: os.stat_result) -> None:
    named = shlex.quote(str(path))
    if not _trusted(status.st_uid):
        owner = owner_name(status.st_uid)
        raise PlaceFault(f"{path} belongs to {owner}, who could change what lies in it; run: chown root {named}")
    if status.st_mode & WRITABLE:
        mode = stat.S_IMODE(status.st_mode)
        raise PlaceFault(f"{path} can be written by others than root (mode {mode:04o}); run: chmod go-w {named}")


def inspect_owned(directory: int, name: str, question: Question) -> Entry | None:
    """Return what this entry is now, as `inspect_entry` does; the bytes of a file that others can write are refused."""
    found = inspect_entry(directory, name, question)
    if found is None or found.file.data is None:
        return found
    file = found.file
    named = shlex.quote(file.path)
    if not _trusted(file.uid):
        reason, message = "NotOwnedByRoot", f"it belongs to {file.owner}, not to root: chown root:root {named}"
    elif file.mode & WRITABLE:
        said = f"its mode {file.mode:04o} lets others than root write it"
        reason, message = "WritableByOthers", f"{said}: chmod go-w {named}"
    else:
        return found
    refused = replace(file, data=None, digest="", trouble=FileTrouble.REFUSED, reason=reason, message=message)
    return Entry(file=refused)


def _trusted(uid: int) -> bool:
    """Return whether an owner is root, or the user that this agent runs as."""
    return uid in {0, os.geteuid()}
