"""Carries one exec between a client's WebSocket (v5 or v4) and the runtime's SPDY (v4).

The runtime's own WebSocket cannot end stdin, so `echo x | exec -i cat` would never end over it (spec/kubectl.md 3).
Invariant: the client gets a Status on the error channel before its connection is closed, and it says Success only
when the runtime did. Memory: one read of either side; who is slow slows the other.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

import msgspec

from podstead.errors import RuntimeFault
from podstead.streaming.remotecommand import CLOSE_CHANNEL, MAX_STATUS_BYTES, Channel, decode_status, failure
from podstead.streaming.spdy import SpdyConnection, connect_spdy
from podstead.streaming.spdy_frames import Data, RstStream, SpdyError

if TYPE_CHECKING:
    from podstead.k8s import core_v1 as v1
    from podstead.streaming.websocket import ChannelSocket

LOST = "the runtime closed the stream before it told the command's result"
STALLED = "the command ended without taking all of its stdin, and the runtime does not tell its exit code"
STALL_SECONDS = 5.0
"""containerd 1.6 writes stdin to a FIFO that nobody reads any more once the command is gone, and then waits for that
write before it tells the result: for ever. With every output ended and stdin stuck for so long, we stop waiting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecStreams:
    """Which streams were asked for; with a tty stderr is part of stdout."""

    stdin: bool = False
    stdout: bool = False
    stderr: bool = False
    tty: bool = False


class _ClientGoneError(Exception):
    """The client closed or lost its connection before the command's end."""


class _StalledError(Exception):
    """The runtime will never tell the result."""


class _Bridge:
    """The two directions of one exec."""

    def __init__(self, client: ChannelSocket, runtime: SpdyConnection) -> None:
        self._client = client
        self._runtime = runtime
        self._ids: dict[Channel, int] = {}
        self._outputs: set[int] = set()
        self._outputs_ended = asyncio.Event()
        self._stuck_since: float | None = None

    async def open_streams(self, streams: ExecStreams) -> None:
        """Open the runtime's streams in the order of the protocol; the command starts with the last one."""
        wanted = {
            Channel.ERROR: ("error", True),
            Channel.STDIN: ("stdin", streams.stdin),
            Channel.STDOUT: ("stdout", streams.stdout),
            Channel.STDERR: ("stderr", streams.stderr and not streams.tty),
            Channel.RESIZE: ("resize", streams.tty),
        }
        for channel, (name, asked) in wanted.items():
            if asked:
                self._ids[channel] = await self._runtime.open_stream({"streamtype": name})
        self._outputs = {self._ids[c] for c in (Channel.STDOUT, Channel.STDERR) if c in self._ids}

    async def client_to_runtime(self) -> None:
        """Pass on stdin, its end and resizes until the client goes."""
        async for channel, data in self._client.receive():
            try:
                match channel:
                    case Channel.STDIN | Channel.RESIZE if (stream := self._ids.get(Channel(channel))) is not None:
                        await self._to_runtime(stream, data)
                    case closing if closing == CLOSE_CHANNEL and data[:1] == bytes([Channel.STDIN]):
                        if (stdin := self._ids.pop(Channel.STDIN, None)) is not None:
                            await self._runtime.end(stdin)
                    case _:
                        pass  # a channel that was not asked for, or is closed
            except OSError:
                self._ids.clear()  # the command is over and takes no more; its output and result may still come
        raise _ClientGoneError

    async def _to_runtime(self, stream: int, data: bytes) -> None:
        self._stuck_since = asyncio.get_running_loop().time()
        await self._runtime.send(stream, data)
        self._stuck_since = None

    async def until_stalled(self) -> NoReturn:
        """Raise `_StalledError` when every output has ended while stdin is stuck."""
        await self._outputs_ended.wait()
        loop = asyncio.get_running_loop()
        ended = loop.time()
        while True:
            stuck = self._stuck_since
            if stuck is not None and loop.time() - max(stuck, ended) >= STALL_SECONDS:
                raise _StalledError
            await asyncio.sleep(STALL_SECONDS / 10)

    async def runtime_to_client(self) -> v1.Status:
        """Pass on the output and return the command's result."""
        names = {stream: channel for channel, stream in self._ids.items()}
        result = b""
        try:
            async for frame in self._runtime.frames():
                match frame:
                    case Data(stream_id=stream, data=data, fin=fin) if names.get(stream) is Channel.ERROR:
                        result = (result + data)[:MAX_STATUS_BYTES]
                        if fin:
                            break
                    case Data(stream_id=stream, data=data, fin=fin) if (channel := names.get(stream)) is not None:
                        if data:
                            await self._send(channel, data)
                        if fin:
                            self._end_output(stream)
                    case RstStream(stream_id=stream) if names.get(stream) is Channel.ERROR:
                        break  # containerd ends this stream by a reset, after the result as without one
                    case _:
                        pass
        except (OSError, SpdyError):
            pass  # told below: without a result nobody knows how the command ended
        return decode_status(result) if result else failure(LOST)

    def _end_output(self, stream: int) -> None:
        self._outputs.discard(stream)
        if not self._outputs:
            self._outputs_ended.set()

    async def _send(self, channel: Channel, data: bytes) -> None:
        try:
            await self._client.send(channel, data)
        except OSError as error:
            raise _ClientGoneError from error


async def _run(client: ChannelSocket, runtime: SpdyConnection, streams: ExecStreams) -> v1.Status:
    bridge = _Bridge(client, runtime)
    try:
        await bridge.open_streams(streams)
    except OSError:
        return failure(LOST)
    async with asyncio.TaskGroup() as group:
        beside = [group.create_task(bridge.client_to_runtime()), group.create_task(bridge.until_stalled())]
        status = await bridge.runtime_to_client()
        for task in beside:
            task.cancel()
    return status


async def bridge_exec(client: ChannelSocket, url: str, streams: ExecStreams) -> v1.Status | None:
    """Run the exec behind a one-shot URL of the runtime for a client, to its end.

    Returns the Status the client was told, None when it left before the end. The command starts in here, so the
    client's protocol must have been agreed before. Raises nothing of its own.
    """
    status = await _run_behind(client, url, streams)
    if status is None:
        return None
    try:
        await client.send(Channel.ERROR, msgspec.json.encode(status))
    except OSError:
        return None
    await client.close()
    return status


async def _run_behind(client: ChannelSocket, url: str, streams: ExecStreams) -> v1.Status | None:
    try:
        runtime = await connect_spdy(url)
    except RuntimeFault as error:
        return failure(str(error))
    status: v1.Status | None = None
    try:
        status = await _run(client, runtime, streams)
    except* _ClientGoneError:
        pass  # nobody is left to be told; closing the runtime's connection below ends the command's stdin
    except* _StalledError:
        status = failure(STALLED)
    finally:
        runtime.close()
    return status
