"""An open connection after its HTTP part is over: bytes both ways, with backpressure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

READ_BYTES = 64 << 10
"""One read; asyncio's own reader stops at twice this, so a slow reader slows the sender and not our memory."""


class ByteStream:
    """Reads and writes of one connection.

    `early` are bytes that arrived together with the HTTP part. `write` waits while the other end takes nothing, which
    is what keeps memory bounded; it may be called by several tasks, whole calls are not mixed.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, early: bytes = b"") -> None:
        self._reader = reader
        self._writer = writer
        self._early = early

    async def read(self) -> bytes:
        """Return the next bytes, empty at the end of the stream; raises `OSError` when the connection broke."""
        if self._early:
            early, self._early = self._early, b""
            return early
        return await self._reader.read(READ_BYTES)

    async def write(self, data: bytes) -> None:
        """Send bytes and wait until the other end keeps up; raises `OSError` when it is gone."""
        self._writer.write(data)
        await self._writer.drain()

    def close(self) -> None:
        """Close the connection once everything written was sent; does not wait."""
        self._writer.close()

    def abort(self) -> None:
        """Close the connection at once, dropping what was not sent."""
        self._writer.transport.abort()
