"""A runtime's streaming server: takes the upgrade, speaks SPDY/3.1 as containerd does, plays a command of the test's."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from podstead.streaming.spdy_frames import ControlType, Data, FrameReader, FrameWriter, RstStream, SynStream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

CANCEL = 5
SUCCESS = b'{"metadata":{},"status":"Success"}'


def exit_status(code: int) -> bytes:
    """Return the Status that containerd sends for this exit code."""
    cause = f'{{"reason":"ExitCode","message":"{code}"}}'
    return (
        f'{{"metadata":{{}},"status":"Failure","message":"command terminated with non-zero exit code",'
        f'"reason":"NonZeroExitCode","details":{{"causes":[{cause}]}}}}'
    ).encode()


class RuntimeFrames(FrameWriter):
    """Encodes also what only the runtime's side sends."""

    def syn_reply(self, stream_id: int, headers: Mapping[str, str]) -> bytes:
        """Return the frame that accepts a stream."""
        return self._control(ControlType.SYN_REPLY, struct.pack(">I", stream_id) + self._block(headers))

    def rst_stream(self, stream_id: int, status: int) -> bytes:
        """Return the frame that ends a stream at once."""
        return self._control(ControlType.RST_STREAM, struct.pack(">II", stream_id, status))

    def go_away(self, last_stream: int) -> bytes:
        """Return the frame that says goodbye."""
        return self._control(ControlType.GOAWAY, struct.pack(">II", last_stream, 0))


@dataclass
class Session:
    """One exec as its command sees it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    streams: dict[str, int] = field(default_factory=dict)
    """Stream names to ids, in the order in which they were opened."""
    frames: RuntimeFrames = field(default_factory=RuntimeFrames)
    decoder: FrameReader = field(default_factory=FrameReader)
    stdin: bytearray = field(default_factory=bytearray)
    stdin_ended: asyncio.Event = field(default_factory=asyncio.Event)
    resizes: bytearray = field(default_factory=bytearray)
    resized: asyncio.Event = field(default_factory=asyncio.Event)
    reset: list[int] = field(default_factory=list)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    taking: asyncio.Event = field(default_factory=asyncio.Event)
    """Cleared: stdin is not read, as by a command that does not."""
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def send(self, name: str, data: bytes, *, fin: bool = False) -> None:
        self.writer.write(self.frames.data(self.streams[name], data, fin=fin))
        await self.writer.drain()

    async def finish(self, status: bytes) -> None:
        """End every output, send the status, then reset the streams: containerd 1.6's order (measured)."""
        for name in ("stdout", "stderr"):
            if name in self.streams:
                await self.send(name, b"", fin=True)
        await self.send("error", status)
        self.writer.write(self.frames.rst_stream(self.streams["error"], CANCEL))
        await self.writer.drain()

    async def pump(self) -> None:
        """Read frames until the client is gone."""
        try:
            while True:
                await self.taking.wait()
                data = await self.reader.read(65536)
                if not data:
                    return
                async with self.changed:
                    for frame in self.decoder.feed(data):
                        self._take(frame)
                    self.changed.notify_all()
        except OSError:
            return
        finally:
            self.gone.set()
            self.stdin_ended.set()

    def _take(self, frame: object) -> None:
        match frame:
            case SynStream(stream_id=stream, headers=headers):
                self.streams[headers["streamtype"]] = stream
                self.writer.write(self.frames.syn_reply(stream, {}))
            case Data(stream_id=stream, data=data, fin=fin) if stream == self.streams.get("stdin"):
                self.stdin += data
                if fin:
                    self.stdin_ended.set()
            case Data(stream_id=stream, data=data) if stream == self.streams.get("resize"):
                self.resizes += data
                self.resized.set()
            case RstStream(stream_id=stream):
                self.reset.append(stream)
            case _:
                raise AssertionError(f"the runtime does not expect {frame}")

    async def opened(self, *names: str) -> None:
        """Wait until these streams are open."""
        async with asyncio.timeout(60):
            async with self.changed:
                await self.changed.wait_for(lambda: set(names) <= set(self.streams))


class SpdyRuntime:
    """Listens on loopback; every connection runs `command`."""

    def __init__(self, command: Callable[[Session], Awaitable[None]]) -> None:
        self._command = command
        self.request = b""
        self.session: Session | None = None
        self.refusal = b""
        self.protocol = b"v4.channel.k8s.io"
        self.failures: list[BaseException] = []

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        try:
            self.request = await reader.readuntil(b"\r\n\r\n")
            if self.refusal:
                writer.write(self.refusal)
                return
            writer.write(
                b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n"
                b"X-Stream-Protocol-Version: " + self.protocol + b"\r\n\r\n"
            )
            session = self.session = Session(reader, writer)
            session.taking.set()
            async with asyncio.TaskGroup() as group:
                pump = group.create_task(session.pump())
                await self._command(session)
                pump.cancel()
        except BaseException as error:
            self.failures.append(error)
            raise
        finally:
            writer.close()


@contextlib.asynccontextmanager
async def spdy_runtime(command: Callable[[Session], Awaitable[None]]) -> AsyncIterator[tuple[SpdyRuntime, str]]:
    """Serve a runtime and give it with its exec URL."""
    runtime = SpdyRuntime(command)
    server = await asyncio.start_server(runtime.accept, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield runtime, f"http://127.0.0.1:{port}/exec/token"
    finally:
        server.close()
