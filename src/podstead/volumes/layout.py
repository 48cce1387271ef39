"""Where the things of a pod lie: the kubelet's directory layout (spec/kubelet-static-pods.md 5.5). Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from podstead.config import Paths
    from podstead.identity import PodUID

EMPTY_DIR_PLUGIN = "kubernetes.io~empty-dir"


def pod_directory(paths: Paths, uid: PodUID) -> Path:
    """Return the directory of an incarnation."""
    return paths.pods / uid


def empty_dirs(paths: Paths, uid: PodUID) -> Path:
    """Return the directory that holds the pod's emptyDirs, one entry a volume."""
    return pod_directory(paths, uid) / "volumes" / EMPTY_DIR_PLUGIN


def etc_hosts(paths: Paths, uid: PodUID) -> Path:
    """Return the hosts file that the pod's containers mount."""
    return pod_directory(paths, uid) / "etc-hosts"


def termination_file(paths: Paths, uid: PodUID, container: str, attempt: int) -> Path:
    """Return the termination message file of one attempt; eight hex digits, of the attempt, so it is found again."""
    return pod_directory(paths, uid) / "containers" / container / f"{attempt:08x}"


def id_range(paths: Paths, uid: PodUID) -> Path:
    """Return the file that says which of the node's ids a pod with a user namespace has."""
    return pod_directory(paths, uid) / "userns"
