"""What is measured: anything that can bring a pod to run, change it, lose its container and end it."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from typing import TYPE_CHECKING, Protocol

from bench.pods import DEADLINE_SECONDS, BenchError, first_process, now

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.pods import BenchPod
    from podstead.cri.client import CRIClient

GONE_POLL_SECONDS = 0.005


class Subject(Protocol):
    """One column of the table. Calls may return before their effect; the marks of the pods are what is timed."""

    @property
    def name(self) -> str:
        """The column's title."""
        ...

    async def start(self, pod: BenchPod) -> None:
        """Ask for a pod."""
        ...

    async def start_many(self, pods: Sequence[BenchPod]) -> None:
        """Ask for many pods at once."""
        ...

    async def edit(self, pod: BenchPod) -> None:
        """Ask for the pod in its new revision."""
        ...

    async def crash(self, pod: BenchPod) -> float:
        """Kill the container's process; return when, on the files' clock."""
        ...

    async def delete(self, pods: Sequence[BenchPod]) -> None:
        """End pods; returns when nothing of them is left."""
        ...


def kill_container(pod: BenchPod) -> None:
    """Kill the container's first process."""
    os.kill(first_process(pod), signal.SIGKILL)


class ManifestSubject:
    """An agent that is asked through a directory of manifests: Podstead and the kubelet alike."""

    def __init__(self, name: str, directory: Path, runtime: CRIClient) -> None:
        self.name = name
        self._directory = directory
        self._runtime = runtime

    async def start(self, pod: BenchPod) -> None:
        """Put the manifest in place by renaming, as careful tools do."""
        target = self._path(pod)
        temporary = target.with_name(f".{pod.name}.tmp")
        temporary.write_text(pod.manifest(), encoding="utf-8")
        temporary.rename(target)

    async def start_many(self, pods: Sequence[BenchPod]) -> None:
        """Write all manifests."""
        for pod in pods:
            await self.start(pod)

    async def edit(self, pod: BenchPod) -> None:
        """Write the manifest again."""
        await self.start(pod)

    async def crash(self, pod: BenchPod) -> float:
        """Kill the container's process; the rest is the agent's."""
        begun = now()
        kill_container(pod)
        return begun

    async def delete(self, pods: Sequence[BenchPod]) -> None:
        """Remove manifests and wait until the runtime holds nothing of the pods any more."""
        for pod in pods:
            self._path(pod).unlink(missing_ok=True)
        names = tuple(f"{pod.name}-" for pod in pods)
        end = time.monotonic() + 2 * DEADLINE_SECONDS
        while any(s.key.name.startswith(names) for s in await self._runtime.sandboxes()):
            if time.monotonic() > end:
                raise BenchError(f"pods {', '.join(names)} are still there")
            await asyncio.sleep(GONE_POLL_SECONDS if len(pods) == 1 else 10 * GONE_POLL_SECONDS)

    def _path(self, pod: BenchPod) -> Path:
        return self._directory / f"{pod.name}.yaml"
