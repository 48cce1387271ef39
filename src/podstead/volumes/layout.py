"""Where the things of a pod lie: the kubelet's directory layout (spec/kubelet-static-pods.md 5.5). Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from podstead.config import Paths
    from podstead.identity import PodUID

EMPTY_DIR = "kubernetes.io~empty-dir"
NFS = "kubernetes.io~nfs"
CONTENT_PLUGINS = {
    "downward_api": "kubernetes.io~downward-api",
    "config_map": "kubernetes.io~configmap",
    "secret": "kubernetes.io~secret",
    "projected": "kubernetes.io~projected",
}
"""The plugins of volumes that the agent writes, by the volume's attribute."""


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
    return pod_directory(paths, uid) / "volume-subpaths"


def etc_hosts(paths: Paths, uid: PodUID) -> Path:
    """Return the hosts file that the pod's containers mount."""
    return pod_directory(paths, uid) / "etc-hosts"


def termination_file(paths: Paths, uid: PodUID, container: str, attempt: int) -> Path:
    """Return the termination message file of one attempt; eight hex digits, of the attempt, so it is found again."""
    return pod_directory(paths, uid) / "containers" / container / f"{attempt:08x}"


def id_range(paths: Paths, uid: PodUID) -> Path:
    """Return the file that says which of the node's ids a pod with a user namespace has."""
    return pod_directory(paths, uid) / "userns"
