"""grpc: the health service (grpc.health.v1.Health/Check) answering SERVING is a success.

One unary call needs little of gRPC: two messages of one field each are coded by hand, HTTP/2 comes from h2.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote

import h2.config
import h2.connection
import h2.events
import h2.exceptions

from podstead.probes.attempt import MAX_OUTPUT, SUCCEEDED, Attempt, Result
from podstead.probes.http import READ_BYTES, USER_AGENT, unverified
from podstead.probes.tcp import connect, why

if TYPE_CHECKING:
    from podstead.k8s import core_v1 as v1

_PATH = "/grpc.health.v1.Health/Check"
_SERVING = 1
_STATUS_NAMES = {0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}
_UNIMPLEMENTED = "12"
_CONFIG = h2.config.H2Configuration(client_side=True, header_encoding=None)


@dataclass(slots=True)
class _Reply:
    """What has come of the answer so far."""

    body: bytearray = field(default_factory=bytearray)
    http_status: str = ""
    grpc_status: str = ""
    grpc_message: str = ""
    broken: str = ""
    ended: bool = False


async def probe(action: v1.GRPCAction, host: str, timeout: float) -> Attempt:  # noqa: ASYNC109 - a probe's own setting
    """Ask the health service once; `timeout` in seconds covers dialling and the call."""
    where = f"{host}:{action.port}"
    try:
        async with asyncio.timeout(timeout):
            reply = await _check(host, action.port, action.service or "", secure=action.mode == "TLS")
    except TimeoutError:
        return Attempt(Result.FAILURE, f"no answer of the health service at {where} within {timeout:g} s")
    except ssl.SSLError as error:
        return Attempt(Result.FAILURE, f"cannot speak TLS with {where}: {error.reason or 'handshake failed'}")
    except OSError as error:
        return Attempt(Result.FAILURE, f"cannot connect to {where}: {why(error)}")
    except ValueError:
        return Attempt(Result.FAILURE, f"cannot connect to {where}: {host!r} is no host name for TLS")
    except h2.exceptions.ProtocolError:
        return Attempt(Result.FAILURE, f"{where} does not speak gRPC")
    return _judge(reply, where)


def _judge(reply: _Reply, where: str) -> Attempt:
    if reply.broken or (reply.http_status != "200" and not reply.grpc_status):
        said = reply.broken or f"HTTP status {reply.http_status or 'missing'}"
        return Attempt(Result.FAILURE, f"{where} does not answer as a gRPC service: {said}")
    if reply.grpc_status == _UNIMPLEMENTED:
        return Attempt(Result.FAILURE, f"{where} does not implement the gRPC health service (grpc.health.v1.Health)")
    if reply.grpc_status != "0":
        text = unquote(reply.grpc_message)[:MAX_OUTPUT]
        return Attempt(Result.FAILURE, f"the health service at {where} failed with status {reply.grpc_status}: {text}")
    status = decode_status(bytes(reply.body))
    if status == _SERVING:
        return SUCCEEDED
    name = _STATUS_NAMES.get(status, "no known status") if status is not None else "no readable message"
    return Attempt(Result.FAILURE, f"service unhealthy (responded with {name})")


async def _check(host: str, port: int, service: str, *, secure: bool) -> _Reply:
    connection = h2.connection.H2Connection(_CONFIG)
    connection.initiate_connection()
    name = f"[{host}]" if ":" in host else host
    connection.send_headers(
        1,
        (
            (":method", "POST"),
            (":scheme", "https" if secure else "http"),
            (":path", _PATH),
            (":authority", f"{name}:{port}"),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
            ("user-agent", USER_AGENT),
        ),
    )
    connection.send_data(1, encode_request(service), end_stream=True)
    sock = await connect(host, port)
    try:
        if secure:
            reader, writer = await asyncio.open_connection(sock=sock, ssl=_tls(), server_hostname=host)
        else:
            reader, writer = await asyncio.open_connection(sock=sock)
    except BaseException:
        sock.close()
        raise
    try:
        return await _converse(connection, reader, writer)
    finally:
        writer.transport.abort()


async def _converse(
    connection: h2.connection.H2Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> _Reply:
    reply = _Reply()
    while not reply.ended:
        writer.write(connection.data_to_send())
        data = await reader.read(READ_BYTES)
        if not data:
            reply.broken = "the connection was closed before the answer"
            break
        for event in connection.receive_data(data):
            _take(reply, event)
    return reply


def _take(reply: _Reply, event: h2.events.Event) -> None:
    match event:
        case h2.events.ResponseReceived() | h2.events.TrailersReceived():
            headers = {_text(name): _text(value) for name, value in event.headers}
            reply.http_status = headers.get(":status", reply.http_status)
            reply.grpc_status = headers.get("grpc-status", reply.grpc_status)
            reply.grpc_message = headers.get("grpc-message", reply.grpc_message)
        case h2.events.DataReceived():
            reply.body += event.data[: MAX_OUTPUT - len(reply.body)]
        case h2.events.StreamReset():
            reply.broken, reply.ended = f"the call was reset with code {event.error_code}", True
        case h2.events.ConnectionTerminated():
            reply.broken, reply.ended = f"the connection was ended with code {event.error_code}", True
        case h2.events.StreamEnded():
            reply.ended = True
        case _:
            pass  # settings, pings and windows are h2's business


def _text(part: bytes | str) -> str:
    """Return a name or value of a header; a container may have put any bytes there."""
    return part if isinstance(part, str) else part.decode("utf-8", "replace")


def encode_request(service: str) -> bytes:
    """Return a gRPC frame with a HealthCheckRequest: field 1, the service's name; left out when empty."""
    name = service.encode()
    message = b"\x0a" + _varint(len(name)) + name if name else b""
    return b"\x00" + len(message).to_bytes(4, "big") + message


def decode_status(frame: bytes) -> int | None:
    """Return field 1 (status) of the HealthCheckResponse in a gRPC frame; None when it is not one.

    The message has this one field and proto3 leaves a zero out; anything else is not read.
    """
    if len(frame) < 5 or frame[0] != 0 or int.from_bytes(frame[1:5], "big") != len(frame) - 5:
        return None
    message = frame[5:]
    if not message:
        return 0
    return message[1] if len(message) == 2 and message[0] == 0x08 and message[1] < 0x80 else None


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _tls() -> ssl.SSLContext:
    context = unverified()
    context.set_alpn_protocols(["h2"])
    return context
