"""The directory of a pod and what it mounts: prepared, reset, torn down."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from podstead.k8s.containers import all_containers
from podstead.threads import PathThreads, StuckError
from podstead.volumes import emptydir, files, hostpath, hosts, layout, removal
from podstead.volumes.mounter import Mounter, MountError
from podstead.volumes.mounts import Prepared
from podstead.volumes.trouble import VolumeTrouble

if TYPE_CHECKING:
    from collections.abc import Sequence

    from podstead.config import Paths
    from podstead.identity import PodUID
    from podstead.k8s import core_v1 as v1
    from podstead.volumes.hostname import PodHostname

REMOVAL_SECONDS = 600.0
"""Removing a million small files takes minutes on a slow disk."""


class PodVolumes:
    """Everything of a pod on the node's file systems.

    `protected` are paths that no pod may mount (the manifest directory, the agent's root, its sockets); the pods' own
    directories below the root are given out by this class only. `memory_bytes` bounds volumes in memory, 0: unbounded.
    """

    def __init__(
        self, paths: Paths, mounter: Mounter, *, protected: Sequence[Path] = (), memory_bytes: int = 0
    ) -> None:
        self._paths = paths
        self._mounter = mounter
        self._protected = tuple(protected)
        self._memory_bytes = memory_bytes
        self._threads = PathThreads()

    async def prepare(self, pod: v1.Pod, uid: PodUID) -> Prepared | VolumeTrouble:
        """Check and make every volume that some container mounts; safe to repeat.

        Volumes that nothing mounts are not looked at.
        """
        try:
            return await self._threads.run(uid, functools.partial(self._prepare, pod, uid))
        except OSError as error:
            return VolumeTrouble(message=f"cannot prepare the pod's volumes: {error.strerror or error}")

    async def write_hosts(
        self, pod: v1.Pod, uid: PodUID, name: PodHostname, ips: Sequence[str]
    ) -> Path | VolumeTrouble:
        """Write the pod's hosts file as it must be now, and return it; done before each container start."""
        path = layout.etc_hosts(self._paths, uid)
        try:
            await self._threads.run(uid, functools.partial(_write_hosts, path, pod, name, tuple(ips)))
        except OSError as error:
            return VolumeTrouble(message=f"cannot write {path}: {error.strerror or error}")
        return path

    async def make_message_file(self, uid: PodUID, container: str, attempt: int) -> Path | VolumeTrouble:
        """Make the termination message file of an attempt that is about to be created."""
        path = layout.termination_file(self._paths, uid, container, attempt)
        try:
            await self._threads.run(uid, functools.partial(files.make_message_file, path))
        except OSError as error:
            return VolumeTrouble(message=f"cannot make {path}: {error.strerror or error}")
        return path

    async def read_message(self, pod: v1.Pod, uid: PodUID, container: str, attempt: int) -> str:
        """Return the termination message that an attempt left in its file, cut to its share of the pod's."""
        path = layout.termination_file(self._paths, uid, container, attempt)
        try:
            return await self._threads.run(uid, functools.partial(files.read_message, path, message_limit(pod)))
        except StuckError as error:
            return f"cannot read the termination message: {error}"

    async def reset(self, uid: PodUID) -> VolumeTrouble | None:
        """Remove the pod's emptyDirs, so that the next `prepare` makes fresh ones; nothing of it may run."""
        return await self._remove(uid, layout.empty_dirs(self._paths, uid))

    async def teardown(self, uid: PodUID) -> VolumeTrouble | None:
        """Remove the pod's directory; nothing of it may run. Safe to repeat.

        Our own tmpfs mounts are unmounted; any other mount below stops the removal before it has touched anything.
        """
        return await self._remove(uid, layout.pod_directory(self._paths, uid))

    def _prepare(self, pod: v1.Pod, uid: PodUID) -> Prepared | VolumeTrouble:
        mounts = [mount for container in all_containers(pod.spec) for mount in container.volume_mounts]
        for mount in mounts:
            if mount.recursive_read_only == "Enabled":
                said = f"cannot mount {mount.mount_path!r}: the runtime has no recursive read-only mounts"
                return VolumeTrouble(message=f"{said}; write recursiveReadOnly: IfPossible")
        wanted = {mount.name for mount in mounts}
        ready: dict[str, Path] = {}
        layout.pod_directory(self._paths, uid).mkdir(mode=files.DIRECTORY_MODE, parents=True, exist_ok=True)
        for volume in pod.spec.volumes:
            if volume.name in wanted:
                path = self._volume(volume, pod, uid)
                if isinstance(path, VolumeTrouble):
                    return path
                ready[volume.name] = path
        return Prepared(volumes=ready)

    def _volume(self, volume: v1.Volume, pod: v1.Pod, uid: PodUID) -> Path | VolumeTrouble:
        if volume.host_path is not None:
            protected = [path.resolve() for path in self._protected]
            return hostpath.prepare(volume.name, volume.host_path, protected)
        if volume.empty_dir is not None:
            path = layout.empty_dirs(self._paths, uid) / volume.name
            return emptydir.prepare(volume.name, volume.empty_dir, path, pod, self._mounter, self._memory_bytes)
        return VolumeTrouble(
            message=f"cannot make volume {volume.name!r}: only hostPath and emptyDir are supported yet"
        )

    async def _remove(self, uid: PodUID, path: Path) -> VolumeTrouble | None:
        try:
            await self._threads.run(uid, functools.partial(self._remove_now, path), REMOVAL_SECONDS)
        except MountError as error:
            return VolumeTrouble(reason="FailedUnmount", message=f"cannot unmount below {path}: {error}")
        except OSError as error:
            return VolumeTrouble(reason="FailedRemoval", message=f"cannot remove {path}: {error.strerror or error}")
        return None

    def _remove_now(self, path: Path) -> None:
        # Mount points are told by real paths; only the last part of `path` is ours and known to be no link.
        real = path.parent.resolve() / path.name
        points = self._mounter.mount_points(real)
        foreign = [p for p in points if p.fs_type != "tmpfs" or p.path.parent.name != layout.EMPTY_DIR_PLUGIN]
        if foreign:
            raise removal.RemovalRefusedError(f"something is mounted on {foreign[0].path}: unmount it")
        for point in points:
            self._mounter.unmount(point.path)
        left = self._mounter.mount_points(real)
        if left:
            raise removal.RemovalRefusedError(f"something is still mounted on {left[0].path}: unmount it")
        removal.remove_tree(real)


def message_limit(pod: v1.Pod) -> int:
    """Return how many bytes of termination message each container of a pod may have."""
    return min(files.MAX_MESSAGE, files.MAX_POD_MESSAGES // max(1, len(all_containers(pod.spec))))


def wants_log(container: v1.Container, exit_code: int, message: str) -> bool:
    """Return whether the end of the log stands in for a termination message (FallbackToLogsOnError)."""
    return container.termination_message_policy == "FallbackToLogsOnError" and exit_code != 0 and not message


def _write_hosts(path: Path, pod: v1.Pod, name: PodHostname, ips: tuple[str, ...]) -> None:
    aliases = pod.spec.host_aliases
    if pod.spec.host_network:
        text = hosts.host_network_hosts(files.read_node_file(Path("/etc/hosts")), aliases)
    else:
        text = hosts.pod_network_hosts(name, ips, aliases)
    files.write_in_place(path, text, files.HOSTS_MODE)
