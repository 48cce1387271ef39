"""SPDY/3.1 frames: bytes to values and back. Pure; knows no socket.

Source: draft-mbelshe-httpbis-spdy-00 (SPDY/3) and the SPDY/3.1 note. Only what the container runtimes' streaming
servers use: one (de)compressor a connection and direction, used in the order of the wire.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

VERSION = 3
FLAG_FIN = 0x01
MAX_CONTROL_BYTES = 64 << 10
"""A control frame larger than this is no answer to anything we ask: the runtime's headers take a hundred bytes."""
MAX_HEADER_BYTES = 256 << 10
"""Of one header block when decompressed."""

_HEADER_NAMES = (
    *[
        "options",
        "head",
        "post",
        "put",
        "delete",
        "trace",
        "accept",
        "accept-charset",
        "accept-encoding",
        "accept-language",
        "accept-ranges",
    ],
    *[
        "age",
        "allow",
        "authorization",
        "cache-control",
        "connection",
        "content-base",
        "content-encoding",
        "content-language",
    ],
    *[
        "content-length",
        "content-location",
        "content-md5",
        "content-range",
        "content-type",
        "date",
        "etag",
        "expect",
        "expires",
        "from",
    ],
    *[
        "host",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "last-modified",
        "location",
    ],
    *[
        "max-forwards",
        "pragma",
        "proxy-authenticate",
        "proxy-authorization",
        "range",
        "referer",
        "retry-after",
        "server",
        "te",
        "trailer",
    ],
    *[
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "vary",
        "via",
        "warning",
        "www-authenticate",
        "method",
        "get",
        "status",
    ],
    *("200 OK", "version", "HTTP/1.1", "url", "public", "set-cookie", "keep-alive", "origin"),
)
_FREE_TEXT = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized"
    "403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable"
    "Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT"
    "chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,"
    "text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)


def _counted(text: str) -> bytes:
    return struct.pack(">I", len(text)) + text.encode("ascii")


DICTIONARY = b"".join(_counted(name) for name in _HEADER_NAMES) + _FREE_TEXT.encode("ascii")
"""The zlib dictionary of section 2.6.10.1: the names with their lengths before them, then text without."""


class SpdyError(Exception):
    """The peer does not speak SPDY/3.1 as we know it."""


class ControlType(IntEnum):
    """Types of control frames (section 2.6)."""

    SYN_STREAM = 1
    SYN_REPLY = 2
    RST_STREAM = 3
    SETTINGS = 4
    PING = 6
    GOAWAY = 7
    HEADERS = 8
    WINDOW_UPDATE = 9


@dataclass(frozen=True, slots=True)
class SynStream:
    """The sender opens a stream."""

    stream_id: int
    headers: Mapping[str, str]
    fin: bool = False


@dataclass(frozen=True, slots=True)
class SynReply:
    """The receiver accepts a stream."""

    stream_id: int
    headers: Mapping[str, str]
    fin: bool = False


@dataclass(frozen=True, slots=True)
class RstStream:
    """A stream ends at once."""

    stream_id: int
    status: int


@dataclass(frozen=True, slots=True)
class Ping:
    """To be sent back as it is."""

    ping_id: int


@dataclass(frozen=True, slots=True)
class GoAway:
    """The sender will take no further streams."""

    last_stream: int
    status: int


@dataclass(frozen=True, slots=True)
class Data:
    """Bytes of a stream, a part of a frame as it arrives; `fin` comes with the last part."""

    stream_id: int
    data: bytes
    fin: bool = False


Frame = SynStream | SynReply | RstStream | Ping | GoAway | Data


class FrameWriter:
    """Encodes the frames that a client sends on one connection."""

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(zdict=DICTIONARY)

    def _block(self, headers: Mapping[str, str]) -> bytes:
        plain = struct.pack(">I", len(headers))
        for name, value in headers.items():
            plain += _counted(name.lower()) + _counted(value)
        return self._deflate.compress(plain) + self._deflate.flush(zlib.Z_SYNC_FLUSH)

    @staticmethod
    def _control(kind: ControlType, body: bytes, flags: int = 0) -> bytes:
        return struct.pack(">HHI", 0x8000 | VERSION, kind, flags << 24 | len(body)) + body

    def syn_stream(self, stream_id: int, headers: Mapping[str, str], *, fin: bool = False) -> bytes:
        """Return the frame that opens a stream of the lowest priority number, with no associated stream."""
        body = struct.pack(">IIH", stream_id, 0, 0) + self._block(headers)
        return self._control(ControlType.SYN_STREAM, body, FLAG_FIN if fin else 0)

    def ping(self, ping_id: int) -> bytes:
        """Return a ping."""
        return self._control(ControlType.PING, struct.pack(">I", ping_id))

    @staticmethod
    def data(stream_id: int, data: bytes, *, fin: bool = False) -> bytes:
        """Return a data frame; at most 2^24 - 1 bytes fit."""
        return struct.pack(">II", stream_id, (FLAG_FIN if fin else 0) << 24 | len(data)) + data


