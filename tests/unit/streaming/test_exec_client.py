"""The client's half against a server of plain threads: what it sends, shows and returns."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from typing import TYPE_CHECKING

import pytest
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Ping,
    Pong,
    RejectConnection,
    RejectData,
    Request,
)

from podstead.streaming.exec_client import ExecCommand, ExecRefusedError, LocalStreams, run_exec
from podstead.streaming.remotecommand import ExecOutcome
from tests.simulators.spdy_runtime import SUCCESS, exit_status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

COMMAND = ExecCommand(namespace="default", pod="web", command=("sh", "-c", "a b&c"))


class Server:
    """One WebSocket of the agent's."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self.ws = WSConnection(ConnectionType.SERVER)
        self.target = ""
        self.protocols: list[str] = []
        self.messages: list[bytes] = []
        self.pongs = 0
        self._parts = bytearray()
        self.ended = False

    def read(self) -> None:
        data = self._socket.recv(65536)
        self.ended = not data
        self.ws.receive_data(data or None)
        for event in self.ws.events():
            match event:
                case Request(target=target, subprotocols=protocols):
                    self.target, self.protocols = target, protocols
                case BytesMessage(data=part, message_finished=finished):
                    self._parts += part
                    if finished:
                        self.messages.append(bytes(self._parts))
                        self._parts.clear()
                case Pong():
                    self.pongs += 1
                case _:
                    pass

    def request(self) -> None:
        while not self.target:
            self.read()

    def send(
        self, *events: AcceptConnection | BytesMessage | CloseConnection | Ping | RejectConnection | RejectData
    ) -> None:
        self._socket.sendall(b"".join(self.ws.send(event) for event in events))

    def accept(self) -> None:
        self.request()
        self.send(AcceptConnection(subprotocol="v5.channel.k8s.io"))

    def until(self, done: Callable[[], bool]) -> None:
        while not done() and not self.ended:
            self.read()

    def finish(self, status: bytes) -> None:
        self.send(BytesMessage(data=b"\x03" + status), CloseConnection(code=1000))


@contextlib.contextmanager
def served(path: Path, play: Callable[[Server], None]) -> Iterator[Server]:
    """Serve one connection in a thread, by a script of the test's."""
    ready: list[Server] = []
    failed: list[BaseException] = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        listener.settimeout(60)

        def run() -> None:
            try:
                connection, _ = listener.accept()
                connection.settimeout(60)
                with connection:
                    server = Server(connection)
                    ready.append(server)
                    play(server)
            except BaseException as error:  # noqa: BLE001 - told to the test below
                failed.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield Later(ready)  # type: ignore[misc]  # stands for the server that is made at the connection
        finally:
            thread.join(60)
        assert failed == []


class Later:
    """The server, once there is one."""

    def __init__(self, made: list[Server]) -> None:
        self._made = made

    def __getattr__(self, name: str) -> object:
        return getattr(self._made[0], name)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    read, write = os.pipe()
    yield read, write
    for descriptor in (read, write):
        with contextlib.suppress(OSError):
            os.close(descriptor)


def drain(descriptor: int) -> bytes:
    os.set_blocking(descriptor, False)
    try:
        return os.read(descriptor, 1 << 20)
    except BlockingIOError:
        return b""


def test_the_request_names_everything(directory: Path, pipe: tuple[int, int]) -> None:
    def play(server: Server) -> None:
        server.accept()
        server.finish(SUCCESS)

    with served(directory / "s", play) as server:
        outcome = run_exec(directory / "s", COMMAND, LocalStreams(stdin=None, stdout=pipe[1]))
        assert outcome == ExecOutcome(exit_code=0)
        assert server.target == (
            "/api/v1/namespaces/default/pods/web/exec?command=sh&command=-c&command=a+b%26c&stdout=true&stderr=true"
        )
        assert server.protocols == ["v5.channel.k8s.io"]
    command = ExecCommand(namespace="a/b", pod="c", command=("x",), container="d", tty=True)
    assert command.target(stdin=True) == (
        "/api/v1/namespaces/a%2Fb/pods/c/exec?command=x&container=d&stdin=true&stdout=true&tty=true"
    )


