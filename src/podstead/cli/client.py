"""A plain, blocking client of the agent's local socket: HTTP/1.1 over AF_UNIX.

Only the standard library's HTTP: a command of the command line asks one or two questions and ends.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import msgspec

from podstead.config.paths import paths_for
from podstead.errors import PodsteadError
from podstead.k8s.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import TypeAlias

    Query: TypeAlias = Sequence[tuple[str, str]]

ANSWER_SECONDS = 60.0
"""How long an answer may take; the slowest, removing an image, waits for the runtime. Of streams only the head counts."""
JSON = "application/json"
TABLE = (
    "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json"
)
OWN = "/apis/podstead.io/v1alpha1"
_MAX_REFUSAL_BYTES = 1 << 20


class AgentUnreachableError(PodsteadError):
    """No agent answers at the socket."""


class ApiRefusedError(PodsteadError):
    """The agent answered with a Status that is an error; the text is its message, `code` the HTTP code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class _Status(msgspec.Struct):
    message: str = ""


class _UnixConnection(http.client.HTTPConnection):
    """An HTTP connection to a UNIX socket; its host name is only a header."""

    def __init__(self, path: Path, timeout: float | None) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def segment(name: str) -> str:
    """Return a name as one segment of a path."""
    return quote(name, safe="", errors="surrogateescape")


class AgentClient:
    """Asks the agent behind one socket; every method raises `AgentUnreachableError` or `ApiRefusedError`."""

    def __init__(self, path: Path, answer_seconds: float = 0) -> None:
        self._path = path
        self._seconds = answer_seconds or ANSWER_SECONDS

    def get(self, path: str, query: Query = (), accept: str = JSON) -> bytes:
        """Return the body of a GET."""
        return self._whole("GET", path, query, accept)

    def send(self, method: str, path: str, body: bytes | None = None, query: Query = (), kind: str = JSON) -> bytes:
        """Return the body of the answer to a request, whose own body is of this media type."""
        return self._whole(method, path, query, JSON, body, kind)

    @contextlib.contextmanager
    def stream(self, path: str, query: Query = (), accept: str = JSON) -> Iterator[Iterator[bytes]]:
        """Open a GET whose answer comes in lines, for as long as it takes."""
        with self._open("GET", path, query, accept) as response:
            yield self._lines(response)

    @contextlib.contextmanager
    def work(self, path: str, body: dict[str, str]) -> Iterator[Iterator[bytes]]:
        """Open a POST that is answered by lines of progress."""
        with self._open("POST", path, (), JSON, json.dumps(body).encode()) as response:
            yield self._lines(response)

    def _whole(
        self, method: str, path: str, query: Query, accept: str, body: bytes | None = None, kind: str = JSON
    ) -> bytes:
        with self._open(method, path, query, accept, body, kind=kind, streamed=False) as response, self._faults():
            return response.read()

    def _lines(self, response: http.client.HTTPResponse) -> Iterator[bytes]:
        while True:
            with self._faults():
                line = response.readline()
            if not line:
                return
            yield line

    @contextlib.contextmanager
    def _open(
        self,
        method: str,
        path: str,
        query: Query,
        accept: str,
        body: bytes | None = None,
        *,
        kind: str = JSON,
        streamed: bool = True,
    ) -> Iterator[http.client.HTTPResponse]:
        """Send a request and hand over its answer; what the caller raises meanwhile passes through untouched.

        The head of an answer must come in time even where its body, being streamed, may take for ever.
        """
        target = f"{path}?{urlencode(list(query), errors='surrogateescape')}" if query else path
        headers = {"Accept": accept, "User-Agent": "podstead"}
        if body is not None:
            headers["Content-Type"] = kind
        connection = _UnixConnection(self._path, self._seconds)
        with contextlib.closing(connection):
            try:
                connection.connect()
            except OSError as error:
                raise self.unreachable(error) from error
            with self._faults():
                connection.request(method, target, body=body, headers=headers)
                made = connection.sock
                response = connection.getresponse()
                if streamed:
                    made.settimeout(None)
                if response.status >= 300:
                    raise _refusal(response)
            with response:
                yield response

    @contextlib.contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except TimeoutError as error:
            raise AgentUnreachableError(f"the agent at {self._path} did not answer in {self._seconds:g} s") from error
        except (http.client.HTTPException, ConnectionError) as error:
            raise AgentUnreachableError(f"the agent at {self._path} ended the connection before its answer") from error

    def unreachable(self, error: OSError) -> AgentUnreachableError:
        """Return the sentence for a socket that cannot be connected to."""
        if isinstance(error, PermissionError):
            return AgentUnreachableError(
                f"the agent's socket {self._path} is root's: run this as root (sudo podstead …)"
            )
        if isinstance(error, FileNotFoundError | ConnectionRefusedError):
            return AgentUnreachableError(f"no agent answers at {self._path}: {_how_to_start(self._path)}")
        return AgentUnreachableError(f"cannot reach the agent at {self._path}: {error.strerror or error}")


def _how_to_start(path: Path) -> str:
    from podstead.systemd.manager import is_service
    from podstead.systemd.units import AGENT_UNIT

    if path == paths_for(None).socket and is_service(AGENT_UNIT):
        return "'systemctl start podstead' starts it, 'journalctl -u podstead' says why it ended"
    return "start one with 'podstead run', or name its socket with --socket"


def _refusal(response: http.client.HTTPResponse) -> ApiRefusedError:
    try:
        message = msgspec.json.decode(response.read(_MAX_REFUSAL_BYTES), type=_Status).message
    except (msgspec.DecodeError, UnicodeDecodeError):
        message = ""
    return ApiRefusedError(
        response.status, printable(message) or f"the agent answered {response.status} without a reason"
    )
