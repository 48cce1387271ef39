"""A server of manifests on the loopback: says what it is told to say, and remembers what it was asked."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What to send. `promised` bytes are announced; `pause` seconds lie between the bytes of the body."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    promised: int | None = None
    pause: float = 0.0


class ManifestServer:
    """Answers every GET with `answer`; `asked` has the headers of each request."""

    def __init__(self) -> None:
        self.answer = Answer()
        self.asked: list[dict[str, str]] = []
        self._ended = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append({name.lower(): value for name, value in self.headers.items()})
                outer._send(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def url(self, path: str = "/pods.yaml", host: str = "127.0.0.1") -> str:
        """Return a URL of this server."""
        return f"http://{host}:{self.port}{path}"

    def _send(self, handler: BaseHTTPRequestHandler) -> None:
        answer = self.answer
        tag = answer.headers.get("ETag", "")
        if tag and handler.headers.get("If-None-Match") == tag:
            handler.send_response(304)
            handler.end_headers()
            return
        handler.send_response(answer.status)
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(answer.body) if answer.promised is None else answer.promised))
        handler.end_headers()
        if not answer.pause:
            handler.wfile.write(answer.body)
            return
        for number in range(len(answer.body)):
            handler.wfile.write(answer.body[number : number + 1])
            handler.wfile.flush()
            if self._ended.wait(answer.pause):
                return
