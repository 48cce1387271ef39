"""Removes what the runtime keeps, also where containerd keeps a task that its own CRI has lost sight of.

A start whose caller went away (our process was killed) is cancelled within containerd. Now and then (one of 150 tried
at random moments, 1.6) the task is made all the same: the CRI shows the container as Exited with StartError, has
nothing to stop, and refuses to remove it, and its sandbox, for as long as containerd runs. So the task is ended through
containerd's own service on the same socket, and the removal asked for again.
"""

from __future__ import annotations

import asyncio
import re
import signal
from typing import TYPE_CHECKING

from podstead.cri import methods
from podstead.cri._pb import containerd_tasks_pb2 as tasks_pb
from podstead.cri.calls import Calls
from podstead.cri.errors import CallError, Code, fault

if TYPE_CHECKING:
    from podstead.cri.methods import ReplyT, RequestT, Unary

_KEPT_TASK = re.compile(r"cannot delete running task ([0-9a-f]{64})\b")
END_SECONDS = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Pauses between attempts to delete a task that was killed: containerd learns of the end within milliseconds."""
TASK_SECONDS = 5.0
"""Deadline of each call about a task."""


class Removal(Calls):
    """The calls that remove, and what they need where a task stands in their way."""

    async def _remove(self, method: Unary[RequestT, ReplyT], request: RequestT, action: str) -> None:
        """Make a call that removes, and end each task that it names as the obstacle, once."""
        ended: set[str] = set()
        while True:
            try:
                await self._unary(method, request)
            except CallError as error:
                obstacle = _KEPT_TASK.search(error.message)
                if obstacle is None or obstacle[1] in ended or not await self._end_task(obstacle[1]):
                    raise fault(error, action, method.reason) from error
                ended.add(obstacle[1])
            else:
                return

    async def _end_task(self, identifier: str) -> bool:
        """Kill and delete a task; False where containerd refuses or is not asked in this way."""
        kill = tasks_pb.KillRequest(container_id=identifier, signal=signal.SIGKILL, all=True)
        delete = tasks_pb.DeleteTaskRequest(container_id=identifier)
        if not await self._done(methods.KILL_TASK, kill):
            return False
        for seconds in END_SECONDS:
            if await self._done(methods.DELETE_TASK, delete):
                return True
            await asyncio.sleep(seconds)
        return await self._done(methods.DELETE_TASK, delete)

    async def _done(self, method: Unary[RequestT, ReplyT], request: RequestT) -> bool:
        """Say whether a call about a task succeeded, or found none any more."""
        try:
            await self._unary(method, request, TASK_SECONDS)
        except CallError as error:
            return error.code is Code.NOT_FOUND
        return True
