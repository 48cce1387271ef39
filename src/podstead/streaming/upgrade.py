"""The HTTP part of a connection to the runtime's streaming server: a request that ends in 101."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import h11

from podstead.errors import RuntimeFault
from podstead.streaming.byte_stream import READ_BYTES, ByteStream

if TYPE_CHECKING:
    from collections.abc import Mapping

CONNECT_SECONDS = 10.0
"""The server is on this machine; it answers an upgrade within milliseconds."""
MAX_REASON_BYTES = 256
"""How much of a refusal's text is passed on."""


async def open_upgraded(url: str, headers: Mapping[str, str]) -> tuple[ByteStream, Mapping[str, str]]:
    """POST an upgrade to `url` and return the connection and the reply's headers (lower-case names).

    Raises `RuntimeFault` when the server cannot be reached or does not switch protocols.
    """
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname is None:
        raise RuntimeFault(
            f"cannot use the runtime's streaming address: expected http://HOST:PORT/…, got {parts.scheme}"
        )
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80)
            try:
                target = parts.path + (f"?{parts.query}" if parts.query else "")
                return await _switch(reader, writer, (parts.netloc, target), headers)
            except BaseException:
                writer.transport.abort()
                raise
    except TimeoutError as error:
        raise RuntimeFault("the runtime's streaming server does not answer", transient=True) from error
    except (OSError, h11.ProtocolError) as error:
        message = f"cannot reach the runtime's streaming server at {parts.netloc}: {error}"
        raise RuntimeFault(message, transient=True) from error


async def _switch(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    address: tuple[str, str],
    headers: Mapping[str, str],
) -> tuple[ByteStream, Mapping[str, str]]:
    host, target = address
    http = h11.Connection(h11.CLIENT)
    request = h11.Request(
        method="POST", target=target, headers=[("host", host), ("content-length", "0"), *headers.items()]
    )
    writer.write((http.send(request) or b"") + (http.send(h11.EndOfMessage()) or b""))
    await writer.drain()
    refusal: int | None = None
    text = b""
    while True:
        match http.next_event():
            case h11.NEED_DATA:
                http.receive_data(await reader.read(READ_BYTES))
            case h11.InformationalResponse(status_code=101, headers=got):
                early, _ = http.trailing_data
                found = {name.decode("ascii"): value.decode("latin-1") for name, value in got}
                return ByteStream(reader, writer, bytes(early)), found
            case h11.Response(status_code=code):
                refusal = code
            case h11.Data(data=data):
                text = (text + bytes(data))[:MAX_REASON_BYTES]
            case h11.EndOfMessage() | h11.ConnectionClosed():
                reason = text.decode("utf-8", "replace").strip()
                raise RuntimeFault(f"the runtime's streaming server refused: {refusal or 'no answer'} {reason}".strip())
            case _:
                continue
