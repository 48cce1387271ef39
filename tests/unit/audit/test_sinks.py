"""Syslog, the webhook and the checkpoint file get what they should; a slow, absent or hostile receiver hurts nobody."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import shutil
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from podstead.audit import webhook
from podstead.audit.anchor import AnchorFile
from podstead.audit.checkpoint import Checkpoint, read_checkpoints
from podstead.audit.patience import PATIENCE_SECONDS
from podstead.audit.syslog import SyslogSink
from podstead.audit.webhook import MAX_WAITING, WebhookSink
from podstead.audit.writer import Written
from podstead.config.security import WebhookSettings
from podstead.state.audit import Act, AuditEntry, Fact
from tests.unit.audit.logs import HandClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

POINT = Checkpoint(log="0123456789abcdef", sequence=7, hash="ab" * 32)


def written(act: Act = Act.REFUSE, number: int = 7) -> Written:
    entry = AuditEntry(
        act=act, subject="bad.yaml", reason="Unsigned", message="nobody signed it", facts={Fact.OWNER: "uid 1000"}
    )
    return Written(sequence=number, at=HandClock().now(), entry=entry, hash=POINT.hash)


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ends need not wait for what will not arrive."""
    monkeypatch.setattr(webhook, "CLOSE_SECONDS", 0.1)


@pytest.fixture
def short() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="ps-", dir="/tmp"))
    yield made
    shutil.rmtree(made)


