"""Tends containers' logs: links them when containers come and go, and rotates them as they grow.

Nothing is asked of the runtime but to open a log anew. A look costs one `lstat` for each running container, in one
thread for all of them; a log that grows so fast that the next look would find it twice as large as it may be makes
that look come sooner.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from podstead.errors import RuntimeFault
from podstead.logs import cleanup, rotation
from podstead.logs.links import LogLinks
from podstead.logs.paths import SPARED_ATTEMPTS, forgotten, link_name, log_directory, log_path
from podstead.state.observed import ContainerState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from podstead.clock import Clock
    from podstead.config.paths import Paths
    from podstead.config.upkeep import LogSettings
    from podstead.identity import PodUID
    from podstead.state.observed import ObservedContainer
    from podstead.upkeep.ports import LoggingPod, LoggingPods, LogRuntime

log = logging.getLogger(__name__)

SOONEST_SECONDS = 1.0
"""A runtime writes some 33 MiB in this time (spec/cri.md 7): no log grows further beyond its size."""
ENDED_SECONDS = 10.0
"""How long after its end a container's log is left alone: the runtime may still write what it said last."""
LINKED = (ContainerState.RUNNING, ContainerState.EXITED)


@dataclass(frozen=True, slots=True)
class _Growth:
    """The size of a log at a look, when that was on the boot clock, and by how many bytes a second it grew before."""

    size: int = 0
    at: float = 0.0
    rate: float = 0.0

    def now(self, size: int, at: float) -> _Growth:
        """Return the growth at a later look; a log that became smaller was rotated and is taken to go on as before."""
        if not self.at or at <= self.at or size < self.size:
            return _Growth(size, at, self.rate)
        return _Growth(size, at, (size - self.size) / (at - self.at))


