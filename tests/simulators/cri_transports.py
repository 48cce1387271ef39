"""Ways to a simulated runtime: in this process, or over a real unix socket with real gRPC."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from grpclib.const import Cardinality, Handler, Status
from grpclib.exceptions import GRPCError
from grpclib.server import Server

from podstead.cri import methods
from podstead.cri.client import CRIClient
from podstead.cri.errors import CallError, Code

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable

    from google.protobuf.message import Message
    from grpclib.protocol import H2Protocol
    from grpclib.server import Stream

    from podstead.cri.methods import ReplyT, RequestT
    from tests.simulators.cri_runtime import SimulatedRuntime


class InProcessTransport:
    """Calls the runtime directly. Messages are copied; deadlines run by the runtime's clock, which may be virtual."""

    def __init__(self, runtime: SimulatedRuntime) -> None:
        self._runtime = runtime

    async def unary(
        self, method: methods.Unary[RequestT, ReplyT], request: RequestT, deadline_seconds: float | None
    ) -> ReplyT:
        """Make one call."""
        work = asyncio.ensure_future(self._runtime.call(method.name, _copy(request)))
        clock = self._runtime.world.clock
        limit = asyncio.ensure_future(clock.sleep(deadline_seconds)) if deadline_seconds is not None else None
        try:
            await asyncio.wait({work, limit} if limit else {work}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                raise CallError(Code.DEADLINE_EXCEEDED, "no answer in time")
            reply: ReplyT = _copy(work.result())
            return reply
        finally:
            tasks = [task for task in (work, limit) if task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def stream(
        self, method: methods.ServerStream[RequestT, ReplyT], request: RequestT
    ) -> AsyncGenerator[ReplyT, None]:
        """Yield replies."""
        replies = self._runtime.stream(method.name, _copy(request))
        try:
            async for reply in replies:
                yield _copy(reply)
        finally:
            await replies.aclose()

    def close(self) -> None:
        """There is nothing to drop."""


def _copy(message: Any) -> Any:
    return type(message).FromString(message.SerializeToString())


def client(runtime: SimulatedRuntime, *, request_seconds: float = 120.0) -> CRIClient:
    """Return a client that calls the runtime in this process."""
    return CRIClient(InProcessTransport(runtime), endpoint="simulated", request_seconds=request_seconds)


class _Service:
    """The method table as grpclib wants to serve it."""

    def __init__(self, runtime: SimulatedRuntime) -> None:
        self._runtime = runtime

    def __mapping__(self) -> dict[str, Handler]:
        table = [m for m in vars(methods).values() if isinstance(m, methods.Method)]
        return {m.path: self._handler(m) for m in table}

    def _handler(self, method: methods.Method[Any, Any]) -> Handler:
        streams = isinstance(method, methods.ServerStream)
        serve: Callable[[Stream[Any, Any], str], Any] = self._serve_stream if streams else self._serve

        async def handle(stream: Stream[Any, Any]) -> None:
            try:
                await serve(stream, method.name)
            except CallError as error:
                raise GRPCError(Status(error.code.value), error.message) from error

        cardinality = Cardinality.UNARY_STREAM if streams else Cardinality.UNARY_UNARY
        return Handler(handle, cardinality, method.request_type, method.reply_type)

    async def _serve(self, stream: Stream[Any, Any], name: str) -> None:
        request: Message | None = await stream.recv_message()
        assert request is not None
        await stream.send_message(await self._runtime.call(name, request))

    async def _serve_stream(self, stream: Stream[Any, Any], name: str) -> None:
        request: Message | None = await stream.recv_message()
        assert request is not None
        async for reply in self._runtime.stream(name, request):
            await stream.send_message(reply)


class _MortalServer(Server):
    """A server whose end is felt by its clients: grpclib's own keeps open connections."""

    def __init__(self, service: _Service) -> None:
        super().__init__([service])
        self._connections: list[H2Protocol] = []

    def _protocol_factory(self) -> H2Protocol:
        made = super()._protocol_factory()
        self._connections.append(made)
        return made

    def break_connections(self) -> None:
        """Close every connection at once."""
        for connection in self._connections:
            connection.processor.close()


@asynccontextmanager
async def serve(runtime: SimulatedRuntime, path: str) -> AsyncIterator[str]:
    """Serve the runtime on a unix socket while the context lasts; yields the endpoint. Connections end with it."""
    server = _MortalServer(_Service(runtime))
    await server.start(path=path)
    try:
        yield f"unix://{path}"
    finally:
        server.close()
        server.break_connections()
        await server.wait_closed()
