"""A SPDY/3.1 connection to the runtime's streaming server, as its client.

Flow control is TCP's: the servers' library (moby/spdystream) knows no windows, so all streams wait for the slowest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.errors import RuntimeFault
from podstead.streaming.remotecommand import SPDY_PROTOCOL
from podstead.streaming.spdy_frames import Frame, FrameReader, FrameWriter, GoAway, Ping
from podstead.streaming.upgrade import open_upgraded

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from podstead.streaming.byte_stream import ByteStream

DATA_FRAME_BYTES = 32 << 10
"""Go's io.Copy reads and writes by this much; the peer holds a few frames for each stream."""


class SpdyConnection:
    """Streams over one connection. One task reads frames, any task writes."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._writer = FrameWriter()
        self._reader = FrameReader()
        self._next_id = 1

    async def open_stream(self, headers: Mapping[str, str], *, fin: bool = False) -> int:
        """Open a stream and return its id; the peer's acceptance is not waited for. `fin`: we shall send nothing."""
        stream_id = self._next_id
        self._next_id += 2  # a client's streams have odd numbers
        await self._stream.write(self._writer.syn_stream(stream_id, headers, fin=fin))
        return stream_id

    async def send(self, stream_id: int, data: bytes) -> None:
        """Send bytes on a stream; waits while the peer takes none. Raises `OSError` when the connection is gone."""
        for start in range(0, len(data), DATA_FRAME_BYTES):
            await self._stream.write(self._writer.data(stream_id, data[start : start + DATA_FRAME_BYTES]))

    async def end(self, stream_id: int) -> None:
        """Say that nothing more will be sent on a stream; raises `OSError` when the connection is gone."""
        await self._stream.write(self._writer.data(stream_id, b"", fin=True))

    async def frames(self) -> AsyncGenerator[Frame]:
        """Yield frames until the peer ends the connection; pings are answered here. Raises `SpdyError`, `OSError`."""
        while data := await self._stream.read():
            for frame in self._reader.feed(data):
                match frame:
                    case Ping(ping_id=ping_id):
                        if ping_id % 2 == 0:  # an odd one is an answer to a ping of ours, and we send none
                            await self._stream.write(self._writer.ping(ping_id))
                    case GoAway():
                        continue  # what was opened before goes on
                    case _:
                        yield frame

    def close(self) -> None:
        """End the connection; the peer sees every stream end."""
        self._stream.abort()


async def connect_spdy(url: str) -> SpdyConnection:
    """Connect to an Exec or Attach URL of the runtime; raises `RuntimeFault` when it does not agree on the protocol."""
    stream, headers = await open_upgraded(
        url, {"connection": "Upgrade", "upgrade": "SPDY/3.1", "x-stream-protocol-version": SPDY_PROTOCOL}
    )
    agreed = headers.get("x-stream-protocol-version", "")
    if agreed != SPDY_PROTOCOL:
        stream.abort()
        raise RuntimeFault(
            f"the runtime speaks {agreed or 'no known protocol'} on exec streams, expected {SPDY_PROTOCOL}"
        )
    return SpdyConnection(stream)
