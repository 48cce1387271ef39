"""Removes what the runtime keeps, also where containerd keeps a task that its own CRI has lost sight of.

A start whose caller went away (our process was killed) is cancelled within containerd. Now and then (one of 150 tried
at random moments, 1.6) the task is made all the same: the CRI shows the container as Exited with StartError, has
nothing to stop, and refuses to remove it, and its sandbox, for as long as containerd runs. So the task is ended through
containerd's own service on the same socket, and the removal asked for again.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from podstead.cri.errors import CallError, fault
from podstead.cri.tasks import TaskCalls
from podstead.errors import NotFoundFault, RuntimeFault

if TYPE_CHECKING:
    from podstead.cri.methods import ReplyT, RequestT, Unary

_KEPT_TASK = re.compile(r"cannot delete running task ([0-9a-f]{64})\b")
END_SECONDS = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Pauses between attempts to delete a task that was killed: containerd learns of the end within milliseconds."""


class Removal(TaskCalls):
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
        """Kill and delete a task; False where containerd refuses, or where there is nobody to ask."""
        try:
            await self.kill_task(identifier)
        except NotFoundFault:
            pass  # what is there has ended, or was never started
        except RuntimeFault:
            return False
        for seconds in (*END_SECONDS, None):
            try:
                await self.delete_task(identifier)
            except NotFoundFault:
                return True
            except RuntimeFault:
                if seconds is None:
                    return False
                await asyncio.sleep(seconds)
            else:
                return True
        return False
