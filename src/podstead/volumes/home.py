"""The directory of a pod and what it mounts: prepared, bound, reset, torn down."""

from __future__ import annotations

import asyncio
import functools
from pathlib import Path
from typing import TYPE_CHECKING

from podstead.identity import PodUID
from podstead.k8s.containers import all_containers
from podstead.k8s.env_file import file_references
from podstead.k8s.volumes import binds_host_paths, shows_content, used_volumes
from podstead.threads import PathThreads, StuckError
from podstead.volumes import clearing, env_files, files, hosts, layout, usage
from podstead.volumes.abilities import MountAbilities
from podstead.volumes.binding import CONFIG_ERROR, MountBinder, release
from podstead.volumes.making import PodMaker, VolumeNode
from podstead.volumes.mounter import Mounter, MountError
from podstead.volumes.mounts import Prepared, SubPaths
from podstead.volumes.payload import ContentError, payload
from podstead.volumes.trouble import VolumeTrouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from podstead.config.paths import Paths
    from podstead.k8s import core_v1 as v1
    from podstead.k8s.env_file import EnvFiles
    from podstead.volumes.hostname import PodHostname
    from podstead.volumes.neighbours import Names
    from podstead.volumes.payload import FileContent

REMOVAL_SECONDS = 600.0
"""Removing a million small files takes minutes on a slow disk."""
FRESH_PARTS = (layout.HOST_PATHS, layout.SUB_PATHS, "volumes", "plugins")
"""What of a pod's directory a whole-pod edit begins anew."""


