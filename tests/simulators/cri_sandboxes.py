"""Sandbox calls of a simulated runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.cri._pb import cri_pb2 as pb
from podstead.cri.errors import CallError, Code
from tests.simulators.cri_world import KILLED, SimulatedSandbox

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.simulators.cri_world import World


def selected(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Return whether all wanted labels are there."""
    return all(labels.get(key) == value for key, value in wanted.items())


class SandboxService:
    """Run, stop, remove, list and look, as containerd 1.6 does it (spec/cri.md 3, 5)."""

    def __init__(self, world: World) -> None:
        self._world = world

    def find(self, sandbox_id: str) -> SimulatedSandbox:
        """Return a sandbox or raise NOT_FOUND."""
        found = self._world.sandboxes.get(sandbox_id)
        if found is None:
            raise CallError(Code.NOT_FOUND, f'an error occurred when try to find sandbox "{sandbox_id}": not found')
        return found

    async def run(self, request: pb.RunPodSandboxRequest) -> pb.RunPodSandboxResponse:
        """RunPodSandbox: the name is reserved by (name, namespace, uid, attempt) until the sandbox is removed."""
        world, config = self._world, request.config
        meta = config.metadata
        if not (meta.name and meta.namespace and meta.uid):
            raise CallError(Code.INVALID_ARGUMENT, "sandbox config must include metadata")
        name = f"{meta.name}_{meta.namespace}_{meta.uid}_{meta.attempt}"
        holder = world.names.get(name)
        if holder is not None:
            text = f'failed to reserve sandbox name "{name}": name "{name}" is reserved for "{holder}"'
            raise CallError(Code.UNKNOWN, text)
        if request.runtime_handler not in world.handlers:
            text = f'failed to get sandbox runtime: no runtime for "{request.runtime_handler}" is configured'
            raise CallError(Code.UNKNOWN, text)
        number = world.new_number()
        sandbox = SimulatedSandbox(
            id=world.new_id(),
            config=config,
            runtime_handler=request.runtime_handler,
            created_at=world.now_ns(),
            ip=f"10.88.{number // 250}.{number % 250 + 2}",
        )
        world.names[name] = sandbox.id
        world.sandboxes[sandbox.id] = sandbox
        world.bus.started(sandbox.id, number)
        return pb.RunPodSandboxResponse(pod_sandbox_id=sandbox.id)

    async def stop(self, request: pb.StopPodSandboxRequest) -> pb.StopPodSandboxResponse:
        """StopPodSandbox: kills what runs in it."""
        await self._stop(self.find(request.pod_sandbox_id))
        return pb.StopPodSandboxResponse()

    async def _stop(self, sandbox: SimulatedSandbox) -> None:
        for container in self._world.containers_of(sandbox):
            await self._world.kill(container)
        self.kill_pause(sandbox)
        sandbox.ip = ""

    def kill_pause(self, sandbox: SimulatedSandbox) -> None:
        """End the sandbox's own process: it is no longer ready, its containers run on."""
        if sandbox.ready:
            sandbox.ready = False
            self._world.bus.exited(sandbox.id, 0, KILLED, self._world.now_ns())

    async def remove(self, request: pb.RemovePodSandboxRequest) -> pb.RemovePodSandboxResponse:
        """RemovePodSandbox: by force, with its containers; an unknown one is no error."""
        sandbox = self._world.sandboxes.get(request.pod_sandbox_id)
        if sandbox is not None:
            await self._stop(sandbox)
            containers = self._world.containers_of(sandbox)
            self._world.lost_tasks.refuse_removal(container.id for container in containers)
            for container in containers:
                self._world.remove_container(container)
            del self._world.sandboxes[sandbox.id]
            self._world.release(sandbox.id)
            self._world.bus.deleted(sandbox.id)
        return pb.RemovePodSandboxResponse()

    async def status(self, request: pb.PodSandboxStatusRequest) -> pb.PodSandboxStatusResponse:
        """PodSandboxStatus."""
        sandbox = self.find(request.pod_sandbox_id)
        options = sandbox.config.linux.security_context.namespace_options
        status = pb.PodSandboxStatus(
            id=sandbox.id,
            metadata=sandbox.config.metadata,
            state=_state(sandbox),
            created_at=sandbox.created_at,
            network=pb.PodSandboxNetworkStatus(ip="" if sandbox.host_network else sandbox.ip),
            linux=pb.LinuxPodSandboxStatus(namespaces=pb.Namespace(options=options)),
            labels=sandbox.config.labels,
            annotations=sandbox.config.annotations,
            runtime_handler=sandbox.runtime_handler,
        )
        info = {"info": '{"pid": 4242}'} if request.verbose and sandbox.ready else {}
        return pb.PodSandboxStatusResponse(status=status, info=info)

    async def list(self, request: pb.ListPodSandboxRequest) -> pb.ListPodSandboxResponse:
        """ListPodSandbox."""
        wanted = request.filter
        items = [
            pb.PodSandbox(
                id=s.id,
                metadata=s.config.metadata,
                state=_state(s),
                created_at=s.created_at,
                labels=s.config.labels,
                annotations=s.config.annotations,
                runtime_handler=s.runtime_handler,
            )
            for s in self._world.sandboxes.values()
            if wanted.id in {"", s.id}
            and (not wanted.HasField("state") or wanted.state.state == _state(s))
            and selected(s.config.labels, wanted.label_selector)
        ]
        return pb.ListPodSandboxResponse(items=items)


def _state(sandbox: SimulatedSandbox) -> pb.PodSandboxState:
    return pb.SANDBOX_READY if sandbox.ready else pb.SANDBOX_NOTREADY
