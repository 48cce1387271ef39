"""A blocking client of an agent's local socket, for tests that have no event loop."""

from __future__ import annotations

import http.client
import json
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


@dataclass(frozen=True)
class Reply:
    """A whole reply."""

    status: int
    body: bytes

    def json(self) -> Any:
        """Return the body as a value."""
        return json.loads(self.body)

    def lines(self) -> list[Any]:
        """Return a body of JSON lines as values."""
        return [json.loads(line) for line in self.body.splitlines() if line]


@dataclass(frozen=True)
class LocalAPI:
    """One connection a request. An agent that is not there is an OSError."""

    socket: Path
    timeout_seconds: float = 20.0

    def ask(self, method: str, target: str, body: Any = None, *, accept: str = "application/json") -> Reply:
        """Send a request and read the whole answer."""
        connection = _UnixConnection(self.socket, self.timeout_seconds)
        try:
            data = b"" if body is None else json.dumps(body).encode()
            kind = {"content-type": "application/json"} if data else {}
            connection.request(method, target, data, {"accept": accept, **kind})
            reply = connection.getresponse()
            return Reply(reply.status, reply.read())
        finally:
            connection.close()

    def get(self, target: str) -> Any:
        """Return what is at a path; anything but 200 is an assertion's failure."""
        reply = self.ask("GET", target)
        assert reply.status == 200, (target, reply)
        return reply.json()
