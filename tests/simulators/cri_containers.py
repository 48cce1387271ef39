"""Container calls of a simulated runtime."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from podstead.cri._pb import cri_pb2 as pb
from podstead.cri.errors import CallError, Code
from tests.simulators.cri_sandboxes import selected
from tests.simulators.cri_world import Program, SimulatedContainer

if TYPE_CHECKING:
    from tests.simulators.cri_sandboxes import SandboxService
    from tests.simulators.cri_world import World

START_ERROR = 128
"""Exit code of a container that could not be started (spec/cri.md 6)."""


class ContainerService:
    """Create, start, stop, remove, list, look and exec, as containerd 1.6 does it (spec/cri.md 3, 6)."""

    def __init__(self, world: World, sandboxes: SandboxService) -> None:
        self._world = world
        self._sandboxes = sandboxes

    def find(self, container_id: str) -> SimulatedContainer:
        """Return a container or raise NOT_FOUND."""
        found = self._world.containers.get(container_id)
        if found is None:
            raise CallError(Code.NOT_FOUND, f'an error occurred when try to find container "{container_id}": not found')
        return found

    async def create(self, request: pb.CreateContainerRequest) -> pb.CreateContainerResponse:
        """CreateContainer: the name is reserved by (name, pod, attempt), whatever the sandbox's attempt."""
        world, config = self._world, request.config
        sandbox = world.sandboxes.get(request.pod_sandbox_id)
        if sandbox is None:
            raise CallError(Code.NOT_FOUND, f'failed to find sandbox id "{request.pod_sandbox_id}": not found')
        if not sandbox.ready:
            raise CallError(Code.NOT_FOUND, "failed to get sandbox container task: no running task found: not found")
        meta, pod = config.metadata, sandbox.config.metadata
        name = f"{meta.name}_{pod.name}_{pod.namespace}_{pod.uid}_{meta.attempt}"
        holder = world.names.get(name)
        if holder is not None:
            text = f'failed to reserve container name "{name}": name "{name}" is reserved for "{holder}"'
            raise CallError(Code.UNKNOWN, text)
        image = world.images.find(config.image.image)
        if image is None:
            raise CallError(Code.NOT_FOUND, f'failed to resolve image "{config.image.image}": not found')
        container = SimulatedContainer(
            id=world.new_id(),
            sandbox=sandbox,
            config=config,
            image_ref=image.id,
            created_at=world.now_ns(),
            program=world.programs.get(meta.name, Program()),
        )
        world.names[name] = container.id
        world.containers[container.id] = container
        return pb.CreateContainerResponse(container_id=container.id)

    async def start(self, request: pb.StartContainerRequest) -> pb.StartContainerResponse:
        """StartContainer."""
        container = self.find(request.container_id)
        if container.state != pb.CONTAINER_CREATED:
            name = pb.ContainerState.Name(container.state)
            raise CallError(Code.UNKNOWN, f"failed to set starting state for container: container is in {name} state")
        if not container.sandbox.ready:
            raise CallError(Code.UNKNOWN, f'sandbox container "{container.sandbox.id}" is not running')
        if container.program.start_error:
            self.fail_start(container, container.program.start_error)
        self._world.start(container)
        return pb.StartContainerResponse()

    def fail_start(self, container: SimulatedContainer, text: str) -> None:
        """Leave a container as one that could not be started, and raise."""
        container.state = pb.CONTAINER_EXITED
        container.exit_code, container.reason, container.message = START_ERROR, "StartError", text
        container.finished_at = self._world.now_ns()
        container.ended.set()
        raise CallError(Code.UNKNOWN, f"failed to create containerd task: {text}")

    async def stop(self, request: pb.StopContainerRequest) -> pb.StopContainerResponse:
        """StopContainer: nothing to do for one that does not run."""
        container = self.find(request.container_id)
        container.graces.append(request.timeout)
        await self._world.stop(container, request.timeout)
        return pb.StopContainerResponse()

    async def remove(self, request: pb.RemoveContainerRequest) -> pb.RemoveContainerResponse:
        """RemoveContainer: by force; an unknown one is no error."""
        container = self._world.containers.get(request.container_id)
        if container is not None:
            await self._world.kill(container)
            self._world.lost_tasks.refuse_removal((container.id,))
            self._world.remove_container(container)
        return pb.RemoveContainerResponse()

    async def list(self, request: pb.ListContainersRequest) -> pb.ListContainersResponse:
        """ListContainers."""
        wanted = request.filter
        containers = [
            pb.Container(
                id=c.id,
                pod_sandbox_id=c.sandbox.id,
                metadata=c.config.metadata,
                image=pb.ImageSpec(image=c.config.image.image),
                image_ref=c.image_ref,
                state=c.state,
                created_at=c.created_at,
                labels=c.config.labels,
                annotations=c.config.annotations,
            )
            for c in self._world.containers.values()
            if wanted.id in {"", c.id}
            and wanted.pod_sandbox_id in {"", c.sandbox.id}
            and (not wanted.HasField("state") or wanted.state.state == c.state)
            and selected(c.config.labels, wanted.label_selector)
        ]
        return pb.ListContainersResponse(containers=containers)

    async def status(self, request: pb.ContainerStatusRequest) -> pb.ContainerStatusResponse:
        """ContainerStatus."""
        c = self.find(request.container_id)
        image = self._world.images.find(c.image_ref)
        tags = image.repo_tags if image else []
        status = pb.ContainerStatus(
            id=c.id,
            metadata=c.config.metadata,
            state=c.state,
            created_at=c.created_at,
            started_at=c.started_at,
            finished_at=c.finished_at,
            exit_code=c.exit_code,
            image=pb.ImageSpec(image=tags[0] if tags else c.image_ref),
            image_ref=c.image_ref,
            reason=c.reason,
            message=c.message,
            labels=c.config.labels,
            annotations=c.config.annotations,
            mounts=c.config.mounts,
            log_path=c.log_path,
            resources=pb.ContainerResources(linux=c.config.linux.resources),
        )
        info = {"info": json.dumps({"pid": c.pid, "sandboxID": c.sandbox.id})} if request.verbose else {}
        return pb.ContainerStatusResponse(status=status, info=info)

    async def update(self, request: pb.UpdateContainerResourcesRequest) -> pb.UpdateContainerResourcesResponse:
        """UpdateContainerResources: fields that are zero are left as they are; one that has ended may be changed."""
        self.find(request.container_id).config.linux.resources.MergeFrom(request.linux)
        return pb.UpdateContainerResourcesResponse()

    async def stats(self, request: pb.ContainerStatsRequest) -> pb.ContainerStatsResponse:
        """ContainerStats: of what is measured only the writable layer."""
        written = pb.UInt64Value(value=self.find(request.container_id).written_bytes)
        return pb.ContainerStatsResponse(stats=pb.ContainerStats(writable_layer=pb.FilesystemUsage(used_bytes=written)))

    async def reopen_log(self, request: pb.ReopenContainerLogRequest) -> pb.ReopenContainerLogResponse:
        """ReopenContainerLog."""
        container = self.find(request.container_id)
        if container.state != pb.CONTAINER_RUNNING:
            raise CallError(Code.UNKNOWN, "container is not running")
        if container.log is not None:
            container.log.reopen()
        return pb.ReopenContainerLogResponse()

    async def exec_sync(self, request: pb.ExecSyncRequest) -> pb.ExecSyncResponse:
        """ExecSync: runs the world's handler, at most `timeout` seconds by the clock."""
        container = self._running(request.container_id)
        work = asyncio.ensure_future(self._world.exec_handler(container, tuple(request.cmd)))
        limit = asyncio.ensure_future(self._world.clock.sleep(request.timeout)) if request.timeout else None
        try:
            await asyncio.wait({work, limit} if limit else {work}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                text = f"failed to exec in container: timeout {request.timeout}s exceeded: context deadline exceeded"
                raise CallError(Code.DEADLINE_EXCEEDED, text)
            reply = work.result()
        finally:
            for task in (work, limit):
                if task is not None:
                    task.cancel()
        self._world.bus.exec_exited(container.id, self._world.new_id(), reply.exit_code)
        return reply

    def _running(self, container_id: str) -> SimulatedContainer:
        container = self.find(container_id)
        if container.state != pb.CONTAINER_RUNNING:
            name = pb.ContainerState.Name(container.state)
            raise CallError(Code.UNKNOWN, f"failed to exec in container: container is in {name} state")
        return container

    async def exec(self, request: pb.ExecRequest) -> pb.ExecResponse:
        """Exec: a URL at which nobody listens."""
        self._running(request.container_id)
        return pb.ExecResponse(url=self._url("exec"))

    def _url(self, kind: str) -> str:
        return f"http://127.0.0.1:1/{kind}/{self._world.new_id()[:8]}"
