"""Measures what pods use: memory from their cgroups, disk from volumes, logs and the runtime's own figures.

Nobody is measured unless the node runs short or the pod has a limit of its own.
"""

from __future__ import annotations

import asyncio
import logging
import os
from functools import partial
from typing import TYPE_CHECKING, assert_never

from podstead.admission.eviction import Candidate
from podstead.admission.storage import StorageUse
from podstead.errors import RuntimeFault
from podstead.k8s.signals import Signal
from podstead.logs.paths import log_directory
from podstead.state.observed import ContainerState
from podstead.state.runtime import LayerUse
from podstead.threads import PathThreads
from podstead.volumes.usage import count_inodes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from podstead.config.paths import Paths
    from podstead.identity import ContainerID
    from podstead.upkeep.ports import LayerMeter, RunningPod, VolumeMeter

log = logging.getLogger(__name__)

BLOCK = 512
"""Unit of st_blocks (stat(2))."""


class PodMeter:
    """Measures pods one by one."""

    def __init__(
        self,
        volumes: VolumeMeter,
        runtime: LayerMeter,
        paths: Paths,
        memory: Callable[[RunningPod], int],
        processes: Callable[[RunningPod], int],
    ) -> None:
        self._volumes = volumes
        self._runtime = runtime
        self._paths = paths
        self._memory = memory
        self._processes = processes
        self._threads = PathThreads()

    async def candidate(self, pod: RunningPod, signal: Signal) -> Candidate:
        """Return a pod with what it uses of a signal's resource; what cannot be told counts as nothing."""
        try:
            return await self._candidate(pod, signal)
        except OSError as error:
            log.warning("cannot measure pod %s: %s", pod.key, error)
            return Candidate(uid=pod.uid, pod=pod.pod)

    async def _candidate(self, pod: RunningPod, signal: Signal) -> Candidate:
        match signal:
            case Signal.MEMORY:
                used = await asyncio.to_thread(self._memory, pod)
            case Signal.PID:
                used = await asyncio.to_thread(self._processes, pod)
            case Signal.NODEFS | Signal.IMAGEFS:
                use = await self.storage(pod)
                return Candidate(uid=pod.uid, pod=pod.pod, used=use.total, by_container=use.containers)
            case Signal.NODEFS_INODES | Signal.IMAGEFS_INODES:
                used = await self._inodes(pod)
            case _:
                assert_never(signal)
        return Candidate(uid=pod.uid, pod=pod.pod, used=used)

    async def storage(self, pod: RunningPod) -> StorageUse:
        """Return what a pod has on the node's disks."""
        found = await self._volumes.usage(pod.pod, pod.uid, all_of_them=True)
        logs = log_directory(self._paths.pod_logs, pod.key, pod.uid)
        containers = await self._threads.run(pod.uid, partial(_files_by_directory, logs))
        for container in pod.containers:
            if container.state is ContainerState.RUNNING:
                layer = await self._layer(container.id)
                containers[container.name] = containers.get(container.name, 0) + layer.used_bytes
        return StorageUse(volumes={one.volume: one.used for one in found}, containers=containers)

    async def _layer(self, container: ContainerID) -> LayerUse:
        try:
            return await self._runtime.layer_use(container)
        except RuntimeFault:
            return LayerUse()  # it ended meanwhile, or the runtime does not measure

    async def _inodes(self, pod: RunningPod) -> int:
        directories = (self._paths.pods / pod.uid, log_directory(self._paths.pod_logs, pod.key, pod.uid))
        count = 0
        for directory in directories:
            try:
                count += await self._threads.run(pod.uid, partial(count_inodes, directory))
            except OSError:
                continue
        for container in pod.containers:
            if container.state is ContainerState.RUNNING:
                count += (await self._layer(container.id)).inodes
        return count


def _files_by_directory(logs: Path) -> dict[str, int]:
    """Return the bytes that the files in each directory below take; what is not there is empty."""
    try:
        with os.scandir(logs) as containers:
            return {entry.name: _files(entry.path) for entry in containers}
    except OSError:
        return {}


def _files(directory: str) -> int:
    try:
        with os.scandir(directory) as entries:
            return sum(entry.stat(follow_symlinks=False).st_blocks * BLOCK for entry in entries)
    except OSError:
        return 0
