"""The floor: the same pods by bare CRI calls, through the client that Podstead uses, to the same containerd."""

from __future__ import annotations

import asyncio
import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

from tests.support.images import BUSYBOX_IMAGE

from bench.pods import BenchError, now
from bench.subjects import kill_container
from podstead.clock import SystemClock
from podstead.cri.events import ExitSource
from podstead.identity import ContainerID, PodKey, PodUID, RevisionID, SandboxID
from podstead.k8s import core_v1 as v1
from podstead.state.runtime import DNS, ContainerRequest, EventKind, Mount, SandboxRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from bench.pods import BenchPod
    from podstead.cri.client import CRIClient

STARTS_AT_ONCE = 2 * (os.cpu_count() or 1)
"""As many as Podstead starts at once, and the best this machine can do (two a core)."""
EXIT_SECONDS = 10.0


@dataclass(slots=True, kw_only=True)
class _Made:
    request: SandboxRequest
    sandbox: SandboxID
    container: ContainerID
    attempt: int = 0


class Floor:
    """Runs pods with nothing between the client and the runtime: no files, no state, no decisions."""

    name = "floor"

    def __init__(self, runtime: CRIClient, *, cgroup_root: str, logs: Path, handler: str) -> None:
        self._runtime = runtime
        self._cgroup_root = cgroup_root
        self._logs = logs
        self._handler = handler
        self._instance = f"bench-{uuid4()}"
        self._made: dict[str, _Made] = {}
        self._exits: dict[str, asyncio.Event] = {}

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Follow the runtime's events for the time of the block."""
        following = asyncio.create_task(self._follow(), name="floor-events")
        try:
            yield
        finally:
            following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await following

    async def _follow(self) -> None:
        async for event in ExitSource(self._runtime.transport, SystemClock()).events():
            if event.kind is EventKind.EXITED and (waiting := self._exits.get(event.container_id)) is not None:
                waiting.set()

    async def start(self, pod: BenchPod) -> None:
        """RunPodSandbox, CreateContainer, StartContainer."""
        request = self._sandbox(pod)
        sandbox = await self._runtime.run_sandbox(request)
        container = await self._runtime.create_container(_container(pod, request, sandbox, 0))
        self._made[pod.name] = _Made(request=request, sandbox=sandbox, container=container)
        await self._runtime.start_container(container)

    async def start_many(self, pods: Sequence[BenchPod]) -> None:
        """Start pods, as many at once as the machine does best."""
        slots = asyncio.Semaphore(STARTS_AT_ONCE)

        async def one(pod: BenchPod) -> None:
            async with slots:
                await self.start(pod)

        async with asyncio.TaskGroup() as group:
            for pod in pods:
                group.create_task(one(pod))

    async def execs(self, pod: BenchPod, command: tuple[str, ...], at_once: int, seconds: float) -> int:
        """Call ExecSync in the pod's container again and again; returns how many ended within the time."""
        container, done = self._made[pod.name].container, 0

        async def again() -> None:
            nonlocal done
            while True:
                await self._runtime.exec_sync(container, command, 10)
                done += 1

        workers = [asyncio.create_task(again()) for _ in range(at_once)]
        await asyncio.wait(workers, timeout=seconds)
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        return done

    async def edit(self, pod: BenchPod) -> None:
        """StopContainer, CreateContainer, StartContainer in the same sandbox."""
        await self._runtime.stop_container(self._made[pod.name].container, 5)
        await self._start_again(pod)

    async def crash(self, pod: BenchPod) -> float:
        """Kill, wait for the exit's event, CreateContainer, StartContainer."""
        made = self._made[pod.name]
        exited = self._exits[made.container] = asyncio.Event()
        begun = now()
        kill_container(pod)
        try:
            async with asyncio.timeout(EXIT_SECONDS):
                await exited.wait()
        except TimeoutError:
            raise BenchError(f"the runtime told of no exit of pod {pod.name}") from None
        finally:
            del self._exits[made.container]
        await self._start_again(pod)
        return begun

    async def _start_again(self, pod: BenchPod) -> None:
        made = self._made[pod.name]
        made.attempt += 1
        request = _container(pod, made.request, made.sandbox, made.attempt)
        made.container = await self._runtime.create_container(request)
        await self._runtime.start_container(made.container)

    async def delete(self, pods: Sequence[BenchPod]) -> None:
        """StopContainer, StopPodSandbox, RemovePodSandbox."""
        slots = asyncio.Semaphore(STARTS_AT_ONCE)

        async def one(pod: BenchPod) -> None:
            made = self._made.pop(pod.name)
            async with slots:
                await self._runtime.stop_container(made.container, 0 if pod.idle else 5)
                await self._runtime.stop_sandbox(made.sandbox)
                await self._runtime.remove_sandbox(made.sandbox)

        async with asyncio.TaskGroup() as group:
            for pod in pods:
                group.create_task(one(pod))

    def _sandbox(self, pod: BenchPod) -> SandboxRequest:
        uid = PodUID(str(uuid4()))
        container = v1.Container(name="main", image=BUSYBOX_IMAGE, command=pod.command)
        return SandboxRequest(
            key=PodKey("default", pod.name),
            uid=uid,
            instance=self._instance,
            attempt=0,
            revision=RevisionID("0" * 16),
            pod=v1.Pod(
                metadata=v1.ObjectMeta(name=pod.name, namespace="default", uid=uid),
                spec=v1.PodSpec(containers=(container,), host_network=pod.host_network or None),
            ),
            hostname=pod.name,
            log_directory=str(self._logs / f"default_{pod.name}_{uid}"),
            cgroup_parent=f"{self._cgroup_root}/pod{uid}",
            dns=DNS(),
            runtime_handler=self._handler,
        )


def _container(pod: BenchPod, sandbox: SandboxRequest, sandbox_id: SandboxID, attempt: int) -> ContainerRequest:
    return ContainerRequest(
        sandbox=sandbox,
        sandbox_id=sandbox_id,
        container=sandbox.pod.spec.containers[0],
        attempt=attempt,
        restart_count=attempt,
        image_id=BUSYBOX_IMAGE,
        command=pod.command,
        args=(),
        env=(("REVISION", str(pod.revision)),),
        mounts=(Mount(container_path="/out", host_path=str(pod.out)),),
        log_path=f"{sandbox.log_directory}/main/{attempt}.log",
        oom_score_adj=0,
    )
