"""The wire: calls by method table over a unix socket. The only file that knows the gRPC library.

To change the library, write another `Transport` here; nothing else needs to know (docs/adr on dependencies,
spec/cri.md 1). Every failure leaves as `CallError`.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from grpclib.client import Channel
from grpclib.const import Cardinality
from grpclib.exceptions import GRPCError, ProtocolError, StreamTerminatedError

from podstead.cri.errors import CallError, Code
from podstead.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

    from podstead.cri.methods import ReplyT, RequestT, ServerStream, Unary

SOCKET_PATH_LIMIT = 107
"""Bytes in sockaddr_un.sun_path without its terminator (unix(7))."""


class Transport(Protocol):
    """What the client needs of a connection. Implementations reconnect by themselves at the next call."""

    async def unary(self, method: Unary[RequestT, ReplyT], request: RequestT, deadline_seconds: float | None) -> ReplyT:
        """Make one call; None means no deadline. Raises CallError."""
        ...

    def stream(self, method: ServerStream[RequestT, ReplyT], request: RequestT) -> AsyncGenerator[ReplyT, None]:
        """Yield replies until the server ends the stream; close the generator to end it. Raises CallError."""
        ...

    def close(self) -> None:
        """Drop the connection; calls under way fail with UNAVAILABLE."""
        ...


def socket_path(endpoint: str) -> str:
    """Return the socket's path of `unix:///path` or `/path`; raises OperatorError for anything else."""
    path = endpoint.removeprefix("unix://")
    if not path.startswith("/"):
        raise OperatorError(
            f"cannot use the runtime endpoint {endpoint!r}: write unix:///path/of/the.sock; TCP is not supported"
        )
    if len(path.encode()) > SOCKET_PATH_LIMIT:
        raise OperatorError(
            f"cannot use the runtime endpoint {endpoint!r}: a socket path has at most {SOCKET_PATH_LIMIT} bytes"
        )
    return path


class UnixSocketTransport:
    """grpclib over a unix socket: one connection for all calls and streams, opened by the first call after a loss.

    A reply may be as large as the server sends: grpclib has no limit of its own, containerd and CRI-O stop at 16 MiB
    (RESOURCE_EXHAUSTED). Must be made inside a running event loop.
    """

    def __init__(self, endpoint: str) -> None:
        self._channel = Channel(path=socket_path(endpoint))

    async def unary(self, method: Unary[RequestT, ReplyT], request: RequestT, deadline_seconds: float | None) -> ReplyT:
        """Make one call; the deadline is also sent to the server."""
        with _foreign_errors():
            async with self._channel.request(
                method.path,
                Cardinality.UNARY_UNARY,
                method.request_type,
                method.reply_type,
                timeout=deadline_seconds,
                metadata=method.metadata,
            ) as stream:
                await stream.send_message(request, end=True)
                reply = await stream.recv_message()
        if reply is None:
            raise CallError(Code.INTERNAL, f"{method.name} ended without a reply")
        return reply

    async def stream(self, method: ServerStream[RequestT, ReplyT], request: RequestT) -> AsyncGenerator[ReplyT, None]:
        """Yield replies as they come."""
        with _foreign_errors():
            async with self._channel.request(
                method.path, Cardinality.UNARY_STREAM, method.request_type, method.reply_type
            ) as stream:
                await stream.send_message(request, end=True)
                while (reply := await stream.recv_message()) is not None:
                    yield reply

    def close(self) -> None:
        """Drop the connection; the next call opens a new one."""
        self._channel.close()


@contextmanager
def _foreign_errors() -> Iterator[None]:
    """Translate everything that grpclib and the socket raise; cancellation passes."""
    try:
        yield
    except GRPCError as error:
        raise CallError(Code(error.status.value), error.message or "") from error
    except asyncio.TimeoutError as error:  # noqa: UP041 - grpclib raises this name; the same class from 3.11 on
        raise CallError(Code.DEADLINE_EXCEEDED, "no answer in time") from error
    except (StreamTerminatedError, ProtocolError) as error:
        raise CallError(Code.UNAVAILABLE, str(error) or "the connection was lost") from error
    except PermissionError as error:
        raise CallError(Code.PERMISSION_DENIED, str(error)) from error
    except (OSError, EOFError) as error:
        raise CallError(Code.UNAVAILABLE, str(error) or type(error).__name__) from error
