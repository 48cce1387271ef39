"""One stream of runtime events, from its opening to its end; each yields RECONNECTED when it is open."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import aclosing
from typing import TYPE_CHECKING, TypeVar

from google.protobuf.message import DecodeError

from podstead.cri import methods
from podstead.cri._pb import containerd_events_pb2 as events_pb
from podstead.cri._pb import cri_pb2 as pb
from podstead.cri.errors import Code
from podstead.state.foreign import CRI_NAMESPACE
from podstead.state.runtime import EventKind, RuntimeEvent

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from google.protobuf.timestamp_pb2 import Timestamp

    from podstead.cri.transport import Transport

TOPICS = ("/tasks/start", "/tasks/exit", "/tasks/oom", "/containers/delete")
MARKER_TOPIC = "/podstead/subscribed"
MARKER_SECONDS = 0.05
"""Pause between two marks; containerd passes one on within a few milliseconds."""
MARKED_SECONDS = 1.0
"""When no mark has come back by then, the stream is taken for open: publishing may be forbidden where listening is not."""
OPEN_SECONDS = 0.2
"""When GetContainerEvents has neither failed nor told anything by then, it is taken for open: it has no other sign."""
T = TypeVar("T")
ENDED = Code.UNAVAILABLE
"""What a stream that the server ended counts as."""


async def containerd(transport: Transport) -> AsyncGenerator[RuntimeEvent, None]:
    """Yield what containerd's event service tells about containers of the CRI. Raises CallError at its end.

    A subscription is not acknowledged, and events of the moments before it are lost. So marks with a name of our own
    are published until one comes back: from then on the stream is open, and RECONNECTED is yielded. A mark reaches
    every other listener on this containerd too, under a topic and namespace that nobody else has.
    """
    mark = f"podstead-{uuid.uuid4().hex}"
    filters = [f'namespace=={CRI_NAMESPACE},topic=="{topic}"' for topic in TOPICS]
    filters.append(f'namespace=={mark},topic=="{MARKER_TOPIC}"')
    marker = asyncio.create_task(_publish_marks(transport, mark), name="event-marks")
    try:
        request = events_pb.SubscribeRequest(filters=filters)
        async with (
            aclosing(transport.stream(methods.SUBSCRIBE_EVENTS, request)) as envelopes,
            aclosing(_after_opening(envelopes, MARKED_SECONDS)) as stream,
        ):
            async for envelope in stream:
                if envelope is None:
                    marker.cancel()
                event = RuntimeEvent(kind=EventKind.RECONNECTED) if envelope is None else decode_envelope(envelope)
                if event is not None:
                    yield event
    finally:
        marker.cancel()
        await asyncio.gather(marker, return_exceptions=True)


async def _after_opening(messages: AsyncGenerator[T, None], patience_seconds: float) -> AsyncGenerator[T | None, None]:
    """Yield None once the stream is open (its first message came, or it kept quiet so long), then every message."""
    first = asyncio.ensure_future(anext(messages, None))
    try:
        await asyncio.wait({first}, timeout=patience_seconds)
        if not (first.done() and first.exception()):
            yield None
        message = await first
    finally:
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
    while message is not None:
        yield message
        message = await anext(messages, None)


async def _publish_marks(transport: Transport, mark: str) -> None:
    """Publish until cancelled. A failure ends this: then the stream fails too, or `MARKED_SECONDS` opens it."""
    request = events_pb.ForwardRequest()
    request.envelope.namespace = mark
    request.envelope.topic = MARKER_TOPIC
    request.envelope.timestamp.GetCurrentTime()
    request.envelope.event.SetInParent()
    while True:
        await transport.unary(methods.FORWARD_EVENT, request, MARKED_SECONDS)
        await asyncio.sleep(MARKER_SECONDS)


def decode_envelope(envelope: events_pb.Envelope) -> RuntimeEvent | None:
    """Return the event of one envelope; None for a mark, the end of an exec, and what is not understood."""
    if envelope.namespace != CRI_NAMESPACE:
        return None
    payload = envelope.event.value
    try:
        match envelope.topic:
            case "/tasks/exit":
                return _task_exit(events_pb.TaskExit.FromString(payload))
            case "/tasks/oom":
                return RuntimeEvent(kind=EventKind.OOM, container_id=events_pb.TaskOOM.FromString(payload).container_id)
            case "/tasks/start":
                started = events_pb.TaskStart.FromString(payload)
                return RuntimeEvent(kind=EventKind.STARTED, container_id=started.container_id)
            case "/containers/delete":
                deleted = events_pb.ContainerDelete.FromString(payload)
                return RuntimeEvent(kind=EventKind.DELETED, container_id=deleted.id)
            case _:
                return None
    except DecodeError:
        return None


def _task_exit(event: events_pb.TaskExit) -> RuntimeEvent | None:
    if event.id and event.id != event.container_id:
        return None  # an exec in the container has ended, not the container
    return RuntimeEvent(
        kind=EventKind.EXITED,
        container_id=event.container_id,
        exit_code=event.exit_status,
        finished_at=_nanoseconds(event.exited_at),
    )


def _nanoseconds(timestamp: Timestamp) -> int:
    return timestamp.seconds * 10**9 + timestamp.nanos


_CRI_KINDS = {
    pb.CONTAINER_STARTED_EVENT: EventKind.STARTED,
    pb.CONTAINER_STOPPED_EVENT: EventKind.EXITED,
    pb.CONTAINER_DELETED_EVENT: EventKind.DELETED,
}


async def cri(transport: Transport) -> AsyncGenerator[RuntimeEvent, None]:
    """Yield what GetContainerEvents tells (containerd 1.7 and later, CRI-O 1.26 and later). Raises CallError."""
    async with (
        aclosing(transport.stream(methods.CONTAINER_EVENTS, pb.GetEventsRequest())) as messages,
        aclosing(_after_opening(messages, OPEN_SECONDS)) as stream,
    ):
        async for message in stream:
            event = RuntimeEvent(kind=EventKind.RECONNECTED) if message is None else decode_cri_event(message)
            if event is not None:
                yield event


def decode_cri_event(message: pb.ContainerEventResponse) -> RuntimeEvent | None:
    """Return the event of one message; None for a creation. The exit code is there when the runtime attached it."""
    kind = _CRI_KINDS.get(message.container_event_type)
    if kind is None:
        return None
    status = next((s for s in message.containers_statuses if s.id == message.container_id), None)
    ended = kind is EventKind.EXITED and status is not None and status.state == pb.CONTAINER_EXITED
    return RuntimeEvent(
        kind=kind,
        container_id=message.container_id,
        exit_code=status.exit_code if ended and status else None,
        finished_at=status.finished_at if ended and status else 0,
    )
