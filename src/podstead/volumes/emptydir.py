"""emptyDir volumes on disk, in memory and in huge pages (spec 5.5). Everything here blocks."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from podstead.k8s import quantity, resources
from podstead.k8s.volumes import HUGE_PAGES, huge_page_size
from podstead.volumes import hugepages
from podstead.volumes.mounter import MountError
from podstead.volumes.trouble import Ready, VolumeTrouble

if TYPE_CHECKING:
    from pathlib import Path

    from podstead.k8s import core_v1 as v1
    from podstead.volumes.mounter import Mounter

DEFAULT_MODE = 0o777
GROUP_BITS = 0o2070
"""What fsGroup adds to the directory: new files inherit the group, and the group may do everything."""
MEMORY = "Memory"
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
"""The kernel rounds the size of a tmpfs up to whole pages."""


def prepare(
    volume: str,
    source: v1.EmptyDirVolumeSource,
    path: Path,
    pod: v1.Pod,
    mounter: Mounter,
    *,
    memory_bytes: int = 0,
    in_force: bool = True,
) -> Ready | VolumeTrouble:
    """Make the directory, or what is mounted on it, once; what it holds is left as it is.

    `memory_bytes` is what the node can give to pods, the upper limit of every Memory volume; 0 for no such limit. A
    Memory volume that is there gets the size of the pod that is `in_force`.
    """
    begin = f"cannot make volume {volume!r}"
    medium = source.medium or ""
    group = pod.spec.security_context.fs_group if pod.spec.security_context is not None else None
    mode = (DEFAULT_MODE if source.mode is None else source.mode) | (GROUP_BITS if group is not None else 0)
    try:
        if medium.startswith(HUGE_PAGES):
            why = _huge_pages(source, path, pod, mounter, mode)
            return Ready(path=path) if why is None else VolumeTrouble(message=f"{begin}: {why}")
        make_directory(path, mode, group)
        if medium == MEMORY:
            size = tmpfs_size(source, pod, memory_bytes)
            if not is_mounted(path, mounter):
                mounter.mount_tmpfs(path, size=size, mode=mode, gid=group)
            elif in_force and (why := _resize(path, size, mounter)) is not None:
                return Ready(path=path, warning=f"volume {volume!r} keeps its size: {why}")
    except MountError as error:
        return VolumeTrouble(message=f"{begin}: {error}")
    except OSError as error:
        return VolumeTrouble(message=f"{begin} at {path}: {error.strerror}")
    return Ready(path=path)


def tmpfs_size(source: v1.EmptyDirVolumeSource, pod: v1.Pod, memory_bytes: int) -> int:
    """Return the size in bytes: the least of sizeLimit, the pod's memory limit and what the node can give; 0: none."""
    known = [size for size in (size_limit(source), resources.pod_values(pod).memory_limit, memory_bytes) if size > 0]
    return min(known, default=0)


def size_limit(source: v1.EmptyDirVolumeSource) -> int:
    """Return sizeLimit in bytes; 0 for none, as the kubelet takes it."""
    return quantity.value(source.size_limit) if source.size_limit else 0


def is_mounted(path: Path, mounter: Mounter) -> bool:
    """Return whether something is mounted on a directory; what is mounted is not asked, for it may not answer."""
    real = path.parent.resolve() / path.name
    return any(point.path == real for point in mounter.mount_points(real))


def make_directory(path: Path, mode: int, group: int | None) -> None:
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


def _huge_pages(source: v1.EmptyDirVolumeSource, path: Path, pod: v1.Pod, mounter: Mounter, mode: int) -> str | None:
    """Mount huge pages; return why there are none."""
    size = huge_page_size(source.medium or "", pod)
    why = size if isinstance(size, str) else hugepages.shortage(size, hugepages.pages())
    if why is not None or isinstance(size, str):
        return why
    group = pod.spec.security_context.fs_group if pod.spec.security_context is not None else None
    make_directory(path, mode, group)
    if not is_mounted(path, mounter):
        mounter.mount_huge_pages(path, page_bytes=size, size=size_limit(source), mode=mode, gid=group)
    return None


def _resize(path: Path, size: int, mounter: Mounter) -> str | None:
    """Give a mounted tmpfs its size; return why that cannot be."""
    capacity, used = mounter.space(path)
    whole = -(-size // PAGE_BYTES) * PAGE_BYTES
    if not size or whole == capacity:
        return None
    if used > whole:
        return f"it holds {used} bytes, more than the {size} that it may have now"
    mounter.resize_tmpfs(path, size)
    return None
