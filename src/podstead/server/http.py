"""HTTP/1.1 over asyncio streams: h11 reads and writes the protocol, this module moves the bytes.

What it promises to handlers: a request is complete and within limits before they see it, they are cancelled when the
client goes, and what they stream is sent at once and only as fast as the client takes it.
Knows no paths and no Kubernetes; works on any listening socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn, Protocol
from urllib.parse import parse_qsl

import h11

from podstead.server.messages import Caller, Reply, Request, Response, StreamingResponse, Upgrade
from podstead.streaming.byte_stream import READ_BYTES, ByteStream

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Coroutine

_log = logging.getLogger(__name__)

LINGER_SECONDS = 1.0
"""How long a refused client may go on sending before its connection is cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one client may cost; every number may be changed by the composition root."""

    header_bytes: int = 64 << 10
    """Request line and headers: `exec` carries its command in the URL, so more than the usual 8 KiB."""
    body_bytes: int = 1 << 20
    """No request has a larger one: archives are imported by path."""
    connections: int = 256
    """Watches of a few clients and their commands; the next one is answered 503."""
    idle_seconds: float = 120.0
    """How long a connection may wait between two requests; kubectl's pool keeps them for 90 s."""
    request_seconds: float = 30.0
    """From the first byte of a request to its last."""
    send_seconds: float = 60.0
    """A whole (not streamed) reply that is not taken by then is given up."""


class Responder(Protocol):
    """What answers requests. It never raises: errors are replies."""

    async def respond(self, request: Request) -> Reply:
        """Return the reply to a request."""
        ...

    def refuse(self, code: int, message: str) -> Response:
        """Return the reply to what was not even a request."""
        ...


class _ClientGoneError(Exception):
    """The client closed or broke its connection."""


class _BadRequestError(Exception):
    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class _Connection:
    """One client's connection: requests one after the other until one side is through."""

    def __init__(
        self,
        stream: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        responder: Responder,
        caller: Caller,
        limits: Limits,
    ) -> None:
        self._reader, self._writer = stream
        self._responder = responder
        self._caller = caller
        self._limits = limits
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=limits.header_bytes)

    async def run(self) -> None:
        """Serve until the connection ends."""
        try:
            while (request := await self._next_request()) is not None:
                if (upgrade := await self._unless_gone(self._answer(request))) is not None:
                    early, _ = self._h11.trailing_data
                    await upgrade.serve(ByteStream(self._reader, self._writer, bytes(early)))
                    return
                if self._h11.our_state is not h11.DONE or self._h11.their_state is not h11.DONE:
                    return
                self._h11.start_next_cycle()
        except _BadRequestError as error:
            await self._refuse(error)
        except (_ClientGoneError, TimeoutError):
            return  # nobody is left to be told

    async def refuse(self, code: int, message: str) -> None:
        """Answer whatever comes with an error, once."""
        with contextlib.suppress(_BadRequestError, _ClientGoneError):
            if await self._next_request() is None:
                return
        await self._refuse(_BadRequestError(code, message))

    async def _refuse(self, error: _BadRequestError) -> None:
        """Send an error and take what the client still sends, or it would see a reset instead of the error."""
        with contextlib.suppress(_ClientGoneError, TimeoutError, h11.LocalProtocolError):
            await self._send_response(self._responder.refuse(error.code, str(error)))
            if self._writer.can_write_eof():
                self._writer.write_eof()
            async with asyncio.timeout(LINGER_SECONDS):
                while await self._read():
                    pass

    async def _read(self) -> bytes:
        try:
            return await self._reader.read(READ_BYTES)
        except OSError as error:
            raise _ClientGoneError from error

    async def _event(self) -> h11.Event | type[h11.PAUSED]:
        while True:
            event = self._h11.next_event()
            if event is not h11.NEED_DATA:
                return event  # type: ignore[return-value]  # h11 types NEED_DATA and PAUSED as one sentinel class
            if self._h11.they_are_waiting_for_100_continue:
                await self._send(h11.InformationalResponse(status_code=100, headers=[]))
            self._h11.receive_data(await self._read())

    async def _next_request(self) -> Request | None:
        """Return the next complete request, None when the client is through."""
        try:
            async with asyncio.timeout(self._limits.idle_seconds) as deadline:
                if not self._h11.trailing_data[0]:
                    self._h11.receive_data(await self._read())
                deadline.reschedule(asyncio.get_running_loop().time() + self._limits.request_seconds)
                head = await self._event()
                if not isinstance(head, h11.Request):
                    return None
                return self._decode(head, await self._body())
        except h11.RemoteProtocolError as error:
            raise _BadRequestError(error.error_status_hint, f"cannot read the request: {error}") from error
        except TimeoutError:
            return None

    async def _body(self) -> bytes:
        body = bytearray()
        while isinstance(event := await self._event(), h11.Data):
            body += event.data
            if len(body) > self._limits.body_bytes:
                message = f"the request's body is larger than {self._limits.body_bytes} bytes"
                raise _BadRequestError(413, message)
        if not isinstance(event, h11.EndOfMessage):
            raise _ClientGoneError
        return bytes(body)

    def _decode(self, head: h11.Request, body: bytes) -> Request:
        try:
            target = head.target.decode("ascii")
            headers = tuple((name.decode("ascii"), value.decode("latin-1")) for name, value in head.headers)
            path, _, query = target.partition("?")
            pairs = tuple(parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=10_000))
        except ValueError as error:
            raise _BadRequestError(400, f"cannot read the request's URL or headers: {error}") from error
        if not path.startswith("/"):
            raise _BadRequestError(400, "the request's target must be a path")
        return Request(
            method=head.method.decode("ascii"),
            path=path,
            caller=self._caller,
            query=pairs,
            headers=headers,
            body=body,
        )

    async def _answer(self, request: Request) -> Upgrade | None:
        reply = await self._responder.respond(request)
        match reply:
            case Response():
                await self._send_response(reply)
            case StreamingResponse():
                await self._send_stream(reply)
            case Upgrade():
                await self._send(h11.InformationalResponse(status_code=101, headers=list(reply.headers)))
                return reply
        return None

    async def _unless_gone(self, answer: Coroutine[None, None, Upgrade | None]) -> Upgrade | None:
        """Run `answer`, and cancel it when the client closes its connection meanwhile."""
        result, gone = None, False
        try:
            async with asyncio.TaskGroup() as group:
                watch = group.create_task(self._until_gone())
                result = await answer
                watch.cancel()
        except* _ClientGoneError:
            gone = True  # raised here, it would be a group again
        if gone:
            raise _ClientGoneError
        return result

    async def _until_gone(self) -> NoReturn:
        """Keep what the client sends early (a pipelined request, an upgraded protocol's first bytes), up to a limit."""
        early = 0
        while early <= self._limits.header_bytes:
            data = await self._read()
            if not data:
                raise _ClientGoneError
            early += len(data)
            self._h11.receive_data(data)
        await asyncio.Event().wait()  # so much unasked data: it waits in the socket until this reply is done
        raise _ClientGoneError

    async def _send_response(self, reply: Response) -> None:
        headers = [*reply.headers, ("content-length", str(len(reply.body)))]
        async with asyncio.timeout(self._limits.send_seconds):
            await self._send(
                h11.Response(status_code=reply.status, headers=headers),
                h11.Data(data=reply.body),
                h11.EndOfMessage(),
            )

    async def _send_stream(self, reply: StreamingResponse) -> None:
        async with contextlib.aclosing(reply.chunks) as chunks:
            await self._send(h11.Response(status_code=reply.status, headers=list(reply.headers)))
            async for chunk in chunks:
                if chunk:
                    await self._send(h11.Data(data=chunk))
        await self._send(h11.EndOfMessage())

    async def _send(self, *events: h11.Event) -> None:
        data = b"".join(self._h11.send(event) or b"" for event in events)
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError as error:
            raise _ClientGoneError from error


