"""containerd's tasks that its CRI has lost sight of: they stand in the way of their container's removal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf.empty_pb2 import Empty

from podstead.cri._pb import containerd_tasks_pb2 as tasks_pb
from podstead.cri.errors import CallError, Code

if TYPE_CHECKING:
    from collections.abc import Iterable


class LostTasks:
    """Tasks by the id of their container, and whether each was killed."""

    def __init__(self) -> None:
        self._killed: dict[str, bool] = {}

    def add(self, container: str) -> None:
        """Let a task be there that the CRI knows nothing of."""
        self._killed[container] = False

    def refuse_removal(self, containers: Iterable[str]) -> None:
        """Refuse as containerd does to remove a container that has a task."""
        for one in containers:
            if one in self._killed:
                text = f'failed to delete containerd container "{one}": cannot delete running task {one}: failed precondition'
                raise CallError(Code.FAILED_PRECONDITION, text)

    def kill(self, request: tasks_pb.KillRequest) -> Empty:
        """Kill."""
        self._find(request.container_id)
        self._killed[request.container_id] = request.signal == 9
        return Empty()

    def delete(self, request: tasks_pb.DeleteTaskRequest) -> tasks_pb.DeleteResponse:
        """Delete: of one that does not run any more."""
        if not self._find(request.container_id):
            raise CallError(Code.FAILED_PRECONDITION, "cannot delete a running process")
        del self._killed[request.container_id]
        return tasks_pb.DeleteResponse(exit_status=137)

    def _find(self, container: str) -> bool:
        if container not in self._killed:
            raise CallError(Code.NOT_FOUND, f"task {container} not found: not found")
        return self._killed[container]
