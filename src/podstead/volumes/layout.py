"""Where the things of a pod lie: the kubelet's directory layout (spec/kubelet-static-pods.md 5.5). Pure."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from podstead.config.paths import Paths
    from podstead.identity import PodUID
    from podstead.k8s import core_v1 as v1

EMPTY_DIR = "kubernetes.io~empty-dir"
NFS = "kubernetes.io~nfs"
CONTENT_PLUGINS = {
    "downward_api": "kubernetes.io~downward-api",
    "config_map": "kubernetes.io~configmap",
    "secret": "kubernetes.io~secret",
    "projected": "kubernetes.io~projected",
}
"""The plugins of volumes that the agent writes, by the volume's attribute."""


SUB_PATHS = "volume-subpaths"
HOST_PATHS = "host-paths"


def place_of(volume: v1.Volume) -> tuple[str, str] | None:
    """Return plugin and name of the directory that a volume has with its pod, None for one that has none.

    An NFS volume's name tells exports apart, so that an edit mounts the new one beside the one in use.
    """
    if volume.empty_dir is not None:
        return EMPTY_DIR, volume.name
    if volume.nfs is not None:
        told = f"{volume.nfs.server}:{volume.nfs.path}:{bool(volume.nfs.read_only)}"
        return NFS, f"{volume.name}.{hashlib.sha256(told.encode()).hexdigest()[:8]}"
    plugins = (plugin for source, plugin in CONTENT_PLUGINS.items() if getattr(volume, source) is not None)
    plugin = next(plugins, None)
    return (plugin, volume.name) if plugin is not None else None


def pod_directory(paths: Paths, uid: PodUID) -> Path:
    """Return the directory of an incarnation."""
    return paths.pods / uid


def volumes(paths: Paths, uid: PodUID) -> Path:
    """Return the directory that holds the pod's volumes."""
    return pod_directory(paths, uid) / "volumes"


def volume(paths: Paths, uid: PodUID, plugin: str, name: str) -> Path:
    """Return the directory of one volume."""
    return volumes(paths, uid) / plugin / name


def plugins(paths: Paths, uid: PodUID) -> Path:
    """Return the directory of what is noted about the pod's volumes."""
    return pod_directory(paths, uid) / "plugins"


def definition(paths: Paths, uid: PodUID, plugin: str, name: str) -> Path:
    """Return the file that notes what a volume's files were made from."""
    return plugins(paths, uid) / plugin / name / "definition"


def sub_paths(paths: Paths, uid: PodUID) -> Path:
    """Return the directory below which sub-paths of volumes are mounted: VOLUME/CONTAINER/INDEX."""
    return pod_directory(paths, uid) / SUB_PATHS


def host_paths(paths: Paths, uid: PodUID) -> Path:
    """Return the directory below which paths of the node are mounted for a start: VOLUME/CONTAINER/INDEX."""
    return pod_directory(paths, uid) / HOST_PATHS


def leads(paths: Paths, uid: PodUID) -> Path:
    """Return the file that remembers where the pod's paths of the node led."""
    return pod_directory(paths, uid) / "host-paths.json"


def etc_hosts(paths: Paths, uid: PodUID) -> Path:
    """Return the hosts file that the pod's containers mount."""
    return pod_directory(paths, uid) / "etc-hosts"


def termination_file(paths: Paths, uid: PodUID, container: str, attempt: int) -> Path:
    """Return the termination message file of one attempt; eight hex digits, of the attempt, so it is found again."""
    return pod_directory(paths, uid) / "containers" / container / f"{attempt:08x}"


def id_range(paths: Paths, uid: PodUID) -> Path:
    """Return the file that says which of the node's ids a pod with a user namespace has."""
    return pod_directory(paths, uid) / "userns"
