"""The server's side of a WebSocket with channels: the handshake's arithmetic, messages in and out.

Source: RFC 6455; wsproto frames and unframes. Message parts are handed on as they arrive, so memory stays bounded.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import LocalProtocolError, RemoteProtocolError, generate_accept_token

from podstead.streaming.remotecommand import Channel

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from podstead.streaming.byte_stream import ByteStream

MAX_CONTROL_MESSAGE = 4096
"""A resize is 30 bytes and a close two; they are used whole."""
LINGER_SECONDS = 5.0
"""How long after our close the client's is awaited."""


def choose_protocol(offered: str, known: Sequence[str]) -> str | None:
    """Return the first of `known` that a `Sec-WebSocket-Protocol` header offers."""
    names = {name.strip() for name in offered.split(",")}
    return next((name for name in known if name in names), None)


def handshake_headers(key: str, protocol: str) -> tuple[tuple[str, str], ...]:
    """Return the headers of the 101 reply to a client's `Sec-WebSocket-Key`."""
    return (
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-accept", generate_accept_token(key.encode("ascii")).decode("ascii")),
        ("sec-websocket-protocol", protocol),
    )


class ChannelSocket:
    """A WebSocket whose messages begin with a channel byte."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._frames = Connection(ConnectionType.SERVER)
        self._channel: int | None = None
        self._partial = b""

    async def receive(self) -> AsyncGenerator[tuple[int, bytes]]:
        """Yield (channel, bytes) until the client closes or is gone; pings are answered here.

        Parts of a stdin message come as they arrive; messages of other channels, and those that close a channel
        (`remotecommand.CLOSE_CHANNEL`), come whole.
        """
        while True:
            try:
                data = await self._stream.read()
                self._frames.receive_data(data or None)
                for event in self._frames.events():
                    match event:
                        case BytesMessage(data=payload, message_finished=finished):
                            for part in self._parts(bytes(payload), finished=finished):
                                yield part
                        case TextMessage(data=text, message_finished=finished):
                            for part in self._parts(text.encode("utf-8"), finished=finished):
                                yield part  # the official Python client sends stdin as text
                        case Ping():
                            await self._stream.write(self._frames.send(event.response()))
                        case CloseConnection():
                            if self._frames.state is ConnectionState.REMOTE_CLOSING:
                                await self._stream.write(self._frames.send(event.response()))
                            return
                        case _:
                            pass  # an unasked pong
            except (OSError, RemoteProtocolError, LocalProtocolError):
                return
            if not data:
                return

    def _parts(self, payload: bytes, *, finished: bool) -> list[tuple[int, bytes]]:
        parts: list[tuple[int, bytes]] = []
        if self._channel is None and payload:
            self._channel, payload = payload[0], payload[1:]
        if self._channel == Channel.STDIN:
            parts = [(self._channel, payload)] if payload else []
        elif self._channel is not None:
            self._partial = (self._partial + payload)[:MAX_CONTROL_MESSAGE]
            parts = [(self._channel, self._partial)] if finished else []
        if finished:
            self._channel, self._partial = None, b""
        return parts

    async def send(self, channel: int, data: bytes) -> None:
        """Send one message; waits while the client takes none. Raises `OSError` when it is gone."""
        await self._stream.write(self._frames.send(BytesMessage(data=bytes([channel]) + data)))

    async def close(self) -> None:
        """Close with code 1000 and take what the client still sends: a reset would take our last message from it."""
        try:
            await self._stream.write(self._frames.send(CloseConnection(code=CloseReason.NORMAL_CLOSURE)))
            async with asyncio.timeout(LINGER_SECONDS):
                async for _ in self.receive():
                    pass
        except (OSError, TimeoutError, LocalProtocolError):
            return
