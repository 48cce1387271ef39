"""httpGet against small servers on the loopback address."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from typing import TYPE_CHECKING

import pytest

from podstead.k8s import core_v1 as v1
from podstead.probes import http
from podstead.probes.attempt import Attempt, Result
from tests.unit.probes.simulators import Handler, serving

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Web:
    """Answers each request by a function from its head to bytes; keeps the heads."""

    def __init__(self, answer: Callable[[str], bytes]) -> None:
        self.answer = answer
        self.heads: list[str] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        writer.write(self.answer(head))
        await writer.drain()


def reply(status: int, *headers: str, body: bytes = b"ok") -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def ask(handler: Handler, timeout: float = 5.0, **action: object) -> tuple[Attempt, int]:  # noqa: ASYNC109 - the probe's
    async with serving(handler) as port:
        made = v1.HTTPGetAction(port=port, **action)  # type: ignore[arg-type]  # test data
        return await http.probe(made, "127.0.0.1", port, timeout), port


@pytest.mark.parametrize(
    ("status", "result"),
    [
        (200, Result.SUCCESS),
        (204, Result.SUCCESS),
        (304, Result.SUCCESS),
        (399, Result.SUCCESS),
        (302, Result.SUCCESS),
        (400, Result.FAILURE),
        (404, Result.FAILURE),
        (500, Result.FAILURE),
        (503, Result.FAILURE),
    ],
)
async def test_status_decides(status: int, result: Result) -> None:
    body = b"" if status in {204, 304} else b"secret body"
    attempt, _ = await ask(Web(lambda _: reply(status, body=body)))
    assert attempt.result is result
    if result is Result.FAILURE:
        assert attempt.message == f"HTTP probe failed with statuscode: {status}"


async def test_what_is_sent_by_default() -> None:
    web = Web(lambda _: reply(200))
    _, port = await ask(web)
    head = (
        f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUser-Agent: kube-probe/1.36\r\nAccept: */*\r\n"
        "Connection: close\r\n\r\n"
    )
    assert web.heads == [head]


async def test_headers_of_the_manifest_override() -> None:
    web = Web(lambda _: reply(200))
    headers = (
        v1.HTTPHeader(name="Host", value="shop.example"),
        v1.HTTPHeader(name="accept", value=""),
        v1.HTTPHeader(name="User-Agent", value="me"),
        v1.HTTPHeader(name="X-A", value="1"),
        v1.HTTPHeader(name="X-A", value="2"),
    )
    await ask(web, http_headers=headers, path="healthz?deep=1&x=ä b#part")
    head = (
        "GET /healthz?deep=1&x=%C3%A4%20b HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: me\r\nX-A: 1\r\nX-A: 2\r\n"
        "Connection: close\r\n\r\n"
    )
    assert web.heads == [head]


async def test_redirects_on_the_same_host_are_followed() -> None:
    def answer(head: str) -> bytes:
        path = head.split()[1]
        return reply(500) if path == "/end?a=1" else reply(302, f"Location: {'b' if path == '/a' else '/end?a=1'}")

    web = Web(answer)
    attempt, _ = await ask(web, path="/a")
    assert [head.split()[1] for head in web.heads] == ["/a", "/b", "/end?a=1"]
    assert attempt == Attempt(Result.FAILURE, "HTTP probe failed with statuscode: 500")


async def test_a_redirect_to_another_host_is_a_success_with_a_warning() -> None:
    web = Web(lambda _: reply(302, "Location: http://elsewhere.invalid/"))
    attempt, _ = await ask(web)
    assert attempt.result is Result.WARNING
    assert "another host" in attempt.message
    assert len(web.heads) == 1


async def test_endless_redirects_end() -> None:
    web = Web(lambda _: reply(307, "Location: /"))
    attempt, _ = await ask(web)
    assert attempt == Attempt(Result.FAILURE, "stopped after 10 redirects")
    assert len(web.heads) == 11


@pytest.mark.parametrize("location", ["ftp://127.0.0.1/", "http://[", "http://127.0.0.1:99999/"])
async def test_a_redirect_to_nowhere_is_a_failure(location: str) -> None:
    attempt, _ = await ask(Web(lambda _: reply(301, f"Location: {location}")))
    assert attempt.result is Result.FAILURE


async def test_a_large_body_is_not_waited_for() -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n" + b"x" * 20000)
        await reader.read()

    attempt, _ = await ask(endless)
    assert attempt.result is Result.SUCCESS


@pytest.mark.parametrize(
    "sent", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort", b"\x00" * 100_000]
)
async def test_what_is_not_a_whole_answer_is_a_failure(sent: bytes) -> None:
    attempt, _ = await ask(Web(lambda _: sent))
    assert attempt.result is Result.FAILURE


async def test_a_server_that_never_answers_is_a_failure_after_the_timeout() -> None:
    async def mute(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    attempt, port = await ask(mute, timeout=0.2)
    assert attempt == Attempt(Result.FAILURE, f"no HTTP answer from 127.0.0.1:{port} within 0.2 s")


async def test_a_slow_body_counts_into_the_timeout() -> None:
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nx")
        await reader.read()

    attempt, _ = await ask(slow, timeout=0.2)
    assert attempt.result is Result.FAILURE


async def test_a_header_that_http_forbids_is_an_error() -> None:
    headers = (v1.HTTPHeader(name="X", value="a\r\nEvil: 1"),)
    attempt, _ = await ask(Web(lambda _: reply(200)), http_headers=headers)
    assert attempt.result is Result.ERROR


async def test_tls_is_not_verified(tmp_path: Path) -> None:
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subject = ["-subj", "/CN=someone.else", "-days", "1", "-keyout", str(key), "-out", str(cert)]
    await asyncio.to_thread(subprocess.run, [*command, *subject], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    async with serving(Web(lambda _: reply(200)), tls=context) as port:
        action = v1.HTTPGetAction(port=port, scheme="HTTPS")
        assert (await http.probe(action, "127.0.0.1", port, 5.0)).result is Result.SUCCESS
        plain = await http.probe(v1.HTTPGetAction(port=port), "127.0.0.1", port, 5.0)
        assert plain.result is Result.FAILURE

    async def plain_server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(5)
        writer.write(reply(400))
        await writer.drain()

    async with serving(plain_server) as port:
        attempt = await http.probe(v1.HTTPGetAction(port=port, scheme="HTTPS"), "127.0.0.1", port, 5.0)
        assert attempt.result is Result.FAILURE
        assert "TLS" in attempt.message


async def test_a_host_header_may_be_anything() -> None:
    header = v1.HTTPHeader(name="Host", value="[::1")
    attempt, _ = await ask(Web(lambda _: reply(200)), http_headers=(header,))
    assert attempt.result is Result.SUCCESS


@pytest.mark.parametrize("name", [".example.org", "x" * 70])
async def test_a_host_header_that_tls_cannot_be_told_is_a_failure(name: str) -> None:
    header = v1.HTTPHeader(name="Host", value=name)
    attempt, port = await ask(Web(lambda _: reply(200)), http_headers=(header,), scheme="HTTPS")
    assert attempt.result is Result.FAILURE
    assert attempt.message == f"cannot ask 127.0.0.1:{port}: {name!r} is no host name for TLS"
