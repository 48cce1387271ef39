"""The gRPC health check against a real gRPC server."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, Any

import h2.config
import h2.connection
import pytest
from grpclib import GRPCError, Status
from grpclib.const import Cardinality, Handler
from grpclib.encoding.base import CodecBase
from grpclib.server import Server, Stream

from podstead.k8s import core_v1 as v1
from podstead.probes import grpc
from podstead.probes.attempt import Attempt, Result
from tests.unit.probes.simulators import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Raw(CodecBase):
    """Messages as their bytes."""

    __content_subtype__ = "proto"

    def encode(self, message: Any, message_type: Any) -> bytes:
        return bytes(message)

    def decode(self, data: bytes, message_type: Any) -> bytes:
        return data


class Health:
    """A health service that answers by service name: bytes, an error, or silence (None)."""

    def __init__(self, answers: dict[bytes, bytes | GRPCError | None]) -> None:
        self.answers = answers
        self.user_agents: list[str] = []

    async def check(self, stream: Stream[bytes, bytes]) -> None:
        request = await stream.recv_message()
        assert request is not None
        assert stream.metadata is not None
        self.user_agents.append(str(stream.user_agent))
        answer = self.answers[request]
        if answer is None:
            await asyncio.sleep(60)
        elif isinstance(answer, GRPCError):
            raise answer
        else:
            await stream.send_message(answer)

    def __mapping__(self) -> dict[str, Handler]:
        return {"/grpc.health.v1.Health/Check": Handler(self.check, Cardinality.UNARY_UNARY, bytes, bytes)}


class Nothing:
    """A gRPC server without a health service."""

    def __mapping__(self) -> dict[str, Handler]:
        return {}


@contextlib.asynccontextmanager
async def grpc_server(service: Health | Nothing) -> AsyncIterator[int]:
    server = Server([service], codec=Raw())
    listener = socket.create_server(("127.0.0.1", 0))
    await server.start(sock=listener)
    try:
        yield listener.getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


def asked(name: str) -> bytes:
    return b"\x0a" + bytes([len(name)]) + name.encode() if name else b""


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (b"\x08\x01", Attempt(Result.SUCCESS)),
        (b"\x08\x02", Attempt(Result.FAILURE, "service unhealthy (responded with NOT_SERVING)")),
        (b"\x08\x03", Attempt(Result.FAILURE, "service unhealthy (responded with SERVICE_UNKNOWN)")),
        (b"", Attempt(Result.FAILURE, "service unhealthy (responded with UNKNOWN)")),
        (b"\x08\x09", Attempt(Result.FAILURE, "service unhealthy (responded with no known status)")),
        (b"\x12\x01x", Attempt(Result.FAILURE, "service unhealthy (responded with no readable message)")),
    ],
)
async def test_status_decides(status: bytes, expected: Attempt) -> None:
    async with grpc_server(Health({b"": status})) as port:
        assert await grpc.probe(v1.GRPCAction(port=port), "127.0.0.1", 5.0) == expected


async def test_the_services_name_is_asked_for() -> None:
    health = Health({asked("shop.v1.Cart"): b"\x08\x01"})
    async with grpc_server(health) as port:
        attempt = await grpc.probe(v1.GRPCAction(port=port, service="shop.v1.Cart"), "127.0.0.1", 5.0)
    assert attempt.result is Result.SUCCESS
    assert health.user_agents == ["kube-probe/1.36"]


async def test_long_names_are_framed_right() -> None:
    name = "s" * 300
    assert grpc.encode_request(name) == b"\x00" + (303).to_bytes(4, "big") + b"\x0a\xac\x02" + name.encode()
    assert grpc.encode_request("") == b"\x00\x00\x00\x00\x00"


async def test_errors_of_the_service_are_failures() -> None:
    error = GRPCError(Status.NOT_FOUND, "no such service")
    async with grpc_server(Health({b"": error})) as port:
        attempt = await grpc.probe(v1.GRPCAction(port=port), "127.0.0.1", 5.0)
    assert attempt.result is Result.FAILURE
    assert attempt.message.endswith("failed with status 5: no such service")


async def test_a_server_without_the_health_service_is_a_failure() -> None:
    async with grpc_server(Nothing()) as port:
        attempt = await grpc.probe(v1.GRPCAction(port=port), "127.0.0.1", 5.0)
    assert attempt.result is Result.FAILURE
    assert "does not implement the gRPC health service" in attempt.message


async def test_silence_is_a_failure_after_the_timeout() -> None:
    async with grpc_server(Health({b"": None})) as port:
        attempt = await grpc.probe(v1.GRPCAction(port=port), "127.0.0.1", 0.2)
    assert attempt.result is Result.FAILURE
    assert "within 0.2 s" in attempt.message


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\n\r\n", b"\x00" * 64])
async def test_what_is_not_grpc_is_a_failure(sent: bytes) -> None:
    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(sent)
        await writer.drain()

    async with serving(other) as port:
        attempt = await grpc.probe(v1.GRPCAction(port=port), "127.0.0.1", 20.0)
    assert attempt.result is Result.FAILURE
    assert f"127.0.0.1:{port}" in attempt.message


async def test_a_closed_port_is_a_failure() -> None:
    async with serving(lambda *_: asyncio.sleep(0)) as port:
        pass
    attempt = await grpc.probe(v1.GRPCAction(port=port), "127.0.0.1", 20.0)
    assert attempt == Attempt(Result.FAILURE, f"cannot connect to 127.0.0.1:{port}: Connection refused")


@pytest.mark.parametrize("status", [b"0", b"13"])
async def test_headers_that_are_no_text_are_read_all_the_same(status: bytes) -> None:
    """A container may put any bytes there: none of them may end the probe that asks whether it lives."""
    headers = ((b":status", b"200"), (b"grpc-status", status), (b"grpc-message", b"\xff\xfe"), (b"x", b"\xff"))
    server = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, validate_outbound_headers=False))

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.initiate_connection()
        server.receive_data(await reader.read(65536))
        server.send_headers(1, headers, end_stream=True)
        writer.write(server.data_to_send())
        await writer.drain()
        await reader.read()

    async with serving(answer) as port:
        attempt = await grpc.probe(v1.GRPCAction(port=port), "127.0.0.1", 30.0)
    assert attempt.result is Result.FAILURE
    said = "no readable message" if status == b"0" else "status 13: \ufffd\ufffd"
    assert said in attempt.message
