"""What a simulated runtime holds: sandboxes, containers, names, time and events."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from podstead.cri._pb import cri_pb2 as pb
from tests.simulators.cri_events import EventBus
from tests.simulators.cri_faults import EXIT, Fault, FaultPlan
from tests.simulators.cri_images import ImageStore
from tests.simulators.cri_logs import ContainerLog
from tests.simulators.cri_tasks import LostTasks

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from podstead.clock import Clock

KILLED = 137
"""128 + SIGKILL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What a simulated container's process does. `on_term` is its exit code after SIGTERM, None: it ignores that."""

    exit_after_seconds: float | None = None
    exit_code: int = 0
    on_term: int | None = 0
    term_seconds: float = 0.0
    start_error: str = ""


@dataclass(slots=True, kw_only=True)
class SimulatedSandbox:
    """One sandbox."""

    id: str
    config: pb.PodSandboxConfig
    runtime_handler: str
    created_at: int
    ip: str
    ready: bool = True

    @property
    def host_network(self) -> bool:
        """Whether it is in the node's network namespace."""
        return self.config.linux.security_context.namespace_options.network == pb.NODE


@dataclass(slots=True, kw_only=True)
class SimulatedContainer:
    """One container. `pid` is 0 while nothing runs; `ended` is set when its process has."""

    id: str
    sandbox: SimulatedSandbox
    config: pb.ContainerConfig
    image_ref: str
    created_at: int
    program: Program
    state: pb.ContainerState = pb.CONTAINER_CREATED
    started_at: int = 0
    finished_at: int = 0
    exit_code: int = 0
    reason: str = ""
    message: str = ""
    pid: int = 0
    dying: bool = False
    graces: list[int] = field(default_factory=list)
    """The timeout of each StopContainer, in seconds."""
    log: ContainerLog | None = None
    """Its log while it runs."""
    written_bytes: int = 0
    """What it has written over its image."""
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def log_path(self) -> str:
        """Where its output goes; empty when it was made without a log."""
        directory = self.sandbox.config.log_directory
        return f"{directory}/{self.config.log_path}" if directory and self.config.log_path else ""


async def _succeed(_: SimulatedContainer, __: tuple[str, ...]) -> pb.ExecSyncResponse:
    return pb.ExecSyncResponse()


class World:
    """The state that all calls share, and the physics: processes start, end and are told of."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.faults = FaultPlan()
        self.bus = EventBus()
        self.images = ImageStore()
        self.sandboxes: dict[str, SimulatedSandbox] = {}
        self.containers: dict[str, SimulatedContainer] = {}
        self.lost_tasks = LostTasks()
        self.names: dict[str, str] = {}
        self.programs: dict[str, Program] = {}
        """What a container does, by its name; one that is not here runs until it is told to end."""
        self.handlers = {"", "crun", "runc"}
        self.log_root: Path | None = None
        """Logs that lie below are written; others are not: a test's path may be a real one of this machine."""
        self.exec_handler: Callable[[SimulatedContainer, tuple[str, ...]], Awaitable[pb.ExecSyncResponse]] = _succeed
        self._tasks: set[asyncio.Task[None]] = set()
        self._made = 0
        self._last_ns = 0

    def new_id(self) -> str:
        """Return an id of 64 hex digits that was not given before."""
        self._made += 1
        return hashlib.sha256(str(self._made).encode()).hexdigest()

    def new_number(self) -> int:
        """Return a small number that was not given before: for addresses and pids."""
        self._made += 1
        return self._made

    def now_ns(self) -> int:
        """Return the wall clock in nanoseconds, later at each call."""
        self._last_ns = max(self._last_ns + 1, int(self.clock.now().wall * 1e9))
        return self._last_ns

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        """Let something happen in the background until `close`."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """End all background work and all streams."""
        self.bus.break_streams()
        for container in self.containers.values():
            self._close_log(container)
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def start(self, container: SimulatedContainer) -> None:
        """Let a created container's process run."""
        container.state = pb.CONTAINER_RUNNING
        container.started_at = self.now_ns()
        container.pid = 1000 + self.new_number()
        if self.log_root is not None and Path(container.log_path).is_relative_to(self.log_root):
            container.log = ContainerLog(Path(container.log_path))
        self.bus.started(container.id, container.pid)
        after = container.program.exit_after_seconds
        if after is not None:
            self.spawn(self._end_later(container, after, container.program.exit_code))

    async def _end_later(self, container: SimulatedContainer, seconds: float, code: int) -> None:
        await self.clock.sleep(seconds)
        self.end(container, code)

    def end(self, container: SimulatedContainer, code: int, reason: str = "") -> None:
        """End a running container's process; the event and the state follow each other as the faults say."""
        if container.state != pb.CONTAINER_RUNNING or container.dying:
            return
        container.dying = True
        finished = self.now_ns()
        planned = self.faults.take(EXIT)
        twice = planned is not None and planned.fault is Fault.EXIT_EVENT_TWICE
        for _ in range(2 if twice else 1):
            self.bus.exited(container.id, container.pid, code, finished)
        if planned is not None and planned.fault is Fault.EVENT_BEFORE_STATE:
            self.spawn(self._settle_later(container, planned.seconds, code, reason, finished))
        else:
            self._settle(container, code, reason, finished)

    async def _settle_later(
        self, container: SimulatedContainer, seconds: float, code: int, reason: str, finished: int
    ) -> None:
        await self.clock.sleep(seconds)
        self._settle(container, code, reason, finished)

    def _settle(self, container: SimulatedContainer, code: int, reason: str, finished: int) -> None:
        container.state = pb.CONTAINER_EXITED
        container.exit_code = code
        container.reason = reason or ("Error" if code else "Completed")
        container.finished_at = finished
        container.pid = 0
        self._close_log(container)
        container.ended.set()

    def _close_log(self, container: SimulatedContainer) -> None:
        if container.log is not None:
            container.log.close()
            container.log = None

    async def stop(self, container: SimulatedContainer, grace_seconds: int) -> None:
        """Send SIGTERM, then SIGKILL after the grace; returns when the state says that it has ended."""
        if container.state != pb.CONTAINER_RUNNING:
            return
        program = container.program
        if grace_seconds > 0 and program.on_term is not None and program.term_seconds <= grace_seconds:
            if program.term_seconds:
                await self.clock.sleep(program.term_seconds)
            self.end(container, program.on_term)
        else:
            await self.clock.sleep(grace_seconds)
            self.end(container, KILLED)
        await container.ended.wait()

    async def kill(self, container: SimulatedContainer) -> None:
        """Send SIGKILL and wait."""
        await self.stop(container, 0)

    def remove_container(self, container: SimulatedContainer) -> None:
        """Forget a container that does not run and free its name."""
        self.containers.pop(container.id, None)
        self.release(container.id)
        self.bus.deleted(container.id)

    def release(self, owner: str) -> None:
        """Free the names that an object holds."""
        self.names = {name: holder for name, holder in self.names.items() if holder != owner}

    def containers_of(self, sandbox: SimulatedSandbox) -> list[SimulatedContainer]:
        """Return the containers of a sandbox."""
        return [c for c in self.containers.values() if c.sandbox is sandbox]