class PodVolumes:
    """Everything of a pod on the node's file systems; the pods' own directories are given out by this class only."""

    def __init__(self, paths: Paths, mounter: Mounter, node: VolumeNode) -> None:
        self._paths = paths
        self._mounter = mounter
        self._node = node
        self._threads = PathThreads()
        self._locks: dict[PodUID, asyncio.Lock] = {}

    async def prepare(
        self, pod: v1.Pod, uid: PodUID, able: MountAbilities | None = None, *, in_force: bool = True
    ) -> Prepared | VolumeTrouble:
        """Check and make every volume that some container uses; safe to repeat.

        Volumes that nothing uses are not looked at. `in_force`: the files of volumes are brought up to date under
        running containers; without it what is there stays, and only what is missing is made.
        """
        maker = PodMaker(
            paths=self._paths,
            mounter=self._mounter,
            node=self._node,
            pod=pod,
            uid=uid,
            able=able or MountAbilities(),
            in_force=in_force,
            contents={v.name: self._content(v, pod, uid) for v in used_volumes(pod) if shows_content(v)},
        )
        try:
            async with self._lock(uid):
                return await self._threads.run(uid, maker.make)
        except OSError as error:
            return VolumeTrouble(message=f"cannot prepare the pod's volumes: {error.strerror or error}")

    async def bind_sub_paths(
        self,
        container: v1.Container,
        pod: v1.Pod,
        uid: PodUID,
        prepared: Prepared,
        env: Mapping[str, str],
        led: Iterable[tuple[str, str]] = (),
    ) -> SubPaths | VolumeTrouble:
        """Mount the sub-paths and the paths of the node that a container is about to see, in place of its last start's.

        `led` says where paths of the node led when a policy admitted the pod.
        """
        has_part = any(mount.sub_path or mount.sub_path_expr for mount in container.volume_mounts)
        if not has_part and not binds_host_paths(container, pod):
            return SubPaths()
        binder = MountBinder(
            paths=self._paths,
            mounter=self._mounter,
            protected=self._node.protected,
            moved=self._node.moved,
            container=container,
            pod=pod,
            uid=uid,
            prepared=prepared,
            env=env,
            led=dict(led),
        )
        try:
            async with self._lock(uid):
                return await self._threads.run(uid, binder.bind)
        except StuckError as error:
            return VolumeTrouble(message=f"cannot mount sub-paths and host paths: {error}", reason=CONFIG_ERROR)

    async def release(self, container: v1.Container, pod: v1.Pod, uid: PodUID) -> VolumeTrouble | None:
        """Take the paths of the node away that were mounted for a start which has been made, or has failed."""
        if not binds_host_paths(container, pod):
            return None
        try:
            async with self._lock(uid):
                work = functools.partial(release, self._paths, uid, container.name, self._mounter)
                await self._threads.run(uid, work)
        except OSError as error:
            text = f"container {container.name}: a host path stays mounted in the pod's directory: {error}"
            return VolumeTrouble(message=text, reason="FailedUnmount")
        return None

    async def read_env_files(
        self, container: v1.Container, uid: PodUID, prepared: Prepared
    ) -> EnvFiles | VolumeTrouble:
        """Return the files that the environment of a container takes values from, as they are now."""
        wanted = frozenset(file_references(container))
        if not wanted:
            return {}
        try:
            return await self._threads.run(uid, functools.partial(env_files.read_all, prepared.volumes, wanted))
        except (env_files.EnvFileError, StuckError) as error:
            said = f"container {container.name}: cannot set its environment: {error}"
            return VolumeTrouble(message=said, reason=CONFIG_ERROR)

    async def usage(self, pod: v1.Pod, uid: PodUID, *, all_of_them: bool = False) -> tuple[usage.VolumeUsage, ...]:
        """Return what the emptyDirs on disk hold that have a sizeLimit, or all; one that cannot be told is left out."""
        found = []
        for name, limit in usage.limits_on_disk(pod):
            if limit or all_of_them:
                path = layout.volume(self._paths, uid, layout.EMPTY_DIR, name)
                try:
                    used = await self._threads.run(f"usage of {uid}", functools.partial(usage.measure, path))
                except OSError:
                    continue
                found.append(usage.VolumeUsage(volume=name, used=used))
        return tuple(found)

    async def tidy(self, uid: PodUID, used: Callable[[], Sequence[v1.Volume] | None]) -> VolumeTrouble | None:
        """Remove the volumes that an edit has left without a user.

        `used` tells what is in use or is going to be; None says that it cannot be told, and removes nothing. It is asked
        when nothing else makes volumes of the pod, so that none is taken for unused that was just made.
        """
        path = layout.pod_directory(self._paths, uid)
        async with self._lock(uid):
            if (kept := used()) is None:
                return None
            return await self._removal(uid, path, functools.partial(self._tidy, path, kept))

    async def leftovers(self, is_known: Callable[[PodUID], bool]) -> tuple[PodUID, ...]:
        """Return the incarnations that have a directory here and are not known: `teardown` is for them."""

        def names() -> list[str]:
            return [entry.name for entry in self._paths.pods.iterdir()] if self._paths.pods.is_dir() else []

        found = await self._threads.run("leftovers", names)
        return tuple(uid for uid in map(PodUID, sorted(found)) if not is_known(uid))

    async def write_hosts(
        self, pod: v1.Pod, uid: PodUID, name: PodHostname, ips: Sequence[str], neighbours: Names | None = None
    ) -> Path | VolumeTrouble:
        """Write the pod's hosts file as it must be now, and return it; done before each container start."""
        path = layout.etc_hosts(self._paths, uid)
        try:
            await self._threads.run(uid, functools.partial(_write_hosts, path, pod, name, tuple(ips), neighbours))
        except OSError as error:
            return VolumeTrouble(message=f"cannot write {path}: {error.strerror or error}")
        return path

    async def renew_hosts(self, neighbours: Mapping[PodUID, Names | None]) -> tuple[str, ...]:
        """Bring the hosts files of these pods up to date under their containers; return what could not be done."""
        return await self._threads.run("hosts", functools.partial(_renew_hosts, self._paths, neighbours))

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
        """Remove the pod's volumes, so that the next `prepare` makes fresh ones; nothing of it may run."""
        return await self._clear(uid, FRESH_PARTS)

    async def teardown(self, uid: PodUID) -> VolumeTrouble | None:
        """Remove the pod's directory; nothing of it may run. Safe to repeat.

        Our own mounts are unmounted; any other mount below stops the removal before it has touched anything.
        """
        trouble = await self._clear(uid, None)
        if trouble is None:
            self._locks.pop(uid, None)
        return trouble

    def _lock(self, uid: PodUID) -> asyncio.Lock:
        """Return what keeps the making and the removal of a pod's volumes apart."""
        return self._locks.setdefault(uid, asyncio.Lock())

    def _content(self, volume: v1.Volume, pod: v1.Pod, uid: PodUID) -> Mapping[str, FileContent] | ContentError:
        try:
            return payload(volume, pod, uid, self._node.sources)
        except ContentError as error:
            return error

    def _tidy(self, path: Path, used: Sequence[v1.Volume]) -> None:
        if parts := clearing.unused(path, used):
            clearing.clear(path, parts, self._mounter)

    async def _clear(self, uid: PodUID, parts: Sequence[str] | None) -> VolumeTrouble | None:
        path = layout.pod_directory(self._paths, uid)
        async with self._lock(uid):
            return await self._removal(uid, path, functools.partial(clearing.clear, path, parts, self._mounter))

    async def _removal(self, uid: PodUID, path: Path, work: Callable[[], None]) -> VolumeTrouble | None:
        try:
            await self._threads.run(uid, work, REMOVAL_SECONDS)
        except MountError as error:
            return VolumeTrouble(reason="FailedUnmount", message=f"cannot unmount below {path}: {error}")
        except OSError as error:
            return VolumeTrouble(reason="FailedRemoval", message=f"cannot remove {path}: {error.strerror or error}")
        return None


def message_limit(pod: v1.Pod) -> int:
    """Return how many bytes of termination message each container of a pod may have."""
    return min(files.MAX_MESSAGE, files.MAX_POD_MESSAGES // max(1, len(all_containers(pod.spec))))


def wants_log(container: v1.Container, exit_code: int, message: str) -> bool:
    """Return whether the end of the log stands in for a termination message (FallbackToLogsOnError)."""
    return container.termination_message_policy == "FallbackToLogsOnError" and exit_code != 0 and not message


def _write_hosts(path: Path, pod: v1.Pod, name: PodHostname, ips: tuple[str, ...], neighbours: Names | None) -> None:
    aliases = pod.spec.host_aliases
    if pod.spec.host_network:
        text = hosts.host_network_hosts(files.read_node_file(Path("/etc/hosts")), aliases)
    else:
        text = hosts.pod_network_hosts(name, ips, aliases, neighbours)
    files.write_in_place(path, text, files.HOSTS_MODE)


def _renew_hosts(paths: Paths, neighbours: Mapping[PodUID, Names | None]) -> tuple[str, ...]:
    troubles = []
    for uid, names in neighbours.items():
        path = layout.etc_hosts(paths, uid)
        try:
            files.change_in_place(path, functools.partial(hosts.renewed, neighbours=names))
        except OSError as error:
            troubles.append(f"cannot renew {path}: {error.strerror or error}")
    return tuple(troubles)
