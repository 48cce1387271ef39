"""A read-only registry on the loopback interface, alive for one import: the way into containerd through CRI alone.

It speaks as much of the OCI Distribution Specification 1.1 as a pull needs (GET and HEAD of manifests and blobs),
below a path with a secret. Nothing else is answered; a layer is sent from its place in the archive.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import threading
from http import HTTPStatus
from typing import TYPE_CHECKING, BinaryIO

from podstead.containerd.launch import CLONE_NEWNET, enter_namespace
from podstead.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from podstead.containerd.image_archive import ArchivedImage, Blob

MAX_REQUEST_BYTES = 16384
"""containerd's requests have about 300 bytes."""
REQUEST_SECONDS = 30.0
"""A client that says nothing for so long is gone."""
SEND_SECONDS = 1800.0
"""For one layer: unpacking is slower than the loopback, and a full pipe waits for it."""


def listening_socket(net_namespace: Path | None) -> socket.socket:
    """Return a socket that listens on 127.0.0.1, at a free port, in the given network namespace.

    A socket stays in the namespace it was made in, so a thread that enters it and ends is enough.

    Raises:
        OperatorError: the namespace cannot be entered.
    """
    if net_namespace is None:
        return socket.create_server(("127.0.0.1", 0))
    made: list[socket.socket] = []
    failed: list[OSError] = []

    def make() -> None:
        try:
            with net_namespace.open("rb") as file:
                enter_namespace(file.fileno(), CLONE_NEWNET)
            made.append(socket.create_server(("127.0.0.1", 0)))
        except OSError as error:
            failed.append(error)

    thread = threading.Thread(target=make, name="podstead-listen")
    thread.start()
    thread.join()
    if failed:
        raise OperatorError(f"cannot listen in the network namespace {net_namespace}: {failed[0]}") from failed[0]
    return made[0]


class ImportServer:
    """Serves one image of an archive under any repository name and tag."""

    def __init__(self, image: ArchivedImage, archive: BinaryIO) -> None:
        self._image = image
        self._archive = archive
        self._blobs = {blob.digest: blob for blob in image.blobs}
        self._secret = secrets.token_urlsafe(24)

    @contextlib.asynccontextmanager
    async def serving(self, net_namespace: Path | None) -> AsyncIterator[str]:
        """Serve as long as the context lasts; gives the URL for hosts.toml (`override_path = true`)."""
        listener = await asyncio.to_thread(listening_socket, net_namespace)
        port = listener.getsockname()[1]
        loop = asyncio.get_running_loop()
        conversations: set[asyncio.Task[None]] = set()
        ended = False

        def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if ended:  # it was on its way when the listening ended
                writer.transport.abort()
                return
            conversation = loop.create_task(self._converse(reader, writer))
            # Not by the task itself, which the end cancels before it has begun, too.
            conversation.add_done_callback(lambda _: writer.close())
            conversations.add(conversation)

        server = await asyncio.start_server(accepted, sock=listener, limit=MAX_REQUEST_BYTES)
        try:
            yield f"http://127.0.0.1:{port}/{self._secret}/v2"
        finally:
            ended = True
            loop.remove_reader(listener)
            try:  # CPython hands over what it has accepted a turn later, and only to an open server
                await asyncio.sleep(0)
            finally:
                server.close()
            for conversation in conversations:  # containerd keeps its connections open for later requests
                conversation.cancel()
            if conversations:
                await asyncio.wait(conversations)
            await server.wait_closed()
        for conversation in conversations:
            if not conversation.cancelled() and (mistake := conversation.exception()) is not None:
                raise mistake

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection until its end."""
        try:
            while True:
                async with asyncio.timeout(REQUEST_SECONDS):
                    head = await reader.readuntil(b"\r\n\r\n")
                async with asyncio.timeout(SEND_SECONDS):
                    await self._answer(head, writer)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, TimeoutError):
            pass  # the client has ended, or is none of ours: its pull fails and says so

    async def _answer(self, head: bytes, writer: asyncio.StreamWriter) -> None:
        method, path = _request_line(head)
        if method not in {"GET", "HEAD"}:
            await _reply(writer, HTTPStatus.METHOD_NOT_ALLOWED)
            return
        blob = self._find(path)
        if blob is None:
            await _reply(writer, HTTPStatus.NOT_FOUND)
            return
        headers = {
            "Content-Type": blob.media_type or "application/octet-stream",
            "Docker-Content-Digest": blob.digest,
        }
        await _reply(writer, HTTPStatus.OK, headers, length=blob.size)
        if method == "HEAD":
            return
        if blob.content is not None:
            writer.write(blob.content)
            await writer.drain()
        else:
            await asyncio.get_running_loop().sendfile(writer.transport, self._archive, blob.offset, blob.size)

    def _find(self, path: str) -> Blob | None:
        """Return what `/SECRET/v2/NAME/(manifests|blobs)/REFERENCE` means; a tag, whichever, is the image."""
        parts = path.partition("?")[0].split("/")
        if len(parts) < 6 or parts[0] or parts[2] != "v2":
            return None
        if not secrets.compare_digest(parts[1].encode(), self._secret.encode()):
            return None
        kind, reference = parts[-2:]
        if kind not in {"manifests", "blobs"}:
            return None
        if kind == "manifests" and ":" not in reference:
            return self._image.target
        return self._blobs.get(reference)


def _request_line(head: bytes) -> tuple[str, str]:
    words = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
    return (words[0], words[1]) if len(words) == 3 else ("", "")


async def _reply(
    writer: asyncio.StreamWriter, status: HTTPStatus, headers: dict[str, str] | None = None, *, length: int = 0
) -> None:
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", f"Content-Length: {length}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
    await writer.drain()
