"""An exec between a WebSocket client and a simulated runtime: order, ends, faults, backpressure."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING

import msgspec
import pytest
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, Pong, TextMessage
from wsproto.utilities import LocalProtocolError

from podstead.k8s import core_v1 as v1
from podstead.streaming import exec_bridge
from podstead.streaming.byte_stream import ByteStream
from podstead.streaming.exec_bridge import ExecStreams, bridge_exec
from podstead.streaming.websocket import ChannelSocket, choose_protocol
from tests.simulators.spdy_runtime import SUCCESS, Session, exit_status, spdy_runtime
from tests.support.waiting import steady

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ALL = ExecStreams(stdin=True, stdout=True, stderr=True)
END_STDIN = b"\xff\x00"


class WebSocketClient:
    """The other end of a ChannelSocket: masks, sends what it is told, keeps what it gets."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer
        self._frames = Connection(ConnectionType.CLIENT)
        self.got: dict[int, bytearray] = {}
        self.order: list[int] = []
        self.pongs: list[bytes] = []
        self._channel: int | None = None
        self.close_code: int | None = None

    async def send(self, event: Event) -> None:
        self.writer.write(self._frames.send(event))
        await self.writer.drain()

    async def message(self, data: bytes) -> None:
        await self.send(BytesMessage(data=data))

    async def receive(self) -> bool:
        """Take one read's messages; False at the end."""
        data = await self._reader.read(65536)
        self._frames.receive_data(data or None)
        for event in self._frames.events():
            match event:
                case BytesMessage(data=payload):
                    if self._channel is None:
                        self._channel, payload = payload[0], payload[1:]
                        self.order.append(self._channel)
                    self.got.setdefault(self._channel, bytearray()).extend(payload)
                    self._channel = None if event.message_finished else self._channel
                case Pong(payload=payload):
                    self.pongs.append(bytes(payload))
                case CloseConnection(code=code):
                    self.close_code = self.close_code or code
                    if self._frames.state is ConnectionState.REMOTE_CLOSING:
                        await self.send(event.response())
                case _:
                    pass
        return bool(data)

    def text(self, channel: int) -> bytes:
        return bytes(self.got[channel])

    async def to_the_end(self) -> v1.Status:
        """Receive until the connection closes and return the Status."""
        async with asyncio.timeout(60):
            while await self.receive():
                pass
        return msgspec.json.decode(self.got[3], type=v1.Status)


@contextlib.asynccontextmanager
async def bridged(
    url: str, streams: ExecStreams = ALL
) -> AsyncIterator[tuple[WebSocketClient, asyncio.Task[v1.Status | None]]]:
    """Bridge a client's socket to a runtime's URL."""
    ours, theirs = socket.socketpair()
    reader, writer = await asyncio.open_unix_connection(sock=ours)
    client = WebSocketClient(*await asyncio.open_unix_connection(sock=theirs))

    async def serve() -> v1.Status | None:
        try:
            return await bridge_exec(ChannelSocket(ByteStream(reader, writer)), url, streams)
        finally:
            writer.close()

    task = asyncio.get_running_loop().create_task(serve())
    try:
        yield client, task
    finally:
        client.writer.close()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def cat(session: Session) -> None:
    """Echo stdin, then end with success."""
    await session.opened("error", "stdin", "stdout", "stderr")
    await session.stdin_ended.wait()
    await session.send("stdout", bytes(session.stdin))
    await session.finish(SUCCESS)


async def test_stdin_ends_and_the_result_comes_last() -> None:
    async with spdy_runtime(cat) as (runtime, url), bridged(url) as (client, task):
        await client.message(b"\x00hello ")
        await client.message(b"\x00world")
        await client.message(END_STDIN)
        status = await client.to_the_end()
        assert (status.status, client.text(1), client.close_code) == ("Success", b"hello world", 1000)
        assert client.order[-1] == 3
        assert (await task) == status
        assert list((runtime.session or pytest.fail("no session")).streams) == ["error", "stdin", "stdout", "stderr"]
        assert b"POST /exec/token HTTP/1.1" in runtime.request
        assert b"upgrade: spdy/3.1" in runtime.request.lower()
        assert b"x-stream-protocol-version: v4.channel.k8s.io" in runtime.request.lower()


