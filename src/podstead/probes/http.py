"""httpGet: an answer with a status of 200 to 399 is a success (spec/kubelet-static-pods.md 4.2)."""

from __future__ import annotations

import asyncio
import functools
import ssl
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import quote, urljoin, urlsplit

import h11

from podstead.probes.attempt import MAX_OUTPUT, SUCCEEDED, Attempt, Result
from podstead.probes.tcp import connect, why

if TYPE_CHECKING:
    from podstead.k8s import core_v1 as v1

USER_AGENT = "kube-probe/1.36"
"""The kubelet's: ingress logs and firewalls filter by this prefix."""
MAX_REDIRECTS = 10
READ_BYTES = 16 << 10
MAX_HEADER_BYTES = 64 << 10
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PATH_SAFE = "/%?:@!$&'()*+,;=~-._[]"
"""What stays as written in a request target; all else is percent-encoded."""


@dataclass(frozen=True, slots=True)
class Request:
    """One GET request, and where it goes. `server_name` is told to a TLS server."""

    secure: bool
    host: str
    port: int
    target: str
    headers: tuple[tuple[bytes, bytes], ...]
    server_name: str

    @property
    def url(self) -> str:
        """Return what a relative redirect is resolved against."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.secure else 'http'}://{name}:{self.port}{self.target}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `elsewhere` when it leads to another host, where it was not followed."""

    status: int
    location: str = ""
    elsewhere: bool = False


class RedirectsError(Exception):
    """The answer leads from one place to the next without end."""


FAULTS = (TimeoutError, OSError, h11.ProtocolError, RedirectsError)
"""What `follow` may raise; `told` says it in words."""


async def probe(action: v1.HTTPGetAction, host: str, port: int, timeout: float) -> Attempt:  # noqa: ASYNC109 - a probe's own setting
    """Ask once; `timeout` in seconds covers connections, redirects and bodies.

    Redirects are followed on the same host name only; one that leads elsewhere ends as a success with a warning.
    """
    try:
        async with asyncio.timeout(timeout):
            return _judge(await follow(first_request(action, host, port, USER_AGENT)))
    except FAULTS as error:
        return told(error, host, port, timeout)


async def follow(request: Request) -> Answer:
    """Return the last answer on this host name. Raises FAULTS."""
    for _ in range(MAX_REDIRECTS + 1):
        answer = await _exchange(request)
        following = _following(request, answer)
        if following is None:
            return answer
        if following.host != request.host:
            return replace(answer, elsewhere=True)
        request = following
    raise RedirectsError


def told(error: Exception, host: str, port: int, timeout: float) -> Attempt:
    """Return the attempt that ended in one of FAULTS."""
    match error:
        case TimeoutError():
            return Attempt(Result.FAILURE, f"no HTTP answer from {host}:{port} within {timeout:g} s")
        case ssl.SSLError():
            return Attempt(Result.FAILURE, f"cannot speak TLS with {host}:{port}: {error.reason or 'handshake failed'}")
        case OSError():
            return Attempt(Result.FAILURE, f"cannot ask {host}:{port}: {why(error)}")
        case h11.LocalProtocolError():
            return Attempt(Result.ERROR, "cannot ask: a header or the path is not valid in HTTP")
        case RedirectsError():
            return Attempt(Result.FAILURE, f"stopped after {MAX_REDIRECTS} redirects")
        case _:
            return Attempt(Result.FAILURE, f"the answer of {host}:{port} is not HTTP: {error}")


def _judge(answer: Answer) -> Attempt:
    if answer.elsewhere:
        return Attempt(Result.WARNING, "the answer leads to another host and was not followed")
    if answer.status in range(200, 400):
        return SUCCEEDED
    return Attempt(Result.FAILURE, f"HTTP probe failed with statuscode: {answer.status}")


