"""tcpSocket against real listeners on the loopback address."""

from __future__ import annotations

import asyncio
import socket

import pytest

from podstead.probes import tcp
from podstead.probes.attempt import Result
from tests.unit.probes.simulators import serving


async def quiet(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


@pytest.mark.parametrize(("host", "dialled"), [("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("127.0.0.1", "localhost")])
async def test_a_listener_is_a_success(host: str, dialled: str) -> None:
    async with serving(quiet, host=host) as port:
        assert (await tcp.probe(dialled, port, 20.0)).result is Result.SUCCESS


async def test_a_closed_port_is_a_failure_that_says_why() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        attempt = await tcp.probe("127.0.0.1", port, 20.0)
    assert attempt.result is Result.FAILURE
    assert attempt.message == f"cannot connect to 127.0.0.1:{port}: Connection refused"


async def test_no_answer_is_a_failure_after_the_timeout() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.settimeout(0)
            one.connect_ex(("127.0.0.1", port))
        begun = asyncio.get_running_loop().time()
        attempt = await tcp.probe("127.0.0.1", port, 0.2)
        took = asyncio.get_running_loop().time() - begun
        for one in waiting:
            one.close()
    assert attempt.result is Result.FAILURE
    assert "no answer within 0.2 s" in attempt.message
    assert 0.2 <= took < 20, "the kernel's own patience is minutes"


async def test_a_name_without_an_address_is_a_failure() -> None:
    attempt = await tcp.probe("no-such-name.invalid", 80, 5.0)
    assert attempt.result is Result.FAILURE
    assert attempt.message.startswith("cannot connect to no-such-name.invalid:80: ")


@pytest.mark.parametrize("host", ["a..b", "x" * 70])
async def test_what_is_no_host_name_is_a_failure(host: str) -> None:
    attempt = await tcp.probe(host, 80, 30.0)
    assert attempt.result is Result.FAILURE
    assert attempt.message == f"cannot connect to {host}:80: it is no host name"