async def test_exit_codes_and_both_outputs() -> None:
    async def command(session: Session) -> None:
        await session.opened("error", "stdout", "stderr")
        await session.send("stdout", b"out")
        await session.send("stderr", b"err")
        await session.finish(exit_status(5))

    streams = ExecStreams(stdout=True, stderr=True)
    async with spdy_runtime(command) as (runtime, url), bridged(url, streams) as (client, _):
        status = await client.to_the_end()
        assert (client.text(1), client.text(2), status.reason) == (b"out", b"err", "NonZeroExitCode")
        assert "stdin" not in (runtime.session or pytest.fail("no session")).streams


async def test_a_result_may_end_by_fin_as_well() -> None:
    async def command(session: Session) -> None:
        await session.opened("error", "stdout")
        await session.send("error", exit_status(3)[:20])
        await session.send("error", exit_status(3)[20:], fin=True)

    async with spdy_runtime(command) as (_, url), bridged(url, ExecStreams(stdout=True)) as (client, _):
        assert (await client.to_the_end()).reason == "NonZeroExitCode"


async def test_a_terminal_has_a_resize_stream_and_no_stderr() -> None:
    async def command(session: Session) -> None:
        await session.opened("error", "stdin", "stdout", "resize")
        await session.resized.wait()
        await session.finish(SUCCESS)

    streams = ExecStreams(stdin=True, stdout=True, stderr=True, tty=True)
    async with spdy_runtime(command) as (runtime, url), bridged(url, streams) as (client, _):
        await client.message(b'\x04{"Width":121,"Height":41}')
        await client.to_the_end()
        session = runtime.session or pytest.fail("no session")
        assert list(session.streams) == ["error", "stdin", "stdout", "resize"]
        assert bytes(session.resizes) == b'{"Width":121,"Height":41}'


@pytest.mark.parametrize("how", ["close", "reset", "junk", "empty"])
async def test_without_a_result_the_client_never_hears_success(how: str) -> None:
    async def command(session: Session) -> None:
        await session.opened("error", "stdout")
        await session.send("stdout", b"half")
        match how:
            case "reset":
                session.writer.write(session.frames.rst_stream(session.streams["error"], 5))
            case "junk":
                session.writer.write(b"\x80\x02" + bytes(20))
            case "empty":
                await session.send("error", b"", fin=True)
            case _:
                return
        await session.gone.wait()

    async with spdy_runtime(command) as (_, url), bridged(url, ExecStreams(stdout=True)) as (client, _):
        status = await client.to_the_end()
        assert (status.status, client.text(1)) == ("Failure", b"half")
        assert "before it told the command's result" in (status.message or "")


async def test_a_runtime_that_refuses_or_is_gone_is_told_to_the_client() -> None:
    async def never(_: Session) -> None:
        raise AssertionError("started")

    async with spdy_runtime(never) as (runtime, url):
        runtime.refusal = b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nno token\n"
        async with bridged(url) as (client, _):
            assert (await client.to_the_end()).message == "the runtime's streaming server refused: 404 no token"
        runtime.refusal, runtime.protocol = b"", b"v1.channel.k8s.io"
        async with bridged(url) as (client, _):
            assert "the runtime speaks v1.channel.k8s.io" in ((await client.to_the_end()).message or "")
    async with bridged(url) as (client, _):
        assert "cannot reach the runtime's streaming server" in ((await client.to_the_end()).message or "")
    async with bridged("https://127.0.0.1/exec") as (client, _):
        assert "expected http://HOST:PORT" in ((await client.to_the_end()).message or "")


async def test_a_client_that_goes_ends_the_runtimes_connection() -> None:
    async def command(session: Session) -> None:
        await session.opened("error", "stdin", "stdout", "stderr")
        started.set()
        await session.gone.wait()
        left.set()

    started, left = asyncio.Event(), asyncio.Event()
    async with spdy_runtime(command) as (_, url), bridged(url) as (client, task), asyncio.timeout(30):
        await started.wait()
        client.writer.close()
        assert await task is None
        await left.wait()


