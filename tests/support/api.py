"""An API over a store with a simulated agent behind it, reached by a plain HTTP client on a UNIX socket."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import h11
import msgspec

from podstead.daemon.trusting import TrustDesk
from podstead.k8s import core_v1 as v1
from podstead.server.api import build_api, build_http
from podstead.server.messages import Caller
from podstead.store.objects import ObjectStore
from podstead.store.trust import TrustStore
from tests.simulators.api_agent import FixedClock, SimulatedAgent
from tests.simulators.api_operations import SimulatedOperations
from tests.support.unheard import Unheard

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from podstead.server.api import ApiServer
    from podstead.server.http import Limits

ROOT = Caller(user="root", pid=1)


class CountingVersions:
    """Resource versions from 1000 on."""

    def __init__(self) -> None:
        self.current = 1000

    def next(self) -> int:
        self.current += 1
        return self.current


@dataclass
class Answer:
    """A whole reply."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    def lines(self) -> list[Any]:
        return [msgspec.json.decode(line) for line in self.body.splitlines()]


class Client:
    """One connection; several requests may follow one another."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.http = h11.Connection(h11.CLIENT)

    async def start(self, method: str, target: str, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
        fields = {"host": "localhost", "content-length": str(len(body)), **(headers or {})}
        self.writer.write(
            self.http.send(h11.Request(method=method, target=target, headers=list(fields.items()))) or b""
        )
        self.writer.write(self.http.send(h11.Data(data=body)) or b"")
        self.writer.write(self.http.send(h11.EndOfMessage()) or b"")
        await self.writer.drain()

    async def event(self) -> Any:
        async with asyncio.timeout(10):
            while (event := self.http.next_event()) is h11.NEED_DATA:
                self.http.receive_data(await self.reader.read(65536))
            return event

    async def ask(self, method: str, target: str, headers: dict[str, str] | None = None, body: bytes = b"") -> Answer:
        await self.start(method, target, headers, body)
        head = await self.event()
        got = b""
        while isinstance(event := await self.event(), h11.Data):
            got += bytes(event.data)
        if self.http.our_state is h11.DONE and self.http.their_state is h11.DONE:
            self.http.start_next_cycle()
        found = {name.decode(): value.decode() for name, value in head.headers}
        return Answer(head.status_code, found, got)

    async def get(self, target: str, accept: str = "") -> Answer:
        return await self.ask("GET", target, {"accept": accept} if accept else None)

    def close(self) -> None:
        self.writer.transport.abort()


@dataclass
class Node:
    """Everything of one API under test."""

    agent: SimulatedAgent
    operations: SimulatedOperations
    store: ObjectStore
    path: Path
    api: ApiServer
    trust: TrustStore
    caller: Caller = ROOT
    clients: list[Client] = field(default_factory=list)

    async def connect(self) -> Client:
        reader, writer = await asyncio.open_unix_connection(str(self.path))
        client = Client(reader, writer)
        self.clients.append(client)
        return client

    async def get(self, target: str, accept: str = "") -> Answer:
        return await self.ask("GET", target, {"accept": accept} if accept else None)

    async def ask(self, method: str, target: str, headers: dict[str, str] | None = None, body: bytes = b"") -> Answer:
        client = await self.connect()
        answer = await client.ask(method, target, headers, body)
        client.close()
        return answer


@contextlib.asynccontextmanager
async def serving(directory: Path, limits: Limits | None = None) -> AsyncIterator[Node]:
    """Serve an API on a socket in this directory."""
    agent = SimulatedAgent()
    operations = SimulatedOperations()
    store = ObjectStore(CountingVersions())  # type: ignore[arg-type]  # counts like the real one, keeps nothing
    path = directory / "s"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    listener.setblocking(False)  # noqa: FBT003 - the standard library's signature
    trust = TrustStore(directory / "state", wall=lambda: FixedClock().now().wall)
    desk = TrustDesk(trust, FixedClock(), Unheard())
    api = build_api(agent, operations, desk, store, FixedClock(), "node1")
    node = Node(agent=agent, operations=operations, store=store, path=path, api=api, trust=trust)
    task = asyncio.get_running_loop().create_task(build_http(api, limits).serve(listener, lambda _: node.caller))
    try:
        yield node
    finally:
        for client in node.clients:
            client.close()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        listener.close()  # of a server that has not begun
        assert task.cancelled()


def pod(name: str, namespace: str = "default", **labels: str) -> v1.Pod:
    """Return a running pod of one container `main`."""
    running = v1.ContainerState(running=v1.ContainerStateRunning(started_at="2026-09-21T00:00:00Z"))
    status = v1.ContainerStatus(
        name="main", image="i", image_id="sha256:1", ready=True, restart_count=0, state=running, started=True
    )
    return v1.Pod(
        metadata=v1.ObjectMeta(
            name=name,
            namespace=namespace,
            uid=f"uid-{name}",
            labels=labels,
            annotations={"kubernetes.io/config.hash": f"hash-{name}"},
        ),
        spec=v1.PodSpec(containers=(v1.Container(name="main"),), node_name="node1"),
        status=v1.PodStatus(phase="Running", container_statuses=(status,)),
    )
