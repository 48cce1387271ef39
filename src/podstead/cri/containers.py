"""Calls about containers and what runs in them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from podstead.cri import convert, methods, observe
from podstead.cri._pb import cri_pb2 as pb
from podstead.cri.removal import Removal
from podstead.cri.resources import cgroup_resources
from podstead.cri.sandboxes import selector
from podstead.identity import ContainerID
from podstead.state.runtime import ExecResult, LayerUse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from podstead.identity import PodUID
    from podstead.k8s.resources import CgroupValues
    from podstead.state.observed import ObservedContainer
    from podstead.state.runtime import ContainerRequest

EXEC_OUTPUT_BYTES = 10 << 10
"""Bytes kept of each output of a synchronous exec (kubelet: maxRespBodyLength)."""
EXEC_SLACK_SECONDS = 2.0
"""What the reply may take beyond the command's own time: the runtime ends the command by itself first."""


class ContainerCalls(Removal):
    """Containers: list, look, create, start, stop, remove, exec, streams."""

    async def containers(self, uid: PodUID | None = None, instance: str | None = None) -> list[ObservedContainer]:
        """Return containers, without start, exit and reason: of a pod, of an instance, or all of this runtime."""
        request = pb.ListContainersRequest(filter=pb.ContainerFilter(label_selector=selector(uid, instance)))
        reply = await self._call(methods.LIST_CONTAINERS, request, "list containers")
        return [observe.observed_container(c) for c in reply.containers]

    async def container_status(self, container: ContainerID) -> ObservedContainer:
        """Return a container with all that is known of it.

        Raises NotFoundFault when the runtime has none of this id.
        """
        request = pb.ContainerStatusRequest(container_id=container)
        reply = await self._call(methods.CONTAINER_STATUS, request, f"look at container {container}")
        return observe.observed_container_status(reply.status)

    async def container_pid(self, container: ContainerID) -> int:
        """Return the process id of a container's first process; 0 where it does not run or the runtime is silent."""
        request = pb.ContainerStatusRequest(container_id=container, verbose=True)
        reply = await self._call(methods.CONTAINER_STATUS, request, f"look at container {container}")
        return observe.pid_of(reply.info) if reply.status.state == pb.CONTAINER_RUNNING else 0

    async def create_container(self, request: ContainerRequest) -> ContainerID:
        """Create a container in a sandbox; not idempotent (foundation 16), see `run_sandbox`."""
        message = pb.CreateContainerRequest(
            pod_sandbox_id=request.sandbox_id,
            config=convert.container_config(request, self._node),
            sandbox_config=convert.sandbox_config(request.sandbox),
        )
        action = f"create container {request.container.name!r} of pod {request.sandbox.key}"
        reply = await self._call(methods.CREATE_CONTAINER, message, action)
        return ContainerID(reply.container_id)

    async def start_container(self, container: ContainerID) -> None:
        """Start a created container. When this fails it is Exited with code 128 and reason StartError."""
        request = pb.StartContainerRequest(container_id=container)
        await self._call(methods.START_CONTAINER, request, f"start container {container}")

    async def stop_container(self, container: ContainerID, grace_seconds: int) -> None:
        """Send the stop signal, and KILL after the grace; returns when the container has ended.

        Raises NotFoundFault for an unknown id with containerd 1.6; newer ones succeed.
        """
        request = pb.StopContainerRequest(container_id=container, timeout=grace_seconds)
        deadline = grace_seconds + self._request_seconds
        await self._call(methods.STOP_CONTAINER, request, f"stop container {container}", deadline)

    async def remove_container(self, container: ContainerID) -> None:
        """Remove a container, by force; an unknown id is no error. Its log file stays."""
        request = pb.RemoveContainerRequest(container_id=container)
        await self._remove(methods.REMOVE_CONTAINER, request, f"remove container {container}")

    async def reopen_log(self, container: ContainerID) -> None:
        """Make the runtime open the log file anew after a rotation; refused for a container that has ended."""
        request = pb.ReopenContainerLogRequest(container_id=container)
        await self._call(methods.REOPEN_LOG, request, f"reopen the log of container {container}")

    async def layer_use(self, container: ContainerID) -> LayerUse:
        """Return what a container has written into its own layer, as the runtime last measured it (every 10 s)."""
        request = pb.ContainerStatsRequest(container_id=container)
        reply = await self._call(methods.CONTAINER_STATS, request, f"measure container {container}")
        layer = reply.stats.writable_layer
        return LayerUse(used_bytes=layer.used_bytes.value, inodes=layer.inodes_used.value)

    async def update_resources(self, container: ContainerID, values: CgroupValues) -> None:
        """Change CPU and memory of a running container in place."""
        request = pb.UpdateContainerResourcesRequest(container_id=container, linux=cgroup_resources(values))
        await self._call(methods.UPDATE_RESOURCES, request, f"change the resources of container {container}")

    async def exec_sync(self, container: ContainerID, command: Sequence[str], timeout_seconds: float) -> ExecResult:
        """Run a command and wait for it; both outputs are cut to 10 KiB.

        Raises DeadlineFault after `timeout_seconds`: the runtime then kills the command. More than 16 MiB of output
        is a RuntimeFault, and the output is lost.
        """
        request = pb.ExecSyncRequest(container_id=container, cmd=command, timeout=max(1, math.ceil(timeout_seconds)))
        action = f"run a command in container {container}"
        reply = await self._call(methods.EXEC_SYNC, request, action, request.timeout + EXEC_SLACK_SECONDS)
        return ExecResult(
            exit_code=reply.exit_code, stdout=reply.stdout[:EXEC_OUTPUT_BYTES], stderr=reply.stderr[:EXEC_OUTPUT_BYTES]
        )

    async def exec_url(
        self, container: ContainerID, command: Sequence[str], *, tty: bool, stdin: bool, stdout: bool, stderr: bool
    ) -> str:
        """Return the one-time URL at which the command can be run; with `tty` there is no separate stderr."""
        request = pb.ExecRequest(
            container_id=container, cmd=command, tty=tty, stdin=stdin, stdout=stdout, stderr=stderr and not tty
        )
        reply = await self._call(methods.EXEC, request, f"run a command in container {container}")
        return reply.url
