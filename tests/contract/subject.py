"""The runtime under contract: a client, and the few things that a test does behind the client's back."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from uuid import uuid4

from podstead.agent.stopper import SETTLE_SECONDS
from podstead.cri._pb import cri_pb2 as pb
from podstead.errors import NotFoundFault, RuntimeFault
from podstead.identity import PodKey, PodUID, RevisionID
from podstead.k8s import core_v1 as v1
from podstead.state.foreign import CRI_NAMESPACE
from podstead.state.observed import ContainerState
from podstead.state.runtime import DNS, ContainerRequest, SandboxRequest
from tests.simulators.cri_world import Program
from tests.support.sandboxes import sandbox_pid

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from podstead.cri.client import CRIClient
    from podstead.identity import ContainerID, SandboxID
    from podstead.state.observed import ObservedContainer
    from tests.simulators.cri_runtime import SimulatedRuntime
    from tests.simulators.cri_world import SimulatedContainer

WAIT_SECONDS = 20.0
POLL_SECONDS = 0.02

COMMANDS = {
    "obeys": ("sh", "-c", "trap 'exit 3' TERM; while :; do sleep 0.05; done"),
    "stubborn": ("sh", "-c", "trap '' TERM; while :; do sleep 0.05; done"),
    "succeeds": ("true",),
    "fails": ("sh", "-c", "exit 7"),
    "missing": ("/no/such/program",),
    "hungry": ("sh", "-c", "sleep 0.3; exec tail /dev/zero"),
}
"""What a container of each name runs for real; `PROGRAMS` is the same for the simulator."""
PROGRAMS = {
    "obeys": Program(on_term=3),
    "stubborn": Program(on_term=None),
    "succeeds": Program(exit_after_seconds=0.01),
    "fails": Program(exit_after_seconds=0.01, exit_code=7),
    "missing": Program(start_error="exec: /no/such/program: no such file or directory"),
    "hungry": Program(),
}


@dataclass(kw_only=True)
class Subject:
    """One runtime and one instance of our own on it; `close` removes everything of that instance."""

    client: CRIClient
    image: str
    cgroup_root: str
    log_root: str
    handler: str = ""
    socket: str = ""
    """Of a real containerd."""
    simulated: SimulatedRuntime | None = None
    instance: str = field(default_factory=lambda: str(uuid4()))

    async def stop_of_unknown_is_an_error(self) -> bool:
        """Whether this is containerd up to 1.6, or simulates it (spec/cri.md 3)."""
        major, minor = (await self.client.version()).version.lstrip("v").split(".")[:2]
        return (int(major), int(minor)) <= (1, 6)

    def sandbox(self, *, attempt: int = 0, host_network: bool = True, name: str = "") -> SandboxRequest:
        """Return a request for a sandbox of a new pod."""
        uid = PodUID(str(uuid4()))
        key = PodKey("contract", name or f"pod-{uid[:8]}")
        spec = v1.PodSpec(containers=(v1.Container(name="obeys"),), host_network=host_network)
        return SandboxRequest(
            key=key,
            uid=uid,
            instance=self.instance,
            attempt=attempt,
            revision=RevisionID("0123456789abcdef"),
            pod=v1.Pod(metadata=v1.ObjectMeta(name=key.name, namespace=key.namespace, labels={"app": "x"}), spec=spec),
            hostname="" if host_network else key.name,
            log_directory=f"{self.log_root}/{key.namespace}_{key.name}_{uid}",
            cgroup_parent=f"{self.cgroup_root}/pod{uid}",
            dns=DNS(),
            runtime_handler=self.handler,
        )

    async def container(
        self, sandbox: SandboxRequest, sandbox_id: SandboxID, name: str = "obeys", *, attempt: int = 0
    ) -> ContainerRequest:
        """Return a request for a container that behaves as its name says."""
        image = await self.client.image(self.image)
        assert image is not None
        limits = {"memory": "32Mi"} if name == "hungry" else {}
        container = v1.Container(name=name, image=self.image, resources=v1.ResourceRequirements(limits=limits))
        return ContainerRequest(
            sandbox=sandbox,
            sandbox_id=sandbox_id,
            container=container,
            attempt=attempt,
            restart_count=attempt,
            image_id=image.id,
            command=COMMANDS[name],
            args=(),
            env=(("GREETING", "grüß"),),
            mounts=(),
            log_path=f"{sandbox.log_directory}/{name}/{attempt}.log",
            oom_score_adj=500,
        )

    async def run_pod(self, name: str = "obeys") -> tuple[SandboxID, ContainerID]:
        """Run a sandbox with one container started in it."""
        request = self.sandbox()
        sandbox = await self.client.run_sandbox(request)
        container = await self.client.create_container(await self.container(request, sandbox, name))
        await self.client.start_container(container)
        return sandbox, container

    async def exited(self, container: ContainerID) -> ObservedContainer:
        """Wait until a container has ended and return it."""
        found = await self.client.container_status(container)
        await self.wait_for(lambda: self._is_exited(container), f"container {found.name} did not end")
        return await self.client.container_status(container)

    async def _is_exited(self, container: ContainerID) -> bool:
        return (await self.client.container_status(container)).state is ContainerState.EXITED

    async def wait_for(self, condition: Callable[[], Awaitable[bool]], failure: str) -> None:
        """Ask until it is so, or fail."""
        end = time.monotonic() + WAIT_SECONDS
        while not await condition():
            assert time.monotonic() < end, failure
            await asyncio.sleep(POLL_SECONDS)

    async def kill(self, container: ContainerID) -> None:
        """Kill a container's process behind the runtime's back."""
        if self.simulated is not None:
            self.simulated.exit_container(container, 137)
        else:
            os.kill(await self.client.container_pid(container), signal.SIGKILL)

    async def kill_pause(self, sandbox: SandboxID) -> None:
        """Kill a sandbox's own process behind the runtime's back."""
        if self.simulated is not None:
            self.simulated.kill_sandbox(sandbox)
        else:
            os.kill(await sandbox_pid(self.client, sandbox), signal.SIGKILL)

    def lose_task(self, container: ContainerID) -> None:
        """Make a created container's task behind the CRI's back, as a start leaves it that was cancelled midway."""
        if self.simulated is not None:
            self.simulated.lose_task(container)
            return
        where = ("--address", self.socket, "--namespace", CRI_NAMESPACE)
        start = ("tasks", "start", "--detach", "--null-io", container)
        subprocess.run(("ctr", *where, *start), check=True, capture_output=True)

    def exhaust_memory(self, container: ContainerID) -> None:
        """Let a `hungry` container meet its limit; for real it does so by itself."""
        if self.simulated is not None:
            self.simulated.oom_kill(container)

    async def close(self) -> None:
        """Remove everything of this instance."""
        for sandbox in await self.client.sandboxes(instance=self.instance):
            try:
                await self._stop(sandbox.id)
            except NotFoundFault:
                continue
            await self.client.remove_sandbox(sandbox.id)
        left = await self.client.containers(instance=self.instance)
        if left:
            raise RuntimeFault(f"containers of removed sandboxes are left: {left}")

    async def _stop(self, sandbox: SandboxID) -> None:
        """Stop a sandbox as the agent does: while a container of it exits, containerd fails ("ttrpc: closed")."""
        for seconds in SETTLE_SECONDS:
            try:
                await self.client.stop_sandbox(sandbox)
            except NotFoundFault:
                raise
            except RuntimeFault:
                await asyncio.sleep(seconds)
            else:
                return
        await self.client.stop_sandbox(sandbox)


async def simulated_exec(container: SimulatedContainer, command: tuple[str, ...]) -> pb.ExecSyncResponse:
    """Do what the suite's commands do."""
    match command:
        case ("true",):
            return pb.ExecSyncResponse()
        case ("sh", "-c", "echo $GREETING; echo bad >&2; exit 5"):
            greeting = {e.key: e.value for e in container.config.envs}["GREETING"]
            return pb.ExecSyncResponse(stdout=greeting + b"\n", stderr=b"bad\n", exit_code=5)
        case ("sh", "-c", "head -c 20000 /dev/zero"):
            return pb.ExecSyncResponse(stdout=bytes(20000))
        case ("sleep", seconds):
            await asyncio.sleep(float(seconds))
            return pb.ExecSyncResponse()
        case _:
            raise AssertionError(f"the simulator does not know {command}")


def again(request: SandboxRequest, attempt: int) -> SandboxRequest:
    """Return the same pod's request with another attempt."""
    return replace(request, attempt=attempt)
