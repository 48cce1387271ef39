"""Volumes whose files the agent writes: made, brought up to date, kept when their source is lost. Blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from podstead import whole_files
from podstead.volumes import atomic
from podstead.volumes.emptydir import is_mounted, make_directory
from podstead.volumes.mounter import MountError
from podstead.volumes.payload import ContentError, is_secret
from podstead.volumes.trouble import Ready, VolumeTrouble

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from podstead.k8s import core_v1 as v1
    from podstead.volumes.mounter import Mounter
    from podstead.volumes.payload import FileContent

DIRECTORY_MODE = 0o755
GROUP_BITS = 0o2050
"""What fsGroup adds: containers of the group may look in; nobody writes there but the agent."""
SECRET_BYTES = 64 << 20
"""Size of a tmpfs with Secrets: twice sixteen of the largest that Kubernetes allows (1 MiB), old and new."""


def prepare(
    volume: v1.Volume,
    content: Mapping[str, FileContent] | ContentError,
    path: Path,
    mark: Path,
    group: int | None,
    mounter: Mounter,
    *,
    in_force: bool,
) -> Ready | VolumeTrouble:
    """Let the directory show the content; Secrets lie in memory, never on a disk.

    What is there already changes with the revision that is `in_force` only. `mark` notes which definition the files
    come from: as long as that is the volume's, files whose source is lost stay as they are.
    """
    begin = f"cannot make volume {volume.name!r}"
    definition = msgspec.json.encode(volume)
    try:
        written = atomic.is_written(path)
        if written and not in_force and not isinstance(content, ContentError):
            return Ready(path=path)
        if isinstance(content, ContentError):
            if written and mark.is_file() and mark.read_bytes() == definition:
                return Ready(path=path, warning=f"volume {volume.name!r} keeps the files it had: {content}")
            return VolumeTrouble(message=f"{begin}: {content}")
        make_directory(path, DIRECTORY_MODE | (GROUP_BITS if group is not None else 0), group)
        if is_secret(volume) and not is_mounted(path, mounter):
            mode = DIRECTORY_MODE | (GROUP_BITS if group is not None else 0)
            mounter.mount_tmpfs(path, size=SECRET_BYTES, mode=mode, gid=group)
        atomic.write(path, content, group)
        mark.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        whole_files.write(mark, definition, mode=0o644, durable=False)
    except MountError as error:
        return VolumeTrouble(message=f"{begin}: {error}")
    except OSError as error:
        return VolumeTrouble(message=f"{begin} at {path}: {error.strerror or error}")
    return Ready(path=path)
