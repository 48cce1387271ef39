"""tcpSocket: a connection that is accepted is a success."""

from __future__ import annotations

import asyncio
import os
import socket

from podstead.probes.attempt import SUCCEEDED, Attempt, Result


def family_of(host: str) -> socket.AddressFamily | None:
    """Return the address family of a literal address, None for a host name."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except (OSError, ValueError):
            continue
        return family
    return None


def why(error: OSError) -> str:
    """Return the system's words for a failed connection, without our own addresses and numbers."""
    if isinstance(error, socket.gaierror) or not error.errno:
        return error.strerror or str(error) or type(error).__name__
    return os.strerror(error.errno)


async def connect(host: str, port: int) -> socket.socket:
    """Return a connected non-blocking socket; the caller closes it.

    A literal address is dialled without the resolver and its thread. Raises OSError.
    """
    loop = asyncio.get_running_loop()
    family = family_of(host)
    address: tuple[object, ...] = (host, port)
    if family is None:
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except UnicodeError:  # an empty label, or one of more than 63 characters: the resolver is not even asked
            raise OSError("it is no host name") from None
        family, address = found[0][0], found[0][4]
    sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        await loop.sock_connect(sock, address)
    except BaseException:
        sock.close()
        raise
    return sock


async def probe(host: str, port: int, timeout: float) -> Attempt:  # noqa: ASYNC109 - a probe's own setting
    """Dial once; `timeout` in seconds. The connection is closed at once, without waiting for the peer."""
    try:
        async with asyncio.timeout(timeout):
            sock = await connect(host, port)
    except TimeoutError:
        return Attempt(Result.FAILURE, f"cannot connect to {host}:{port}: no answer within {timeout:g} s")
    except OSError as error:
        return Attempt(Result.FAILURE, f"cannot connect to {host}:{port}: {why(error)}")
    sock.close()
    return SUCCEEDED
