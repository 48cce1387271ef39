"""The HTTP layer with bytes of a client's own: limits, keep-alive, streams, a client that goes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING

import pytest

from podstead.server.faults import ApiError, reply_to
from podstead.server.http import HttpServer, Limits
from podstead.server.messages import Caller, Reply, Request, Response, StreamingResponse, Upgrade
from tests.support.waiting import steady, until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator
    from pathlib import Path

    from podstead.streaming.byte_stream import ByteStream


class Echo:
    """Answers by path and remembers what became of its handlers."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.waiting = False
        self.sent = 0
        self.cancelled = asyncio.Event()
        self.closed = asyncio.Event()

    async def respond(self, request: Request) -> Reply:
        self.requests.append(request)
        match request.path:
            case "/slow":
                self.waiting = True
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    self.cancelled.set()
                    raise
            case "/stream":
                return StreamingResponse(chunks=self._ticks(), headers=(("content-type", "text/plain"),))
            case "/flood":
                return StreamingResponse(chunks=self._flood())
            case "/broken":
                return StreamingResponse(chunks=self._broken())
            case "/upgrade":
                return Upgrade(headers=(("connection", "upgrade"), ("upgrade", "echo")), serve=self._echo)
            case _:
                pass
        return Response(body=request.body or request.path.encode())

    def refuse(self, code: int, message: str) -> Response:
        return reply_to(ApiError(code, message))

    async def _ticks(self) -> AsyncGenerator[bytes]:
        try:
            yield b"one\n"
            yield b""
            yield b"two\n"
            await asyncio.sleep(60)
        finally:
            self.closed.set()

    async def _flood(self) -> AsyncGenerator[bytes]:
        try:
            while True:
                yield bytes(65536)
                self.sent += 65536
        finally:
            self.closed.set()

    async def _broken(self) -> AsyncGenerator[bytes]:
        yield b"half"
        raise RuntimeError("a mistake")

    async def _echo(self, stream: ByteStream) -> None:
        while data := await stream.read():
            await stream.write(data.upper())


class Served:
    def __init__(self, path: Path, echo: Echo, server: HttpServer) -> None:
        self.path = path
        self.server = server
        self.echo = echo

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_unix_connection(str(self.path))

    async def talk(self, data: bytes) -> bytes:
        """Send bytes and return everything until the server closes."""
        reader, writer = await self.open()
        writer.write(data)
        async with asyncio.timeout(60):
            got = await reader.read()
        writer.close()
        return got


@contextlib.asynccontextmanager
async def http(directory: Path, limits: Limits | None = None) -> AsyncIterator[Served]:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(directory / "s"))
    listener.listen()
    listener.settimeout(0)
    echo = Echo()
    server = HttpServer(echo, limits)
    task = asyncio.get_running_loop().create_task(server.serve(listener, lambda _: Caller(user="root")))
    try:
        yield Served(directory / "s", echo, server)
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        listener.close()  # of a server that has not begun


async def test_requests_follow_one_another_on_a_connection(directory: Path) -> None:
    async with http(directory) as served:
        got = await served.talk(
            b"GET /a?x=1&y=%20z&x=2 HTTP/1.1\r\nHost: h\r\n\r\n"
            b"POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody"
        )
    assert got.count(b"HTTP/1.1 200") == 2
    assert got.endswith(b"body")
    first = served.echo.requests[0]
    assert (first.method, first.path, first.query) == ("GET", "/a", (("x", "1"), ("y", " z"), ("x", "2")))
    assert (first.parameter("x"), first.parameters("x"), first.parameter("z")) == ("1", ("1", "2"), None)


async def test_a_chunked_body_is_whole(directory: Path) -> None:
    async with http(directory) as served:
        got = await served.talk(
            b"POST /b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
            b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
        )
    assert got.endswith(b"abcde")


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET /\xff HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        (b"GET http://h/ HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        (b"GET /?x=%ff HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"a" * 70_000, 431),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2000000\r\n\r\n" + bytes(1_100_000), 413),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", 400),
    ],
)
async def test_what_is_refused_before_a_handler(directory: Path, sent: bytes, code: int) -> None:
    async with http(directory) as served:
        got = await served.talk(sent)
    assert got.startswith(f"HTTP/1.1 {code} ".encode())
    assert b'"kind":"Status"' in got
    assert b'"details":{}' in got
    assert served.echo.requests == []


