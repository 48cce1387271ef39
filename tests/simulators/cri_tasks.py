"""containerd's tasks that its CRI has lost sight of: they stand in the way of their container's removal."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from google.protobuf.empty_pb2 import Empty

from podstead.cri._pb import containerd_tasks_pb2 as tasks_pb
from podstead.cri.errors import CallError, Code
from podstead.state.foreign import CRI_NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterable


class LostTasks:
    """Tasks by namespace and the id of their container, and whether each was killed."""

    def __init__(self) -> None:
        self._killed: dict[tuple[str, str], bool] = {}

    @property
    def killed(self) -> set[tuple[str, str]]:
        """Those that were killed and not deleted."""
        return {task for task, killed in self._killed.items() if killed}

    def add(self, container: str, namespace: str = CRI_NAMESPACE) -> None:
        """Let a task be there that the CRI knows nothing of."""
        self._killed[namespace, container] = False

    def refuse_removal(self, containers: Iterable[str]) -> None:
        """Refuse as containerd does to remove a container that has a task."""
        for one in containers:
            if (CRI_NAMESPACE, one) in self._killed:
                text = f'failed to delete containerd container "{one}": cannot delete running task {one}: failed precondition'
                raise CallError(Code.FAILED_PRECONDITION, text)

    def kill(self, request: tasks_pb.KillRequest) -> Empty:
        """Kill. The namespace goes beside the request, and is not seen here: any task of this id is meant."""
        task = self._find(request.container_id)
        if self._killed[task]:
            raise CallError(Code.NOT_FOUND, "process already finished: not found")
        self._killed[task] = request.signal == signal.SIGKILL
        return Empty()

    def delete(self, request: tasks_pb.DeleteTaskRequest) -> tasks_pb.DeleteResponse:
        """Delete: of one that does not run any more."""
        task = self._find(request.container_id)
        if not self._killed[task]:
            raise CallError(Code.FAILED_PRECONDITION, "cannot delete a running process")
        del self._killed[task]
        return tasks_pb.DeleteResponse(exit_status=137)

    def _find(self, container: str) -> tuple[str, str]:
        for task in self._killed:
            if task[1] == container:
                return task
        raise CallError(Code.NOT_FOUND, f"task {container} not found: not found")