def first_request(action: v1.HTTPGetAction, host: str, port: int, user_agent: str) -> Request:
    """Return the request that an action asks for; headers of its own go before ours, and an empty Accept removes it."""
    secure = (action.scheme or "HTTP").upper() == "HTTPS"
    address = f"[{host}]" if ":" in host else host
    given = [(h.name.encode(), h.value.encode()) for h in action.http_headers]
    names = {name.lower() for name, _ in given}
    named = next((value for name, value in given if name.lower() == b"host"), b"")
    headers = [(b"Host", named or f"{address}:{port}".encode())]
    if b"user-agent" not in names:
        headers.append((b"User-Agent", user_agent.encode()))
    if b"accept" not in names:
        headers.append((b"Accept", b"*/*"))
    dropped = (b"host", b"connection")
    headers += [(n, v) for n, v in given if n.lower() not in dropped and not (n.lower() == b"accept" and not v)]
    headers.append((b"Connection", b"close"))
    return Request(secure, host, port, _target(action.path or "/"), tuple(headers), _name_in(named) or host)


def _name_in(named: bytes) -> str:
    """Return the host name of a Host header, empty where it has none."""
    try:
        return urlsplit(f"//{named.decode('utf-8', 'replace')}").hostname or ""
    except ValueError:
        return ""


def _target(path: str) -> str:
    """Return the request target of a path with an optional query; a fragment never leaves the client."""
    text = quote(path.partition("#")[0], safe=_PATH_SAFE)
    return text if text.startswith("/") else f"/{text}"


def _following(request: Request, answer: Answer) -> Request | None:
    """Return the request that a redirect asks for, None when the answer is the last one."""
    if answer.status not in _REDIRECTS or not answer.location:
        return None
    try:
        parts = urlsplit(urljoin(request.url, answer.location))
        port = parts.port
    except ValueError:
        raise h11.RemoteProtocolError("its redirect leads to no valid address") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise h11.RemoteProtocolError("its redirect leads to no HTTP address")
    secure = parts.scheme == "https"
    port = port or (443 if secure else 80)
    target = _target(parts.path + (f"?{parts.query}" if parts.query else ""))
    headers = request.headers
    if (port, secure) != (request.port, request.secure):
        headers = ((b"Host", parts.netloc.encode()), *headers[1:])
    return Request(secure, parts.hostname, port, target, headers, request.server_name)


async def _exchange(request: Request) -> Answer:
    """Send one request and read its answer, at most MAX_OUTPUT bytes of body. Raises OSError and h11's errors."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEADER_BYTES)
    data = connection.send(h11.Request(method="GET", target=request.target, headers=list(request.headers))) or b""
    data += connection.send(h11.EndOfMessage()) or b""
    reader, writer = await _open(request)
    try:
        writer.write(data)
        status, location, body = 0, "", 0
        while body <= MAX_OUTPUT:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(await reader.read(READ_BYTES))
            elif isinstance(event, h11.Response):
                status = event.status_code
                location = next((v.decode("utf-8", "replace") for n, v in event.headers if n == b"location"), "")
            elif isinstance(event, h11.Data):
                body += len(event.data)
            elif isinstance(event, h11.EndOfMessage | h11.ConnectionClosed) or event is h11.PAUSED:
                break
        return Answer(status, location)
    finally:
        # A probe never waits for the peer to agree that it is over.
        writer.transport.abort()


async def _open(request: Request) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    sock = await connect(request.host, request.port)
    try:
        if request.secure:
            return await asyncio.open_connection(sock=sock, ssl=unverified(), server_hostname=request.server_name)
        return await asyncio.open_connection(sock=sock)
    except ValueError:  # a name such as `.example.org`, which TLS cannot be told
        sock.close()
        raise OSError(f"{request.server_name!r} is no host name for TLS") from None
    except BaseException:
        sock.close()
        raise


@functools.cache
def unverified() -> ssl.SSLContext:
    """Return the TLS settings of probes: a probe asks whether something answers, not who it is (as the kubelet)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    # OpenSSL refuses short keys even where nothing is verified; Go, and so the kubelet, does not.
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context