@dataclass
class Receiver:
    """An HTTP server that answers as told and keeps what it was sent."""

    server: ThreadingHTTPServer
    statuses: list[int] = field(default_factory=list)
    """Of the next answers; 200 when none is left."""
    bodies: list[Any] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/api/v2/alerts"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the name is http.server's
            body = self.rfile.read(int(self.headers["content-length"]))
            made.headers.append(dict(self.headers))
            made.bodies.append(json.loads(body))
            self.send_response(made.statuses.pop(0) if made.statuses else 200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = Receiver(server)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield made
    server.shutdown()
    server.server_close()
    thread.join()


async def until(holds: Callable[[], object], seconds: float = 60.0) -> None:
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - threads and servers have no event
            await asyncio.sleep(0.01)


def sink_to(url: str, clock: HandClock | None = None, **settings: Any) -> WebhookSink:
    return WebhookSink(WebhookSettings(url=url, **settings), "node1", clock or HandClock())


async def test_an_alarm_is_an_alert(receiver: Receiver, short: Path) -> None:
    (short / "token").write_text("s3cret\n", encoding="ascii")
    sink = sink_to(receiver.url, token_file=short / "token")
    sink.take([written(), written(Act.START)], POINT)
    await until(lambda: receiver.bodies)
    await sink.close()
    ((alert,),) = receiver.bodies
    assert alert["labels"] == {
        "alertname": "PodsteadRefuse",
        "severity": "warning",
        "node": "node1",
        "subject": "bad.yaml",
        "reason": "Unsigned",
    }
    assert alert["annotations"]["summary"] == "nobody signed it"
    assert read_checkpoints(alert["annotations"]["checkpoint"]) == (POINT,)
    assert alert["startsAt"] == "2027-01-15T08:00:00.000Z"
    assert receiver.headers[0]["Authorization"] == "Bearer s3cret"


async def test_a_receiver_that_fails_gets_all_in_order_later(receiver: Receiver) -> None:
    receiver.statuses = [503, 401]
    sink = sink_to(receiver.url)
    sink.take([written(number=1)], POINT)
    await until(lambda: len(receiver.bodies) >= 2)
    sink.take([written(number=2)], POINT)
    sink.anchor(POINT, 1.0)
    await until(lambda: sum(map(len, receiver.bodies[2:])) >= 3)
    taken = [alert for body in receiver.bodies[2:] for alert in body]
    assert [alert["annotations"].get("record") for alert in taken] == ["1", "2", None]
    assert taken[-1]["labels"] == {"alertname": "PodsteadAuditCheckpoint", "severity": "none", "node": "node1"}
    assert sink.take_lost() == 0
    await sink.close()


async def test_alerts_that_are_called_wrong_are_given_up(receiver: Receiver) -> None:
    receiver.statuses = [400] * 5
    sink = sink_to(receiver.url)
    sink.take([written(number=1)], POINT)
    await until(lambda: len(receiver.bodies) >= 5)
    sink.take([written(number=2)], POINT)
    await until(lambda: any(alert["annotations"]["record"] == "2" for alert in receiver.bodies[-1]))
    assert sink.take_lost() >= 1
    await sink.close()


async def test_a_full_queue_keeps_the_first_and_counts_the_rest() -> None:
    sink = sink_to("http://127.0.0.1:1/")
    sink.take([written(number=number) for number in range(MAX_WAITING + 30)], POINT)
    assert sink.take_lost() == 30
    assert sink.take_lost() == 0
    await sink.close()


async def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    clock = HandClock()
    receiver.statuses = [302] * 1000
    sink = sink_to(receiver.url, clock)
    sink.take([written()], POINT)
    await until(lambda: len(receiver.bodies) > 3 and clock.boot > 1000 + PATIENCE_SECONDS)
    assert sink.problem.endswith("127.0.0.1 answers 302")
    await sink.close()


@contextlib.contextmanager
def hostile(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """Serve one TCP answer after another, each in a thread."""
    listening = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def serve() -> None:
        with contextlib.suppress(OSError):
            while not ended.is_set():
                connection, _ = listening.accept()
                with connection, contextlib.suppress(OSError):
                    connection.recv(65536)
                    answer(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
    finally:
        ended.set()
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(60)


async def test_a_receiver_that_never_ends_its_answer_is_left(receiver: Receiver) -> None:
    """One byte now and then holds off every timeout of a single read; the exchange as a whole has one."""
    stop = threading.Event()

    def trickle(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while not stop.wait(0.05):
            connection.sendall(b"x: y\r\n")

    clock = HandClock()
    with hostile(trickle) as url:
        sink = sink_to(url, clock, timeout_seconds=0.4)
        sink.take([written()], POINT)
        await until(lambda: sink._patience._why)  # the loop goes on all the while
        clock.boot += PATIENCE_SECONDS
        stop.set()
        assert "127.0.0.1" in sink.problem
        await sink.close()


async def test_an_endless_or_senseless_answer_is_an_error() -> None:
    for answer in (b"\x00" * 200_000, b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 500, b"", b"HTTP/1.1 2e2 OK\r\n\r\n"):
        clock = HandClock()
        with hostile(lambda connection, data=answer: connection.sendall(data)) as url:  # type: ignore[misc]
            sink = sink_to(url, clock, timeout_seconds=2.0)
            sink.take([written()], POINT)
            await until(lambda held=sink: held._patience._why)  # type: ignore[misc]
            await sink.close()


async def test_tls_is_verified_against_the_given_authority(receiver: Receiver, short: Path) -> None:
    subprocess.run(  # noqa: ASYNC221 - nothing else runs yet
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out", "ca.pem"],
        cwd=short, check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(short / "ca.pem", short / "key.pem")
    receiver.server.socket = context.wrap_socket(receiver.server.socket, server_side=True)
    url = receiver.url.replace("http://127.0.0.1", "https://localhost")
    strange = sink_to(url)
    strange.take([written()], POINT)
    await until(lambda: strange._patience._why)
    assert "CERTIFICATE_VERIFY_FAILED" in strange._patience._why
    await strange.close()
    assert receiver.bodies == []
    known = sink_to(url, ca_file=short / "ca.pem")
    known.take([written()], POINT)
    await until(lambda: receiver.bodies)
    await known.close()


async def test_a_handshake_without_an_end_is_ended_by_the_close() -> None:
    heard, ended = threading.Event(), threading.Event()

    def silent(connection: socket.socket) -> None:
        heard.set()
        while connection.recv(65536):
            pass
        ended.set()

    with hostile(silent) as url:
        sink = sink_to(url.replace("http:", "https:"), timeout_seconds=60.0)
        sink.take([written()], POINT)
        await until(heard.is_set)
        await sink.close()
        await until(ended.is_set)


async def test_a_connection_that_is_reset_leaves_nothing_open() -> None:
    def reset(connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with hostile(reset) as url:
        sink = sink_to(url.replace("http:", "https:"))
        sink.take([written()], POINT)
        await until(lambda: sink._patience._why)
        await sink.close()
    assert "127.0.0.1" in sink._patience._why
    gc.collect()  # what is open still is told about, which is an error here


async def test_syslog_gets_each_record_and_checkpoints(short: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
        daemon.bind(str(short / "log"))
        daemon.settimeout(60)
        sink = SyslogSink(short / "log", HandClock())
        sink.take([written(Act.START), written()], POINT)
        lines = [daemon.recv(4096).decode() for _ in range(3)]
        await sink.close()
    assert [line[: line.index(">") + 1] for line in lines] == ["<86>", "<84>", "<85>"]
    assert lines[1].endswith("record=7 Refuse bad.yaml Unsigned nobody signed it owner=uid 1000")
    assert "podstead-audit[" in lines[1]
    assert read_checkpoints(lines[2]) == (POINT,)


async def test_a_syslog_that_is_away_or_full_is_counted_and_found_again(short: Path) -> None:
    clock = HandClock()
    sink = SyslogSink(short / "log", clock)
    sink.take([written(Act.START)], POINT)
    clock.boot += PATIENCE_SECONDS
    assert (sink.take_lost(), "No such file" in sink.problem) == (1, True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
        daemon.bind(str(short / "log"))
        sink.take([written(Act.START)] * 2000, POINT)
        lost = sink.take_lost()
        assert 0 < lost < 2000  # nobody reads: the socket is full, and nothing waited for it
        with contextlib.suppress(BlockingIOError):
            while daemon.recv(4096, socket.MSG_DONTWAIT):
                pass
        sink.take([written(Act.START)], POINT)
        assert (sink.take_lost(), sink.problem) == (0, "")
    await sink.close()


async def test_checkpoints_are_appended(short: Path) -> None:
    sink = AnchorFile(short / "points", HandClock())
    sink.anchor(POINT, 1_800_000_000.0)
    sink.take([written(Act.START)], POINT)
    await sink.close()
    assert (short / "points").read_text(encoding="ascii") == f"2027-01-15T08:00:00Z {POINT}\n"
    assert (short / "points").stat().st_mode & 0o777 == 0o600


async def test_a_checkpoint_file_that_cannot_be_written_is_a_problem(short: Path) -> None:
    clock = HandClock()
    sink = AnchorFile(short / "away" / "points", clock)
    sink.anchor(POINT, 1.0)
    await until(lambda: sink._patience._why)
    clock.boot += PATIENCE_SECONDS
    assert "No such file" in sink.problem
    (short / "away").mkdir()
    await until((short / "away" / "points").exists)
    await sink.close()