async def test_pings_are_answered_and_strange_messages_passed_over() -> None:
    async with spdy_runtime(cat) as (_, url), bridged(url) as (client, _):
        await client.send(Ping(payload=b"alive"))
        await client.message(b"")
        await client.message(b"\x01not for the client to send")
        await client.message(b"\x09what")
        await client.message(b"\xff\x09")
        await client.send(TextMessage(data="\x00text"))
        await client.send(BytesMessage(data=b"\x00 in", message_finished=False))
        await client.send(BytesMessage(data=b" parts", message_finished=True))
        await client.message(END_STDIN)
        await client.message(b"\x00too late")
        await client.message(END_STDIN)
        status = await client.to_the_end()
        assert (status.status, client.text(1), client.pongs) == ("Success", b"text in parts", [b"alive"])


async def test_a_client_that_reads_nothing_holds_the_runtime_back() -> None:
    sent = 0

    async def flood(session: Session) -> None:
        nonlocal sent
        await session.opened("error", "stdout")
        for _ in range(1024):
            await session.send("stdout", bytes(1 << 16))
            sent += 1 << 16
        await session.finish(SUCCESS)

    async with spdy_runtime(flood) as (_, url), bridged(url, ExecStreams(stdout=True)) as (client, _):
        stuck = await steady(lambda: sent)
        await asyncio.sleep(0.2)
        assert 0 < stuck == sent < 24 << 20  # what the two sockets and our own buffers hold
        assert (await client.to_the_end()).status == "Success"
        assert len(client.got[1]) == 64 << 20


async def test_stdin_that_is_not_taken_holds_the_client_back_and_output_still_comes() -> None:
    async def deaf(session: Session) -> None:
        await session.opened("error", "stdin", "stdout", "stderr")
        session.taking.clear()
        await held_back.wait()
        await session.send("stdout", b"still here")
        session.taking.set()
        await session.stdin_ended.wait()
        await session.finish(SUCCESS)

    held_back = asyncio.Event()
    async with spdy_runtime(deaf) as (runtime, url), bridged(url) as (client, _):
        sent = 0

        async def pour() -> None:
            nonlocal sent
            for _ in range(512):
                await client.message(b"\x00" + bytes(1 << 16))
                sent += 1 << 16
            await client.message(END_STDIN)

        async with asyncio.TaskGroup() as group:
            group.create_task(pour())
            assert 0 < await steady(lambda: sent) < 24 << 20
            held_back.set()
            status = await client.to_the_end()
        assert (status.status, client.text(1)) == ("Success", b"still here")
        assert len((runtime.session or pytest.fail("no session")).stdin) == 32 << 20


async def test_a_runtime_that_never_tells_because_of_unread_stdin_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exec_bridge, "STALL_SECONDS", 0.3)

    async def head(session: Session) -> None:
        """Behave as containerd 1.6 does when a command ends with more stdin waiting than the FIFO holds."""
        await session.opened("error", "stdin", "stdout", "stderr")
        session.taking.clear()
        await session.send("stdout", b"abc", fin=True)
        await session.send("stderr", b"", fin=True)
        with contextlib.suppress(OSError):
            while True:
                await asyncio.sleep(0.05)
                await session.send("error", b"")

    async with spdy_runtime(head) as (_, url), bridged(url) as (client, _):

        async def pour() -> None:
            with contextlib.suppress(OSError, LocalProtocolError):
                while True:
                    await client.message(b"\x00" + bytes(1 << 16))

        pouring = asyncio.get_running_loop().create_task(pour())
        status = await client.to_the_end()
        pouring.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await pouring
        assert (status.status, client.text(1)) == ("Failure", b"abc")
        assert "without taking all of its stdin" in (status.message or "")


def test_the_better_protocol_is_chosen() -> None:
    known = ("v5.channel.k8s.io", "v4.channel.k8s.io")
    assert choose_protocol("v4.channel.k8s.io, v5.channel.k8s.io", known) == "v5.channel.k8s.io"
    assert choose_protocol("v4.channel.k8s.io", known) == "v4.channel.k8s.io"
    assert choose_protocol("", known) is None