async def test_an_idle_client_is_let_go(directory: Path) -> None:
    async with http(directory, Limits(idle_seconds=0.05)) as served:
        assert await served.talk(b"") == b""


async def test_a_slow_request_is_let_go(directory: Path) -> None:
    async with http(directory, Limits(request_seconds=0.05)) as served:
        assert await served.talk(b"GET / HTTP/1.1\r\nHost:") == b""


async def test_pieces_come_as_they_are_made(directory: Path) -> None:
    async with http(directory) as served:
        reader, writer = await served.open()
        writer.write(b"GET /stream HTTP/1.1\r\nHost: h\r\n\r\n")
        async with asyncio.timeout(60):
            head = await reader.readuntil(b"\r\n\r\n")
            assert b"transfer-encoding: chunked" in head.lower()
            assert await reader.readexactly(18) == b"4\r\none\n\r\n4\r\ntwo\n\r\n"
            writer.close()
            await served.echo.closed.wait()


async def test_a_client_that_goes_cancels_its_handler(directory: Path) -> None:
    async with http(directory) as served:
        _, writer = await served.open()
        writer.write(b"GET /slow HTTP/1.1\r\nHost: h\r\n\r\n")
        await until(lambda: served.echo.waiting)
        assert not served.echo.cancelled.is_set()
        writer.close()
        async with asyncio.timeout(60):
            await served.echo.cancelled.wait()


async def test_a_client_that_takes_nothing_stops_the_stream(directory: Path) -> None:
    async with http(directory) as served:
        _, writer = await served.open()
        writer.write(b"GET /flood HTTP/1.1\r\nHost: h\r\n\r\n")
        stuck = await steady(lambda: served.echo.sent)
        await asyncio.sleep(0.1)
        assert 0 < served.echo.sent == stuck < 4 << 20
        writer.close()
        async with asyncio.timeout(60):
            await served.echo.closed.wait()


async def test_a_mistake_in_a_stream_ends_it_visibly(directory: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with http(directory) as served:
        reader, writer = await served.open()
        writer.write(b"GET /broken HTTP/1.1\r\nHost: h\r\n\r\n")
        got = b""
        async with asyncio.timeout(60):
            with contextlib.suppress(ConnectionError):
                while data := await reader.read(65536):
                    got += data
        writer.close()
        assert b"half" in got
        assert not got.endswith(b"0\r\n\r\n")  # the end of a whole chunked body is missing
        assert "Connection failed" in caplog.text


async def test_an_upgrade_hands_the_connection_over_with_what_came_early(directory: Path) -> None:
    async with http(directory) as served:
        reader, writer = await served.open()
        writer.write(b"GET /upgrade HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nearly ")
        async with asyncio.timeout(60):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
            assert await reader.readexactly(6) == b"EARLY "
            writer.write(b"late")
            assert await reader.readexactly(4) == b"LATE"
            writer.write_eof()
            assert await reader.read() == b""
        writer.close()


async def test_too_many_connections_are_told(directory: Path) -> None:
    async with http(directory, Limits(connections=1)) as served:
        reader, first = await served.open()
        first.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n")  # from now on it counts
        got = await served.talk(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert got.startswith(b"HTTP/1.1 503 ")
        first.close()
        await until(lambda: not served.server._open)
        assert b"200" in await served.talk(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")


@pytest.mark.parametrize("turns", range(8))
async def test_no_connection_outlives_the_server_however_young(directory: Path, turns: int) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        async with http(directory):
            client.settimeout(10)
            client.connect(str(directory / "s"))
            for _ in range(turns):
                await asyncio.sleep(0)
        await asyncio.sleep(0.01)
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(1) == b""
