"""emptyDir volumes on disk and in memory (spec 5.5). Everything here blocks."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from podstead.k8s import quantity, resources
from podstead.volumes.mounter import MountError
from podstead.volumes.trouble import VolumeTrouble

if TYPE_CHECKING:
    from pathlib import Path

    from podstead.k8s import core_v1 as v1
    from podstead.volumes.mounter import Mounter

DEFAULT_MODE = 0o777
GROUP_BITS = 0o2070
"""What fsGroup adds to the directory: new files inherit the group, and the group may do everything."""


def prepare(
    volume: str, source: v1.EmptyDirVolumeSource, path: Path, pod: v1.Pod, mounter: Mounter, memory_bytes: int
) -> Path | VolumeTrouble:
    """Make the directory, or the tmpfs on it, once; one that is there already is left as it is.

    `memory_bytes` is what the node can give to pods, the upper limit of every Memory volume; 0 for no such limit.
    """
    begin = f"cannot make volume {volume!r}"
    medium = source.medium or ""
    if medium not in {"", "Memory"}:
        return VolumeTrouble(message=f"{begin}: medium {medium!r} is not supported: write Memory, or leave it out")
    group = pod.spec.security_context.fs_group if pod.spec.security_context is not None else None
    mode = (source.mode if source.mode is not None else DEFAULT_MODE) | (GROUP_BITS if group is not None else 0)
    try:
        _make_directory(path, mode, group)
        real = path.resolve()
        if medium == "Memory" and not any(m.path == real for m in mounter.mount_points(real)):
            mounter.mount_tmpfs(path, size=tmpfs_size(source, pod, memory_bytes), mode=mode, gid=group)
    except MountError as error:
        return VolumeTrouble(message=f"{begin} in memory: {error}")
    except OSError as error:
        return VolumeTrouble(message=f"{begin} at {path}: {error.strerror}")
    return path


def tmpfs_size(source: v1.EmptyDirVolumeSource, pod: v1.Pod, memory_bytes: int) -> int:
    """Return the size in bytes: the least of sizeLimit, the pod's memory limit and what the node can give; 0: none."""
    limit = quantity.value(source.size_limit) if source.size_limit else 0
    known = [size for size in (limit, resources.pod_values(pod).memory_limit, memory_bytes) if size > 0]
    return min(known, default=0)


def _make_directory(path: Path, mode: int, group: int | None) -> None:
    """Make the directory with its mode and group in one visible step: a crash leaves none or a whole one."""
    if path.exists():
        return
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    # Names of volumes hold no dot, so this one belongs to nobody else.
    unfinished = path.with_name(f".{path.name}")
    unfinished.mkdir(mode=0o700, exist_ok=True)
    if group is not None:
        os.chown(unfinished, -1, group)
    unfinished.chmod(mode)
    unfinished.rename(path)
