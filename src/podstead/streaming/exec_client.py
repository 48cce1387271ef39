"""The client's half of an exec over the local socket: WebSocket v5, blocking, one poll(2) loop.

For the command line: no event loop is imported, and a terminal, a pipe or a plain file may be stdin (epoll refuses the
last). Terminal modes and signals are the caller's; it wakes this loop for a changed window through `resize_fd`.
"""

from __future__ import annotations

import os
import select
import socket
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import msgspec
from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Ping,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)
from wsproto.utilities import RemoteProtocolError

from podstead.errors import PodsteadError
from podstead.k8s import core_v1 as v1
from podstead.streaming.remotecommand import (
    CLOSE_CHANNEL,
    WEBSOCKET_PROTOCOLS,
    Channel,
    ExecOutcome,
    decode_status,
    outcome_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

READ_BYTES = 32 << 10
MAX_UNSENT_BYTES = 256 << 10
"""Stdin is not read while more than this waits for the socket."""
MAX_REFUSAL_BYTES = 64 << 10
ACCEPT_SECONDS = 150
"""An agent that is alive answers sooner, even with a runtime that hangs: its own calls end after two minutes."""
LOST = "the connection to the agent ended before the command's result was known"


class ExecRefusedError(PodsteadError):
    """The agent refused to start the command; the text is its sentence, `code` the HTTP code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecCommand:
    """What to run where; an empty `container` leaves the choice to the agent."""

    namespace: str
    pod: str
    command: tuple[str, ...]
    container: str = ""
    tty: bool = False

    def target(self, *, stdin: bool) -> str:
        """Return the request's path and query."""
        query = [("command", word) for word in self.command]
        query += [("container", self.container)] if self.container else []
        query += [("stdin", "true")] if stdin else []
        query += [("stdout", "true"), ("tty", "true") if self.tty else ("stderr", "true")]
        path = f"/api/v1/namespaces/{quote(self.namespace, safe='')}/pods/{quote(self.pod, safe='')}/exec"
        return f"{path}?{urlencode(query)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalStreams:
    """File descriptors of this side; `stdin` None: the command gets none.

    `resize_fd` becomes readable when the window may have changed; `size` then returns (columns, rows).
    """

    stdin: int | None
    stdout: int = 1
    stderr: int = 2
    resize_fd: int | None = None
    size: Callable[[], tuple[int, int]] | None = None


class _Session:
    """One exec under way."""

    def __init__(self, connection: socket.socket, streams: LocalStreams) -> None:
        self._socket = connection
        self._streams = streams
        self._ws = WSConnection(ConnectionType.CLIENT)
        self._unsent = bytearray()
        self._stdin = streams.stdin
        self._accepted = False
        self._refusal: int | None = None
        self._refused_with = b""
        self._channel: int | None = None
        self._result = b""
        self._closed = False

    def run(self, target: str) -> ExecOutcome:
        """Open the WebSocket and carry bytes until the command's result is there."""
        request = Request(host="localhost", target=target, subprotocols=list(WEBSOCKET_PROTOCOLS[:1]))
        self._unsent += self._ws.send(request)
        while not self._closed:
            self._turn()
        if self._refusal is not None:
            raise ExecRefusedError(self._refusal, self._sentence())
        if not self._result:
            return ExecOutcome(exit_code=1, message=LOST)
        return outcome_of(decode_status(self._result))

    def _sentence(self) -> str:
        try:
            status = msgspec.json.decode(self._refused_with, type=v1.Status)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return f"the agent answered {self._refusal} without a reason"
        return status.message or f"the agent answered {self._refusal}"

    def _turn(self) -> None:
        """Wait for anything to happen, and do it."""
        ready = select.poll()
        ready.register(self._socket, select.POLLIN | (select.POLLOUT if self._unsent else 0))
        if self._accepted and self._stdin is not None and len(self._unsent) < MAX_UNSENT_BYTES:
            ready.register(self._stdin, select.POLLIN)
        if self._accepted and self._streams.resize_fd is not None:
            ready.register(self._streams.resize_fd, select.POLLIN)
        happened = ready.poll(None if self._accepted else ACCEPT_SECONDS * 1000)
        if not happened:
            raise TimeoutError(f"it did not answer in {ACCEPT_SECONDS} s")
        for descriptor, events in happened:
            if descriptor == self._socket.fileno():
                if events & select.POLLOUT:
                    self._flush()
                if events & ~select.POLLOUT:
                    self._receive()
            elif self._closed or self._result:
                continue  # told in this very turn: the other end takes nothing more
            elif descriptor == self._stdin:
                self._read_stdin(descriptor)
            elif descriptor == self._streams.resize_fd:
                os.read(descriptor, 4096)
                self._send_size()

    def _flush(self) -> None:
        try:
            sent = self._socket.send(self._unsent)
        except BlockingIOError:
            return
        except OSError:
            self._unsent.clear()  # the agent is gone; what it still said is read next
            self._stdin = None
            return
        del self._unsent[:sent]

    def _receive(self) -> None:
        try:
            data = self._socket.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        try:
            self._ws.receive_data(data or None)
            for event in self._ws.events():
                self._take(event)
        except RemoteProtocolError:
            self._closed = True
        self._closed = self._closed or not data

    def _take(self, event: object) -> None:
        match event:
            case AcceptConnection():
                self._accepted = True
                self._send_size()
            case RejectConnection(status_code=code, has_body=has_body):
                self._refusal = code
                self._closed = not has_body
            case RejectData(data=data, body_finished=finished):
                self._refused_with = (self._refused_with + bytes(data))[:MAX_REFUSAL_BYTES]
                self._closed = finished
            case BytesMessage(data=data, message_finished=finished):
                self._deliver(bytes(data), finished=finished)
            case TextMessage():
                self._closed = True  # v5 has binary messages only
            case Ping():
                self._unsent += self._ws.send(event.response())
            case CloseConnection():
                if self._ws.state is ConnectionState.REMOTE_CLOSING:  # and not a connection that just broke
                    self._unsent += self._ws.send(event.response())
                    self._flush()
                self._closed = True
            case _:
                pass

    def _deliver(self, data: bytes, *, finished: bool) -> None:
        if self._channel is None and data:
            self._channel, data = data[0], data[1:]
        match self._channel:
            case Channel.STDOUT:
                _write_all(self._streams.stdout, data)
            case Channel.STDERR:
                _write_all(self._streams.stderr, data)
            case Channel.ERROR:
                self._result += data
                self._stdin = None  # the command is over
            case _:
                pass
        if finished:
            self._channel = None

    def _read_stdin(self, descriptor: int) -> None:
        try:
            data = os.read(descriptor, READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""  # a terminal that was hung up
        if data:
            self._send(Channel.STDIN, data)
        else:
            self._stdin = None
            self._send(CLOSE_CHANNEL, bytes([Channel.STDIN]))

    def _send_size(self) -> None:
        if self._streams.size is not None:
            columns, rows = self._streams.size()
            self._send(Channel.RESIZE, msgspec.json.encode({"Width": columns, "Height": rows}))

    def _send(self, channel: int, data: bytes) -> None:
        self._unsent += self._ws.send(BytesMessage(data=bytes([channel]) + data))


def _write_all(descriptor: int, data: bytes) -> None:
    """Write everything, waiting where the descriptor is non-blocking and full."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:
            select.select([], [descriptor], [])


def run_exec(socket_path: Path, command: ExecCommand, streams: LocalStreams) -> ExecOutcome:
    """Run a command in a container through the agent at `socket_path` and return how it ended.

    Raises `ExecRefusedError` when the agent does not start it, `OSError` when it cannot be reached or is silent, and
    `BrokenPipeError` when this side's stdout is closed.
    """
    with closing(socket.socket(socket.AF_UNIX)) as connection:
        connection.connect(str(socket_path))
        connection.settimeout(0)
        return _Session(connection, streams).run(command.target(stdin=streams.stdin is not None))