def test_stdin_its_end_output_and_exit_code(directory: Path, pipe: tuple[int, int]) -> None:
    source = directory / "in"
    source.write_bytes(b"x" * 100_000)

    def play(server: Server) -> None:
        server.accept()
        server.until(lambda: b"\xff\x00" in server.messages)
        server.send(BytesMessage(data=b"\x01one "), Ping(payload=b"p"))
        server.send(BytesMessage(data=b"\x01tw", message_finished=False), BytesMessage(data=b"o"))
        server.until(lambda: server.pongs == 1)
        server.finish(exit_status(5))

    with served(directory / "s", play) as server, source.open("rb") as stdin:
        outcome = run_exec(directory / "s", COMMAND, LocalStreams(stdin=stdin.fileno(), stdout=pipe[1]))
        assert outcome.exit_code == 5
        assert drain(pipe[0]) == b"one two"
        assert b"".join(message[1:] for message in server.messages if message[0] == 0) == b"x" * 100_000


def test_a_refusal_is_the_agents_sentence(directory: Path) -> None:
    def play(server: Server) -> None:
        server.request()
        body = b'{"kind":"Status","code":404,"message":"pods \\"web\\" not found"}'
        headers = [(b"content-length", str(len(body)).encode())]
        server.send(
            RejectConnection(status_code=404, headers=headers, has_body=True), RejectData(data=body, body_finished=True)
        )

    with served(directory / "s", play), pytest.raises(ExecRefusedError, match='pods "web" not found') as refused:
        run_exec(directory / "s", COMMAND, LocalStreams(stdin=None))
    assert refused.value.code == 404


@pytest.mark.parametrize("how", ["close", "eof", "reset"])
def test_a_lost_connection_is_never_success(directory: Path, pipe: tuple[int, int], how: str) -> None:
    def play(server: Server) -> None:
        server.accept()
        server.send(BytesMessage(data=b"\x01half"))
        if how == "close":
            server.send(CloseConnection(code=1000))
        elif how == "reset":
            server._socket.sendall(b"\xff\xff\xff")

    with served(directory / "s", play):
        outcome = run_exec(directory / "s", COMMAND, LocalStreams(stdin=None, stdout=pipe[1]))
    assert (outcome.exit_code, drain(pipe[0])) == (1, b"half")
    assert "before the command's result was known" in outcome.message


def test_sizes_are_sent_at_the_start_and_when_they_change(directory: Path, pipe: tuple[int, int]) -> None:
    changed, change = os.pipe()
    sizes = iter([(80, 24), (100, 30)])

    def play(server: Server) -> None:
        server.accept()
        server.until(lambda: len(server.messages) == 1)
        os.write(change, b"x")
        server.until(lambda: len(server.messages) == 2)
        server.finish(SUCCESS)

    streams = LocalStreams(stdin=None, stdout=pipe[1], resize_fd=changed, size=lambda: next(sizes))
    try:
        with served(directory / "s", play) as server:
            run_exec(directory / "s", COMMAND, streams)
            assert server.messages == [b'\x04{"Width":80,"Height":24}', b'\x04{"Width":100,"Height":30}']
    finally:
        os.close(changed)
        os.close(change)


def test_a_server_that_takes_nothing_stops_the_reading_of_stdin(directory: Path, pipe: tuple[int, int]) -> None:
    source = directory / "in"
    source.write_bytes(bytes(32 << 20))
    position: list[int] = []

    def play(server: Server) -> None:
        server.accept()
        before = 0
        for _ in range(200):  # until it goes no further
            threading.Event().wait(0.3)
            if (now := os.lseek(stdin.fileno(), 0, os.SEEK_CUR)) == before > 0:
                break
            before = now
        position.append(before)
        server.finish(SUCCESS)
        server.until(lambda: False)

    with source.open("rb", buffering=0) as stdin, served(directory / "s", play):
        outcome = run_exec(directory / "s", COMMAND, LocalStreams(stdin=stdin.fileno(), stdout=pipe[1]))
    assert outcome.exit_code == 0
    assert 0 < position[0] < 2 << 20


def test_no_agent_is_an_os_error(directory: Path) -> None:
    with pytest.raises(FileNotFoundError):
        run_exec(directory / "none", COMMAND, LocalStreams(stdin=None))
