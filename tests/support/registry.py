"""A registry that wants a password: `python -m tests.support.registry ARCHIVE PORT USER PASSWORD`, on the loopback.

It serves the one image of an OCI archive under every name, and ends when its standard input does.
"""

from __future__ import annotations

import base64
import contextlib
import json
import subprocess
import sys
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCES = Path(__file__).parents[2]


class Archive:
    """The blobs of an OCI archive by digest, and its manifest."""

    def __init__(self, path: Path) -> None:
        self.blobs: dict[str, bytes] = {}
        index: dict[str, Any] = {}
        with tarfile.open(path) as archive:
            for member in archive:
                file = archive.extractfile(member)
                if file is None:
                    continue
                if member.name == "index.json":
                    index = json.load(file)
                elif member.name.startswith("blobs/sha256/"):
                    self.blobs[f"sha256:{member.name.rpartition('/')[2]}"] = file.read()
        self.manifest = index["manifests"][0]["digest"]
        self.media_type = index["manifests"][0]["mediaType"]


def handler(archive: Archive, user: str, password: str) -> type[BaseHTTPRequestHandler]:
    """Return what answers requests."""
    wanted = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    class Registry(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def _answer(self, *, body: bool) -> None:
            if self.headers.get("Authorization") != wanted:
                self._send(401, b"", "text/plain", body=body)
                return
            kind, _, reference = self.path.rpartition("/")
            digest = reference if kind.endswith("/blobs") or reference.startswith("sha256:") else archive.manifest
            data = b"{}" if self.path == "/v2/" else archive.blobs.get(digest)
            media = archive.media_type if digest == archive.manifest else "application/octet-stream"
            self._send(404 if data is None else 200, data or b"", media, body=body, digest=digest)

        def _send(self, code: int, data: bytes, media: str, *, body: bool, digest: str = "") -> None:
            self.send_response(code)
            self.send_header("Content-Type", media)
            self.send_header("Content-Length", str(len(data)))
            if code == 401:
                self.send_header("WWW-Authenticate", 'Basic realm="test"')
            if digest:
                self.send_header("Docker-Content-Digest", digest)
            self.end_headers()
            if body:
                self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            """Say nothing."""

    return Registry


@contextlib.contextmanager
def guarded_registry(archive: Path, port: int, user: str, password: str, net_namespace: Path | None) -> Iterator[str]:
    """Run a registry in a network namespace and give its host with the port."""
    enter = ["nsenter", f"--net={net_namespace}"] if net_namespace else []
    arguments = ["-m", "tests.support.registry", str(archive), str(port), user, password]
    with subprocess.Popen(
        [*enter, sys.executable, *arguments], cwd=SOURCES, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            yield f"127.0.0.1:{port}"
        finally:
            process.kill()


def main() -> None:
    """Serve until standard input ends."""
    archive, port, user, password = sys.argv[1:]
    server = ThreadingHTTPServer(("127.0.0.1", int(port)), handler(Archive(Path(archive)), user, password))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
