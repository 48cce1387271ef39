"""How every call is made: with a deadline, and with failures as faults."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.cri.errors import CallError, fault
from podstead.cri.node import NodeFacts

if TYPE_CHECKING:
    from podstead.cri.methods import ReplyT, RequestT, Unary
    from podstead.cri.transport import Transport

VERSION_SENT = "0.1.0"
"""The version the kubelet names in Version; runtimes ignore it."""


class Calls:
    """The common part of the client: a transport and the deadlines of spec/kubelet-static-pods.md 6.1."""

    def __init__(
        self,
        transport: Transport,
        *,
        endpoint: str = "",
        request_seconds: float = 120.0,
        node: NodeFacts | None = None,
    ) -> None:
        self._transport = transport
        self._endpoint = endpoint
        self._request_seconds = request_seconds
        self._node = node or NodeFacts()

    async def _call(
        self, method: Unary[RequestT, ReplyT], request: RequestT, action: str, deadline_seconds: float | None = None
    ) -> ReplyT:
        """Make one call; `action` completes "cannot …" in a fault."""
        try:
            return await self._unary(method, request, deadline_seconds)
        except CallError as error:
            raise fault(error, action, method.reason) from error

    async def _unary(
        self, method: Unary[RequestT, ReplyT], request: RequestT, deadline_seconds: float | None = None
    ) -> ReplyT:
        """Make one call, for who looks at its failure. Raises CallError."""
        seconds = deadline_seconds or self._request_seconds
        if method.most_seconds is not None:
            seconds = min(seconds, method.most_seconds)
        return await self._transport.unary(method, request, seconds)

    def close(self) -> None:
        """Drop the connection."""
        self._transport.close()
