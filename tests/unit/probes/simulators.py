"""A clock moved by hand, an exec port that answers by script, and servers on the loopback address."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING

from podstead.clock import Instant
from podstead.errors import RuntimeFault
from podstead.identity import ContainerID, PodKey, PodUID
from podstead.k8s import core_v1 as v1
from podstead.state.probes import ProbeKind, ProbeTarget, ProbeVerdict
from podstead.state.runtime import ExecResult

if TYPE_CHECKING:
    import ssl

UID = PodUID("uid-1")


class HandClock:
    """Time that passes only in `advance`; sleepers wake in order, and what they start runs before the next wakes."""

    def __init__(self, boot: float = 1000.0) -> None:
        self.boot = boot
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = itertools.count()

    def now(self) -> Instant:
        return Instant(boot_id="b", boot=self.boot, wall=self.boot)

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.boot + seconds, next(self._count), future))
        await future

    async def advance(self, seconds: float) -> None:
        end = self.boot + seconds
        await settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            due, _, future = heapq.heappop(self._sleepers)
            if not future.done():
                self.boot = max(self.boot, due)
                future.set_result(None)
                await settle()
        self.boot = end


async def settle() -> None:
    for _ in range(30):
        await asyncio.sleep(0)


class Containers:
    """A runtime's exec port. `answers` maps a command's first word to exit codes or faults; the last one repeats."""

    def __init__(self, clock: HandClock) -> None:
        self.clock = clock
        self.answers: dict[str, list[int | RuntimeFault]] = {}
        self.output = b""
        self.calls: list[tuple[float, ContainerID, tuple[str, ...], float]] = []

    async def exec_sync(self, container: ContainerID, command: tuple[str, ...], timeout: float) -> ExecResult:  # noqa: ASYNC109 - the port's shape
        self.calls.append((self.clock.boot, container, command, timeout))
        script = self.answers.get(command[0], [0])
        answer = script.pop(0) if len(script) > 1 else script[0]
        if isinstance(answer, RuntimeFault):
            raise answer
        return ExecResult(exit_code=answer, stdout=self.output)

    def times(self, word: str) -> list[float]:
        """Seconds after the clock's first 1000 at which a command was run."""
        return [at - 1000.0 for at, _, command, _ in self.calls if command[0] == word]


class Changes:
    """Everything the prober told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, ProbeKind, ProbeVerdict, str]] = []

    def __call__(self, uid: PodUID, container: str, kind: ProbeKind, verdict: ProbeVerdict, message: str) -> None:
        assert uid == UID
        self.told.append((container, kind, verdict, message))

    @property
    def texts(self) -> list[str]:
        return [message for *_, message in self.told]


def target(
    kind: ProbeKind,
    *,
    container_id: str = "c1",
    container: str = "main",
    started_at: float = 1000.0,
    probe: v1.Probe | None = None,
    env: dict[str, str] | None = None,
    **numbers: int,
) -> ProbeTarget:
    """An exec probe whose command is its kind, with the numbers given (period_seconds=…)."""
    made = v1.Probe(
        exec=v1.ExecAction(command=(kind.value,)),
        period_seconds=numbers.get("period", 10),
        timeout_seconds=numbers.get("timeout", 1),
        initial_delay_seconds=numbers.get("delay", 0),
        failure_threshold=numbers.get("failures", 3),
        success_threshold=numbers.get("successes", 1),
    )
    return ProbeTarget(
        key=PodKey("default", "web-node1"),
        uid=UID,
        container=container,
        container_id=ContainerID(container_id),
        kind=kind,
        probe=probe or made,
        host="127.0.0.1",
        ports={"web": 8080},
        env=env or {},
        started_at=started_at,
    )


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def serving(
    handler: Handler, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """Serve connections by `handler` on a free loopback port, which is the value; everything is closed after."""
    writers: list[asyncio.StreamWriter] = []
    tasks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await handler(reader, writer)
        writer.close()

    server = await asyncio.start_server(accept, host, 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        if tasks:
            await asyncio.wait(tasks, timeout=5)
        await server.wait_closed()