class LogKeeper:
    """Keeps logs of one instance's pods linked and bounded."""

    def __init__(
        self, pods: LoggingPods, runtime: LogRuntime, paths: Paths, settings: LogSettings, clock: Clock
    ) -> None:
        self._pods = pods
        self._runtime = runtime
        self._pod_logs = paths.pod_logs
        self._settings = settings
        self._clock = clock
        self._links = LogLinks(paths.log_links, paths.pod_logs)
        self._changing = asyncio.Lock()
        """Held while links change: the files are changed in threads."""
        self._changed: set[PodUID] = set()
        self._wake = asyncio.Event()
        self._settled: dict[PodUID, frozenset[str]] = {}
        """The containers that each pod's links are for, by id."""
        self._growth: dict[str, _Growth] = {}
        self._cut: set[str] = set()
        """Ended containers whose logs have been cut, by id."""
        self._told: dict[str, str] = {}
        """What was last said about a container's log, by id: it is not said again at each look."""

    def changed(self, uid: PodUID) -> None:
        """Note that containers of a pod came or went."""
        self._changed.add(uid)
        self._wake.set()

    async def forget(self, uid: PodUID) -> None:
        """Remove the links and logs of an incarnation that has ended."""
        async with self._changing:
            await asyncio.to_thread(self._settle_links, uid, {})
        await asyncio.to_thread(cleanup.remove_pod, self._pod_logs, uid)

    async def reclaim(self) -> None:
        """Remove the logs of all but the last attempt of each container: the disk is short of room."""
        for pod in list(self._pods.all()):
            if pod.fresh:
                await self._clear(pod, spare=1)

    async def run(self) -> None:
        """Work for ever; the pods of earlier agents are known by now."""
        pods = list(self._pods.all())
        async with self._changing:
            await asyncio.to_thread(self._links.find, {p.uid for p in pods})
        self._changed.update(p.uid for p in pods)
        self._wake.set()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow(), name="log-links")
            if self._settings.max_bytes:
                group.create_task(self._look_again(), name="log-rotation")

    # Containers come and go.

    async def _follow(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            uids, self._changed = self._changed, set()
            for uid in uids:
                pod = self._pods.one(uid)
                if pod is None:
                    self._settled.pop(uid, None)
                elif pod.fresh and self._settled.get(uid) != (linked := _linked(pod)):
                    await self._settle(pod)
                    self._settled[uid] = linked

    async def _settle(self, pod: LoggingPod) -> None:
        """Bring links and files in line with the containers that there are."""
        linked = [c for c in pod.containers if c.state in LINKED]
        wanted = {link_name(pod.key, c.name, c.id): str(self._path(pod, c)) for c in linked}
        async with self._changing:
            await asyncio.to_thread(self._settle_links, pod.uid, wanted)
        await self._clear(pod)

    async def _clear(self, pod: LoggingPod, spare: int = SPARED_ATTEMPTS) -> None:
        """Remove the files that nobody can ask for any more."""
        directory = log_directory(self._pod_logs, pod.key, pod.uid)
        listed = await asyncio.to_thread(cleanup.list_pod, directory)
        # Asked for after the list: whatever is in it, and may come to life, is known by now.
        now = self._pods.one(pod.uid)
        if now is None or not now.fresh:
            return
        recorded: dict[str, list[int]] = {}
        for container in now.containers:
            if spare == SPARED_ATTEMPTS or container.state is not ContainerState.EXITED:
                recorded.setdefault(container.name, []).append(container.attempt)
        if gone := forgotten(listed, recorded, now.names, spare):
            await asyncio.to_thread(cleanup.remove_logs, directory, gone)

    def _settle_links(self, uid: PodUID, wanted: dict[str, str]) -> None:
        try:
            self._links.settle(uid, wanted)
        except OSError as error:
            log.warning("cannot link the logs of pod %s for log shippers: %s", uid, error)

    # Logs grow.

    async def _look_again(self) -> None:
        while True:
            pods = list(self._pods.all())
            present = {c.id for pod in pods for c in pod.containers}
            self._cut &= present
            self._told = {one: text for one, text in self._told.items() if one in present}
            pause = await self._look_at_live(pods)
            await self._look_at_ended(pods)
            await self._clock.sleep(pause)

    async def _look_at_live(self, pods: Iterable[LoggingPod]) -> float:
        """Rotate what is too large; return in how many seconds to look again."""
        live = [
            (c, self._path(pod, c))
            for pod in pods
            for c in pod.containers
            if c.state is ContainerState.RUNNING and pod.fresh
        ]
        sizes = await asyncio.to_thread(_sizes, [path for _, path in live])
        now, most = self._clock.now().boot, self._settings.max_bytes
        self._growth = {
            c.id: self._growth.get(c.id, _Growth()).now(size or 0, now)
            for (c, _), size in zip(live, sizes, strict=True)
        }
        for (container, path), size in zip(live, sizes, strict=True):
            if size is None or size >= most:
                await self._rotate(container, path, missing=size is None)
        pause = self._settings.look_seconds
        for growth in self._growth.values():
            if growth.rate > 0:
                left = 2 * most - (growth.size if growth.size < most else 0)
                pause = min(pause, max(SOONEST_SECONDS, left / growth.rate))
        return pause

    async def _rotate(self, container: ObservedContainer, path: Path, *, missing: bool) -> None:
        """Rotate one log, or finish a rotation that was cut short: then the file is missing."""
        aside: Path | None = None
        trouble = ""
        try:
            if not missing:
                trouble = await asyncio.to_thread(_tidy, path, self._settings.max_files - 2)
                aside = await asyncio.to_thread(rotation.set_aside, path, self._clock.now().wall)
            await self._runtime.reopen_log(container.id)
        except (OSError, RuntimeFault) as error:
            # The usual one is a container that ended meanwhile: its log keeps the name by which it is read.
            trouble = str(error)
            if aside is not None:
                await asyncio.to_thread(rotation.put_back, path, aside)
        if trouble and self._told.get(container.id) != trouble and self._runs(container):
            log.warning("cannot rotate the log of container %s (%s): %s", container.name, container.id, trouble)
        self._told[container.id] = trouble

    def _runs(self, container: ObservedContainer) -> bool:
        pod = self._pods.one(container.uid)
        found = pod.containers if pod is not None else ()
        return any(c.id == container.id and c.state is ContainerState.RUNNING for c in found)

    async def _look_at_ended(self, pods: Iterable[LoggingPod]) -> None:
        """Cut what ended containers left that is too large: their logs are rotated no more."""
        now = self._clock.now().boot
        ended = [
            (c.id, self._path(pod, c))
            for pod in pods
            for c in pod.containers
            if c.state is ContainerState.EXITED and c.id not in self._cut
            if c.exit_seen is not None and now - c.exit_seen > ENDED_SECONDS
        ]
        if ended:
            await asyncio.to_thread(_cut_all, [path for _, path in ended], self._settings.max_bytes)
            self._cut.update(one for one, _ in ended)

    def _path(self, pod: LoggingPod, container: ObservedContainer) -> Path:
        if container.log_path:
            return Path(container.log_path)
        return log_directory(self._pod_logs, pod.key, pod.uid) / log_path(container.name, container.attempt)


def _linked(pod: LoggingPod) -> frozenset[str]:
    return frozenset(c.id for c in pod.containers if c.state in LINKED)


def _sizes(logs: list[Path]) -> list[int | None]:
    """Return the sizes; one that cannot be told is no reason to rotate."""
    found: list[int | None] = []
    for one in logs:
        try:
            found.append(rotation.size_of(one))
        except OSError:
            found.append(0)
    return found


def _tidy(path: Path, keep: int) -> str:
    """Make place for one more rotated file; return what cannot be done, which is no reason not to rotate."""
    try:
        rotation.tidy(path, keep)
    except OSError as error:
        return str(error)
    return ""


def _cut_all(logs: list[Path], most: int) -> None:
    for one in logs:
        try:
            if (rotation.size_of(one) or 0) > 2 * most:
                rotation.cut(one, most)
        except OSError as error:
            log.warning("cannot cut the log %s of a container that has ended: %s", one, error)
