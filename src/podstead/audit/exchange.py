"""One request to a webhook and its answer: blocking calls that another thread can end."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from podstead.audit.undelivered import UndeliveredError

if TYPE_CHECKING:
    from podstead.config.security import WebhookSettings

WRONG = frozenset({400, 413, 422})
MAX_TOKEN_BYTES = 16 << 10


class Exchange:
    """One request and its answer; blocking, but for `abort`."""

    def __init__(self, settings: WebhookSettings) -> None:
        self._settings = settings
        self._where = urlsplit(settings.url)
        self._connection: http.client.HTTPConnection | None = None
        self._aborted = False

    def post(self, body: bytes) -> None:
        """Post a body. Raises OSError and UndeliveredError."""
        where, seconds = self._where, self._settings.timeout_seconds
        host = where.hostname or ""
        if where.scheme == "https":
            self._connection = _TLSConnection(host, where.port, timeout=seconds, context=self._authorities())
        else:
            self._connection = http.client.HTTPConnection(host, where.port, timeout=seconds)
        if self._aborted:
            raise ConnectionAbortedError("ended before it began")
        path = (where.path or "/") + (f"?{where.query}" if where.query else "")
        try:
            self._connection.request("POST", path, body=body, headers=self._headers())
            status = self._connection.getresponse().status  # what else it says is of no use, and not read
        except OSError:
            raise  # a certificate's error is a ValueError as well
        except (http.client.HTTPException, ValueError) as error:
            raise UndeliveredError(f"{host} does not speak HTTP as it should: {type(error).__name__}") from error
        finally:
            self._connection.close()
        if not 200 <= status < 300:
            raise UndeliveredError(f"{host} answers {status}", wrong=status in WRONG)

    def abort(self) -> None:
        """End the exchange, from any thread; nothing if it has ended."""
        self._aborted = True
        connection = self._connection
        if connection is not None and connection.sock is not None:
            with contextlib.suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    def _authorities(self) -> ssl.SSLContext:
        ca = self._settings.ca_file
        return ssl.create_default_context(cafile=str(ca) if ca is not None else None)

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "User-Agent": "podstead", "Connection": "close"}
        if (file := self._settings.token_file) is not None:  # read each time: tokens are renewed in place
            with file.open("rb") as stream:
                token = stream.read(MAX_TOKEN_BYTES).decode("latin-1").strip()
            headers["Authorization"] = f"Bearer {token}"
        return headers


class _TLSConnection(http.client.HTTPSConnection):
    """Has its TLS socket before it connects.

    The library's own connects first and hands the socket over: a handshake without an end cannot be aborted then, and
    of a connection that is reset in between (CPython 3.11) the descriptor stays open.
    """

    def __init__(self, host: str, port: int | None, *, timeout: float, context: ssl.SSLContext) -> None:
        super().__init__(host, port, timeout=timeout, context=context)
        self._authorities = context

    def connect(self) -> None:
        """Connect to the first address of the host that answers. Raises OSError."""
        refusal: OSError = ConnectionError("the host has no address")
        for family, kind, protocol, _, address in socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM):
            plain = socket.socket(family, kind, protocol)
            plain.settimeout(self.timeout)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.sock = self._authorities.wrap_socket(plain, server_hostname=self.host)
            try:
                self.sock.connect(address)
            except OSError as error:
                self.close()
                refusal = error
            else:
                return
        raise refusal
