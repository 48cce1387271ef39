"""Taking down what a pod has on the node: our own mounts first, then the files. Everything here blocks.

What is mounted there and is none of ours stops the removal before it has touched anything: the files below it belong
to somebody else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.volumes import layout, removal

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from podstead.k8s import core_v1 as v1
    from podstead.volumes.mounter import Mounter
    from podstead.volumes.mountinfo import MountPoint

_IN_MEMORY = {"tmpfs"}
_TYPES = {layout.EMPTY_DIR: {"tmpfs", "hugetlbfs"}, layout.NFS: {"nfs", "nfs4"}} | dict.fromkeys(
    layout.CONTENT_PLUGINS.values(), _IN_MEMORY
)
"""File systems that we mount for a volume, by its plugin."""


def clear(pod_directory: Path, parts: Sequence[str] | None, mounter: Mounter) -> None:
    """Unmount and remove parts of a pod's directory, or with None the whole; safe to repeat.

    Raises RemovalRefusedError, MountError and other OSErrors.
    """
    # Mount points are told by real paths; only the last part of the path is ours and known to be no link.
    real = pod_directory.parent.resolve() / pod_directory.name
    for target in [real] if parts is None else [real / part for part in parts]:
        for place in _host_path_places(target, real, mounter):
            mounter.detach(place)
        points = mounter.mount_points(target)
        foreign = next((point for point in points if not _is_ours(point, real)), None)
        if foreign is not None:
            raise removal.RemovalRefusedError(f"something is mounted on {foreign.path}: unmount it")
        for point in points:
            mounter.unmount(point.path, detach=layout.NFS in point.path.parts)
        left = mounter.mount_points(target)
        if left:
            raise removal.RemovalRefusedError(f"something is still mounted on {left[0].path}: unmount it")
        removal.remove_tree(target)


def unused(pod_directory: Path, used: Collection[v1.Volume]) -> list[str]:
    """Return the parts of a pod's directory that belong to none of these volumes."""
    places, names = {layout.place_of(volume) for volume in used}, {volume.name for volume in used}
    kept = (layout.SUB_PATHS, layout.HOST_PATHS)
    found = [f"{kind}/{name}" for kind in kept for name in _names(pod_directory / kind) if name not in names]
    for kind in ("volumes", "plugins"):
        for plugin in _names(pod_directory / kind):
            entries = _names(pod_directory / kind / plugin)
            found += [f"{kind}/{plugin}/{name}" for name in entries if (plugin, name) not in places]
    return found


def _host_path_places(target: Path, pod_directory: Path, mounter: Mounter) -> set[Path]:
    """Return where paths of the node are mounted: whole trees, which go as one and never touch what they are copies of."""
    found = set()
    for point in mounter.mount_points(target):
        parts = point.path.relative_to(pod_directory).parts
        if len(parts) >= 4 and parts[0] == layout.HOST_PATHS:
            found.add(pod_directory.joinpath(*parts[:4]))
    return found


def _names(directory: Path) -> list[str]:
    return sorted(entry.name for entry in directory.iterdir()) if directory.is_dir() else []


def _is_ours(point: MountPoint, pod_directory: Path) -> bool:
    """Return whether we mounted this: a volume of ours, or a sub-path at VOLUME/CONTAINER/INDEX."""
    match point.path.relative_to(pod_directory).parts:
        case ("volumes", plugin, _):
            return point.fs_type in _TYPES.get(plugin, ())
        case (layout.SUB_PATHS, _, _, _):
            return True
        case _:
            return False
