"""The event services of a simulated runtime: containerd's own, with filters, and the CRI's."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from podstead.cri._pb import containerd_events_pb2 as events_pb
from podstead.cri._pb import cri_pb2 as pb
from podstead.cri.errors import CallError, Code

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable

    from google.protobuf.message import Message

NAMESPACE = "k8s.io"
_TERM = re.compile(r'(namespace|topic)==("[^"]*"|[^,]*)')


def _lets_through(envelope: events_pb.Envelope, filters: Iterable[str]) -> bool:
    values = {"namespace": envelope.namespace, "topic": envelope.topic}
    chosen = list(filters)
    return not chosen or any(
        all(values[key] == value.strip('"') for key, value in _TERM.findall(one)) for one in chosen
    )


class EventBus:
    """Passes events on to every open stream; nothing is kept for those that open later."""

    def __init__(self) -> None:
        self._containerd: dict[asyncio.Queue[events_pb.Envelope | None], tuple[str, ...]] = {}
        self._cri: set[asyncio.Queue[pb.ContainerEventResponse | None]] = set()

    @property
    def listeners(self) -> int:
        """How many streams are open."""
        return len(self._containerd) + len(self._cri)

    async def subscribe(self, request: events_pb.SubscribeRequest) -> AsyncGenerator[events_pb.Envelope, None]:
        """Yield containerd's envelopes until the streams break."""
        queue: asyncio.Queue[events_pb.Envelope | None] = asyncio.Queue()
        self._containerd[queue] = tuple(request.filters)
        try:
            while (envelope := await queue.get()) is not None:
                yield envelope
        finally:
            del self._containerd[queue]
        raise CallError(Code.UNAVAILABLE, "Connection lost")

    async def container_events(self, _: pb.GetEventsRequest) -> AsyncGenerator[pb.ContainerEventResponse, None]:
        """Yield the CRI's events until the streams break."""
        queue: asyncio.Queue[pb.ContainerEventResponse | None] = asyncio.Queue()
        self._cri.add(queue)
        try:
            while (event := await queue.get()) is not None:
                yield event
        finally:
            self._cri.discard(queue)
        raise CallError(Code.UNAVAILABLE, "Connection lost")

    def break_streams(self) -> None:
        """End every open stream, as a runtime that dies does."""
        for envelopes in self._containerd:
            envelopes.put_nowait(None)
        for events in self._cri:
            events.put_nowait(None)

    def forward(self, envelope: events_pb.Envelope) -> None:
        """Pass an envelope on to those whose filters let it through."""
        for queue, filters in self._containerd.items():
            if _lets_through(envelope, filters):
                queue.put_nowait(envelope)

    def started(self, container: str, pid: int) -> None:
        """Tell that a container's process runs."""
        self._tell("/tasks/start", events_pb.TaskStart(container_id=container, pid=pid))
        self._tell_cri(pb.CONTAINER_STARTED_EVENT, container, pb.ContainerStatus())

    def exited(self, container: str, pid: int, code: int, finished_at: int) -> None:
        """Tell that a container's process has ended."""
        event = events_pb.TaskExit(container_id=container, id=container, pid=pid, exit_status=code)
        event.exited_at.FromNanoseconds(finished_at)
        self._tell("/tasks/exit", event)
        status = pb.ContainerStatus(id=container, state=pb.CONTAINER_EXITED, exit_code=code, finished_at=finished_at)
        self._tell_cri(pb.CONTAINER_STOPPED_EVENT, container, status)

    def exec_exited(self, container: str, execution: str, code: int) -> None:
        """Tell that a command run in a container has ended."""
        self._tell("/tasks/exit", events_pb.TaskExit(container_id=container, id=execution, exit_status=code))

    def out_of_memory(self, container: str) -> None:
        """Tell that the kernel killed for lack of memory."""
        self._tell("/tasks/oom", events_pb.TaskOOM(container_id=container))

    def deleted(self, container: str) -> None:
        """Tell that a container's record is gone."""
        self._tell("/containers/delete", events_pb.ContainerDelete(id=container))
        self._tell_cri(pb.CONTAINER_DELETED_EVENT, container, pb.ContainerStatus())

    def _tell(self, topic: str, payload: Message) -> None:
        envelope = events_pb.Envelope(namespace=NAMESPACE, topic=topic)
        envelope.event.type_url = payload.DESCRIPTOR.name
        envelope.event.value = payload.SerializeToString()
        self.forward(envelope)

    def _tell_cri(self, kind: pb.ContainerEventType, container: str, status: pb.ContainerStatus) -> None:
        statuses = [status] if status.id else []
        event = pb.ContainerEventResponse(
            container_id=container, container_event_type=kind, containers_statuses=statuses
        )
        for queue in self._cri:
            queue.put_nowait(event)
