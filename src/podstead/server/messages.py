"""Requests and replies as values of our own, so that handlers do not know which HTTP library carries them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from podstead.streaming.byte_stream import ByteStream

Headers = tuple[tuple[str, str], ...]
JSON = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who is at the other end. `refusal` is a sentence when the door says no, else empty."""

    user: str
    pid: int = 0
    uid: int | None = None
    login_uid: int | None = None
    """Who logged in, whoever they became since; None where nobody did, or the kernel does not tell."""
    refusal: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request. `path` is still percent-encoded, `query` is decoded, header names are lower case."""

    method: str
    path: str
    caller: Caller
    query: Headers = ()
    headers: Headers = ()
    body: bytes = b""

    def header(self, name: str) -> str:
        """Return all values of a header (lower-case name) joined by commas, empty when it is absent."""
        return ", ".join(value for key, value in self.headers if key == name)

    def parameter(self, name: str) -> str | None:
        """Return the first value of a query parameter, None when it is absent."""
        return next((value for key, value in self.query if key == name), None)

    def parameters(self, name: str) -> tuple[str, ...]:
        """Return every value of a query parameter in order."""
        return tuple(value for key, value in self.query if key == name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A whole reply."""

    status: int = 200
    headers: Headers = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamingResponse:
    """A reply that comes in pieces; each is sent at once. The generator is closed when the client goes."""

    chunks: AsyncGenerator[bytes]
    status: int = 200
    headers: Headers = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgrade:
    """`101 Switching Protocols`; afterwards `serve` owns the connection, which is closed when it returns."""

    headers: Headers
    serve: Callable[[ByteStream], Awaitable[None]]


Reply = Response | StreamingResponse | Upgrade
