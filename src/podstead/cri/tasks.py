"""containerd's own view of what runs, for what its CRI does not see. On another runtime these calls are refused."""

from __future__ import annotations

import signal
from dataclasses import replace

from podstead.cri import methods
from podstead.cri._pb import containerd_tasks_pb2 as tasks_pb
from podstead.cri.calls import Calls
from podstead.state.foreign import CRI_NAMESPACE

TASK_SECONDS = 5.0
"""Deadline of each call about a task."""


class TaskCalls(Calls):
    """Tasks: kill, delete."""

    async def kill_task(self, identifier: str, namespace: str = CRI_NAMESPACE) -> None:
        """Send SIGKILL to all processes of a task; its records stay.

        Raises NotFoundFault when there is none, or none that runs.
        """
        method = replace(methods.KILL_TASK, metadata=methods.in_namespace(namespace))
        request = tasks_pb.KillRequest(container_id=identifier, signal=signal.SIGKILL, all=True)
        await self._call(method, request, f"kill task {namespace}/{identifier}", TASK_SECONDS)

    async def delete_task(self, identifier: str) -> None:
        """Forget a task of the CRI's namespace that has ended; the container stays.

        Raises NotFoundFault when there is none, RuntimeFault while it runs.
        """
        request = tasks_pb.DeleteTaskRequest(container_id=identifier)
        await self._call(methods.DELETE_TASK, request, f"delete task {identifier}", TASK_SECONDS)
