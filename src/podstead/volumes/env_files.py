"""Reads the files of emptyDirs that a container's environment refers to (`fileKeyRef`). Blocks."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from podstead.volumes.subpaths import AbsentError, SubPathError, open_beneath

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from podstead.k8s.env_file import EnvFiles, FileName

MAX_BYTES = 1 << 20
"""A container writes the file, and the agent reads it: an environment of a process ends at 2 MiB (execve(2))."""


class EnvFileError(ValueError):
    """A file is there and cannot be used; the message says why and shows nothing of it."""


def read_all(volumes: Mapping[str, Path], wanted: Iterable[FileName]) -> EnvFiles:
    """Return the text of each of these files; raises EnvFileError, which names the file."""
    found: dict[FileName, str | None] = {}
    for volume, path in wanted:
        try:
            found[volume, path] = read(volumes[volume], path)
        except (EnvFileError, OSError) as error:
            why = (error.strerror if isinstance(error, OSError) else None) or str(error)
            raise EnvFileError(f"file {path!r} of volume {volume}: {why}") from None
    return found


def read(root: Path, path: str) -> str | None:
    """Return the text of a file within a volume, None where there is none.

    The way to it is walked as that of a sub-path: no link leads out of the volume, whatever a container changes
    meanwhile. Raises EnvFileError and OSError.
    """
    try:
        found = open_beneath(root, path, make=False)
    except AbsentError:
        return None
    except SubPathError as error:
        raise EnvFileError(str(error)) from None
    try:
        if not stat.S_ISREG(os.fstat(found).st_mode):
            raise EnvFileError("it is no regular file")
        # What was found is opened anew, for reading: its path is not asked again.
        with open(f"/proc/self/fd/{found}", "rb") as file:  # noqa: PTH123 - no path, a descriptor
            data = file.read(MAX_BYTES + 1)
    finally:
        os.close(found)
    if len(data) > MAX_BYTES:
        raise EnvFileError(f"it is larger than {MAX_BYTES >> 20} MiB")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise EnvFileError("it is not UTF-8") from None