class FrameReader:
    """Decodes the frames of one direction; data frames are handed on in parts, so memory stays bounded."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(zdict=DICTIONARY)
        self._buffer = bytearray()
        self._stream_id = 0
        self._left = 0
        self._fin = False

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Yield the frames that these bytes complete; raises `SpdyError`."""
        self._buffer += data
        while True:
            if self._left:
                if not self._buffer:
                    return
                yield self._data_part()
                continue
            if len(self._buffer) < 8:
                return
            first, second = struct.unpack_from(">II", self._buffer)
            flags, length = second >> 24, second & 0xFFFFFF
            if first >> 31:
                if length > MAX_CONTROL_BYTES:
                    raise SpdyError(f"got a control frame of {length} bytes")
                if len(self._buffer) < 8 + length:
                    return
                body = bytes(self._buffer[8 : 8 + length])
                del self._buffer[: 8 + length]
                if first >> 16 & 0x7FFF != VERSION:
                    raise SpdyError(f"got SPDY version {first >> 16 & 0x7FFF}, expected {VERSION}")
                frame = self._control(first & 0xFFFF, flags, body)
                if frame is not None:
                    yield frame
            else:
                del self._buffer[:8]
                self._stream_id, self._left, self._fin = first, length, bool(flags & FLAG_FIN)
                if not length:
                    yield Data(first, b"", self._fin)

    def _data_part(self) -> Data:
        part = bytes(self._buffer[: self._left])
        del self._buffer[: self._left]
        self._left -= len(part)
        return Data(self._stream_id, part, self._fin and not self._left)

    def _control(self, kind: int, flags: int, body: bytes) -> Frame | None:
        """Return the frame, None for those that ask nothing of us. Every header block passes the decompressor."""
        fin = bool(flags & FLAG_FIN)
        try:
            match kind:
                case ControlType.SYN_STREAM:
                    return SynStream(self._word(body, 0), self._headers(body[10:]), fin)
                case ControlType.SYN_REPLY:
                    return SynReply(self._word(body, 0), self._headers(body[4:]), fin)
                case ControlType.HEADERS:
                    self._headers(body[4:])
                    return None
                case ControlType.RST_STREAM:
                    return RstStream(self._word(body, 0), self._word(body, 4))
                case ControlType.PING:
                    return Ping(self._word(body, 0))
                case ControlType.GOAWAY:
                    return GoAway(self._word(body, 0), self._word(body, 4))
                case _:
                    return None  # SETTINGS, WINDOW_UPDATE and unknown types: "ignored" by section 2.2.1
        except (struct.error, zlib.error, UnicodeDecodeError) as error:
            raise SpdyError(f"cannot read a control frame of type {kind}: {error}") from error

    @staticmethod
    def _word(body: bytes, offset: int) -> int:
        return int(struct.unpack_from(">I", body, offset)[0]) & 0xFFFFFFFF

    def _headers(self, block: bytes) -> dict[str, str]:
        plain = self._inflate.decompress(block, MAX_HEADER_BYTES)
        if self._inflate.unconsumed_tail:
            raise SpdyError(f"got headers of more than {MAX_HEADER_BYTES} bytes")
        headers: dict[str, str] = {}
        offset = 4
        for _ in range(self._word(plain, 0)):
            name, offset = self._text(plain, offset)
            headers[name], offset = self._text(plain, offset)
        return headers

    def _text(self, plain: bytes, offset: int) -> tuple[str, int]:
        end = offset + 4 + self._word(plain, offset)
        if end > len(plain):
            raise SpdyError("got a header block that ends too early")
        return plain[offset + 4 : end].decode("utf-8"), end