class HttpServer:
    """Serves a listening socket until cancelled."""

    def __init__(self, responder: Responder, limits: Limits | None = None) -> None:
        self._responder = responder
        self._limits = limits or Limits()
        self._open = 0

    async def serve(self, listener: socket.socket, identify: Callable[[asyncio.StreamWriter], Caller]) -> None:
        """Accept connections, one task each; on cancellation no connection outlives this call.

        `identify` says who a new connection is, once; it must not block.
        """
        ended = False
        async with asyncio.TaskGroup() as group:

            def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                if ended:  # it was on its way when the listening ended
                    writer.transport.abort()
                    return
                served = group.create_task(self._serve_one(reader, writer, identify))
                # Not by the task itself, which the end of the server cancels before it has begun, too.
                served.add_done_callback(lambda _: _leave(writer))

            server = await asyncio.start_server(accepted, sock=listener, start_serving=False)
            try:
                await server.start_serving()  # a cancellation may come here already
                await asyncio.Event().wait()
            finally:
                ended = True
                asyncio.get_running_loop().remove_reader(listener)
                try:  # CPython hands over what it has accepted a turn later, and only to an open server
                    await asyncio.sleep(0)
                finally:
                    server.close()

    async def _serve_one(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        identify: Callable[[asyncio.StreamWriter], Caller],
    ) -> None:
        self._open += 1
        try:
            connection = _Connection((reader, writer), self._responder, identify(writer), self._limits)
            if self._open > self._limits.connections:
                await connection.refuse(503, "the agent serves too many connections, close some of them")
            else:
                await connection.run()
            writer.close()
        except Exception:  # noqa: BLE001 - a mistake ends one connection, never the agent
            _log.exception("Connection failed")
        finally:
            self._open -= 1


def _leave(writer: asyncio.StreamWriter) -> None:
    """Close a connection that is not being closed in order."""
    if not writer.is_closing():
        writer.transport.abort()
