"""Logs of containers and commands in them."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

from podstead.k8s.containers import all_containers
from podstead.k8s.labels import CONFIG_HASH
from podstead.server.ages import parse_time
from podstead.server.faults import ApiError
from podstead.server.messages import Reply, Request, StreamingResponse, Upgrade
from podstead.server.parameters import flag, whole_number
from podstead.server.port import ExecRequest, LogRequest

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from podstead.clock import Clock
    from podstead.k8s import core_v1 as v1
    from podstead.server.handlers.objects import ObjectHandlers
    from podstead.server.port import AgentPort
    from podstead.server.routing import PathValues
    from podstead.streaming.byte_stream import ByteStream

DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"

_log = logging.getLogger(__name__)


def choose_container(pod: v1.Pod, asked: str) -> str:
    """Return the container a request means; raises `ApiError` 400 when it names none of the pod's or is ambiguous."""
    name = pod.metadata.name or ""
    names = [c.name for c in all_containers(pod.spec)]
    if asked:
        if asked not in names:
            raise ApiError(400, f"container {asked} is not valid for pod {name}")
        return asked
    if len(pod.spec.containers) == 1:
        return pod.spec.containers[0].name
    default = pod.metadata.annotations.get(DEFAULT_CONTAINER, "")
    if default in names:
        return default
    choices = " ".join(c.name for c in pod.spec.containers)
    raise ApiError(400, f"a container name must be specified for pod {name}, choose one of: [{choices}]")


class ContainerHandlers:
    """Answers /log and /exec of a pod."""

    def __init__(self, agent: AgentPort, objects: ObjectHandlers, clock: Clock) -> None:
        self._agent = agent
        self._objects = objects
        self._clock = clock

    async def log(self, request: Request, path: PathValues) -> Reply:
        """Answer GET …/pods/NAME/log with the container's output as plain text."""
        pod = self._objects.find_pod(path["namespace"], path["name"])
        pieces = await self._agent.open_log(self._log_request(request, pod))
        return StreamingResponse(headers=(("content-type", "text/plain"),), chunks=_forward(pieces))

    def _log_request(self, request: Request, pod: v1.Pod) -> LogRequest:
        if request.parameter("stream") not in {None, "", "All"}:
            raise ApiError(422, "stream: Unsupported value: only All is known, output and errors are one log here")
        since_seconds = whole_number(request, "sinceSeconds", least=1)
        since_time = request.parameter("sinceTime") or ""
        if since_seconds is not None and since_time:
            raise ApiError(422, "sinceTime: Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified")
        since = parse_time(since_time)
        if since_time and since is None:
            raise ApiError(
                400, f"invalid sinceTime {since_time!r}: write an RFC 3339 time such as 2026-01-31T12:00:00Z"
            )
        if since_seconds is not None:
            since = self._clock.now().wall - since_seconds
        container = choose_container(pod, request.parameter("container") or "")
        return LogRequest(
            namespace=pod.metadata.namespace or "",
            name=pod.metadata.name or "",
            uid=pod.metadata.annotations.get(CONFIG_HASH) or pod.metadata.uid or "",
            container=container,
            previous=flag(request, "previous"),
            follow=flag(request, "follow"),
            timestamps=flag(request, "timestamps"),
            since=since,
            tail_lines=whole_number(request, "tailLines", least=0),
            limit_bytes=whole_number(request, "limitBytes", least=1),
            waiting=_waiting(pod, container),
        )

    async def exec(self, request: Request, path: PathValues) -> Reply:
        """Answer GET …/pods/NAME/exec by a WebSocket.

        Everything that can be refused is refused before 101, and the command starts after it: a client that cannot
        open the WebSocket repeats the request in another protocol, and the command would run twice.
        """
        # Loaded here: most agents never exec, and need not hold a megabyte of WebSocket and SPDY for it.
        from podstead.streaming.exec_bridge import ExecStreams, bridge_exec  # noqa: PLC0415 - see above
        from podstead.streaming.remotecommand import WEBSOCKET_PROTOCOLS  # noqa: PLC0415 - see above
        from podstead.streaming.websocket import ChannelSocket, choose_protocol, handshake_headers  # noqa: PLC0415 - see above

        pod = self._objects.find_pod(path["namespace"], path["name"])
        wanted = self._exec_request(request, pod)
        protocol = choose_protocol(request.header("sec-websocket-protocol"), WEBSOCKET_PROTOCOLS)
        key = request.header("sec-websocket-key")
        if request.header("upgrade").lower() != "websocket" or not key:
            raise ApiError(400, "exec needs an upgrade to websocket")
        if protocol is None:
            known = " or ".join(WEBSOCKET_PROTOCOLS)
            raise ApiError(400, f"exec needs the WebSocket subprotocol {known}")
        url = await self._agent.exec_stream_url(wanted)
        who = f"{request.caller.user} (pid {request.caller.pid})"
        _log.info("Exec started: %s in %s/%s container %s", who, wanted.namespace, wanted.name, wanted.container)
        streams = ExecStreams(stdin=wanted.stdin, stdout=wanted.stdout, stderr=wanted.stderr, tty=wanted.tty)

        async def serve(stream: ByteStream) -> None:
            await bridge_exec(ChannelSocket(stream), url, streams)

        return Upgrade(headers=handshake_headers(key, protocol), serve=serve)

    @staticmethod
    def _exec_request(request: Request, pod: v1.Pod) -> ExecRequest:
        wanted = ExecRequest(
            namespace=pod.metadata.namespace or "",
            name=pod.metadata.name or "",
            container=choose_container(pod, request.parameter("container") or ""),
            command=request.parameters("command"),
            stdin=flag(request, "stdin"),
            stdout=flag(request, "stdout"),
            stderr=flag(request, "stderr"),
            tty=flag(request, "tty"),
        )
        if not wanted.command:
            raise ApiError(400, "you must specify at least 1 command for the container")
        if not (wanted.stdin or wanted.stdout or wanted.stderr):
            raise ApiError(400, "you must specify at least one of stdin, stdout, stderr")
        if wanted.tty and wanted.stderr:
            raise ApiError(400, "tty and stderr cannot both be true: a terminal has one output")
        return wanted


async def _forward(pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    """Yield the pieces, and close their source when the client goes."""
    close = getattr(pieces, "aclose", None)
    async with contextlib.AsyncExitStack() as stack:
        if close is not None:
            stack.push_async_callback(close)
        async for piece in pieces:
            yield piece


def _waiting(pod: v1.Pod, container: str) -> str:
    """Return why a container waits, as its status has it: the kubelet says it where there is no log yet."""
    statuses = (*pod.status.init_container_statuses, *pod.status.container_statuses) if pod.status else ()
    for one in statuses:
        if one.name == container and one.state is not None and one.state.waiting is not None:
            return one.state.waiting.reason or "ContainerCreating"
    return "ContainerCreating"
