"""A server of one exec over WebSocket v5: it echoes its input in capitals, tells the window's size, and ends as told."""

from __future__ import annotations

import json
import socket
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Request

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

STDIN, STDOUT, ERROR, RESIZE, CLOSE = 0, 1, 3, 4, 0xFF


@dataclass
class ExecServer:
    """Listens at `path`; the word `exit` in its input, or the input's end, ends the command with `code`."""

    path: Path
    code: int = 0
    target: str = ""
    sizes: list[tuple[int, int]] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._message = b""
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen()
        self._listener.settimeout(20)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self._thread.join(20)
        assert not self._thread.is_alive()

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with connection:
            connection.settimeout(20)
            web = WSConnection(ConnectionType.SERVER)
            ended = False
            while not ended and (data := connection.recv(65536)):
                web.receive_data(data)
                for event in web.events():
                    out, ended = self._answer(web, event)
                    connection.sendall(out)
                    if ended:
                        break

    def _answer(self, web: WSConnection, event: object) -> tuple[bytes, bool]:
        match event:
            case Request(target=target):
                self.target = target
                return web.send(AcceptConnection(subprotocol="v5.channel.k8s.io")), False
            case BytesMessage(data=data, message_finished=finished):
                self._message += bytes(data)
                if not finished:
                    return b"", False
                message, self._message = self._message, b""
                return self._take(web, message)
            case _:
                return b"", isinstance(event, CloseConnection)

    def _take(self, web: WSConnection, data: bytes) -> tuple[bytes, bool]:
        channel, text = data[0], data[1:]
        if channel == RESIZE:
            size = json.loads(text)
            self.sizes.append((size["Width"], size["Height"]))
            return web.send(BytesMessage(data=bytes([STDOUT]) + f"<{size['Width']}x{size['Height']}>".encode())), False
        out = web.send(BytesMessage(data=bytes([STDOUT]) + text.upper())) if channel == STDIN else b""
        if channel == CLOSE or b"exit" in text:
            return out + web.send(BytesMessage(data=bytes([ERROR]) + self._status())) + web.send(
                CloseConnection(1000)
            ), True
        return out, False

    def _status(self) -> bytes:
        if not self.code:
            return json.dumps({"status": "Success"}).encode()
        cause = {"reason": "ExitCode", "message": str(self.code)}
        return json.dumps({"status": "Failure", "reason": "NonZeroExitCode", "details": {"causes": [cause]}}).encode()
