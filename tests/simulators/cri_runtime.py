"""A container runtime in memory that speaks the CRI's messages, with faults by name and a hook for crashes.

It keeps the contract of containerd 1.6 as measured in spec/cri.md; `tests/contract` runs the same suite on both.
"""

from __future__ import annotations

import asyncio
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Self

from podstead.clock import Clock, SystemClock
from podstead.cri import methods
from podstead.cri._pb import containerd_events_pb2 as events_pb
from podstead.cri._pb import cri_pb2 as pb
from podstead.cri.errors import CallError, Code
from tests.simulators.cri_containers import ContainerService
from tests.simulators.cri_faults import Fault, FaultPlan, PlannedFault
from tests.simulators.cri_images import ImageStore, make_image
from tests.simulators.cri_sandboxes import SandboxService
from tests.simulators.cri_world import KILLED, Program, SimulatedContainer, SimulatedSandbox, World

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from google.protobuf.message import Message

    Hook = Callable[["Moment", str, Message], None]


class Moment(Enum):
    """When the hook is called: the call has not begun, or has taken effect and its reply is not given yet."""

    BEFORE = auto()
    AFTER = auto()


MUTATING = frozenset(
    m.name
    for m in (
        methods.RUN_SANDBOX,
        methods.STOP_SANDBOX,
        methods.REMOVE_SANDBOX,
        methods.CREATE_CONTAINER,
        methods.START_CONTAINER,
        methods.STOP_CONTAINER,
        methods.REMOVE_CONTAINER,
        methods.UPDATE_RESOURCES,
        methods.REOPEN_LOG,
        methods.PULL_IMAGE,
        methods.REMOVE_IMAGE,
    )
)
"""Names of the calls that change something: those that the hook sees."""


class SimulatedRuntime:
    """The runtime. Use it as an async context manager; `transport` (cri_transports) connects a client to it.

    `hook(moment, method, request)` is called around every mutating call; what it raises reaches the in-process
    caller as it is, so that a test can end the agent at that very instant. `calls` names all calls made so far.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self.world = World(clock or SystemClock())
        self.hook: Hook | None = None
        self.calls: list[str] = []
        self.down = False
        self.event_services = {methods.SUBSCRIBE_EVENTS.name, methods.CONTAINER_EVENTS.name}
        """Which event streams are implemented; take from it to simulate older and other runtimes."""
        self.cgroup_driver: pb.CgroupDriver | None = None
        self.conditions = {"RuntimeReady": True, "NetworkReady": True}
        self.can: dict[str, pb.RuntimeHandlerFeatures] = {}
        """What is told of OCI runtime handlers, by name; nothing, as by containerd before 2.0, unless a test adds it."""
        self.strict_groups = False
        self.name, self.version = "simulated", "1.0.0"
        self._sandboxes = SandboxService(self.world)
        self._containers = ContainerService(self.world, self._sandboxes)
        self._handlers = self._table()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.world.close()

    @property
    def faults(self) -> FaultPlan:
        """The faults to come."""
        return self.world.faults

    @property
    def images(self) -> ImageStore:
        """Images present and pullable."""
        return self.world.images

    @property
    def programs(self) -> dict[str, Program]:
        """What containers do, by their name."""
        return self.world.programs

    def add_image(self, reference: str, *, user: int | None = None, username: str = "") -> pb.Image:
        """Make an image present and pullable; returns it."""
        image = make_image(reference, user=user, username=username)
        self.images.offer(image)
        self.images.add(image)
        return image

    # --- what a transport calls ---

    async def call(self, method: str, request: Message) -> Any:
        """Serve one call by its bare name. Raises CallError, and whatever the hook raises."""
        self.calls.append(method)
        if self.down:
            raise CallError(Code.UNAVAILABLE, "connect failed: Connection refused")
        handler = self._handlers.get(method)
        if handler is None:
            raise CallError(Code.UNIMPLEMENTED, f"method {method} not implemented")
        planned = self.faults.take(method)
        if planned is not None:
            await self._before_effect(planned, method, request)
        if self.hook is not None and method in MUTATING:
            self.hook(Moment.BEFORE, method, request)
        reply = await handler(request)
        if self.hook is not None and method in MUTATING:
            self.hook(Moment.AFTER, method, request)
        if planned is not None:
            await self._after_effect(planned, reply)
        return reply

    def stream(self, method: str, request: Message) -> AsyncGenerator[Any, None]:
        """Serve one stream by its bare name."""
        self.calls.append(method)
        if self.down:
            raise CallError(Code.UNAVAILABLE, "connect failed: Connection refused")
        planned = self.faults.take(method)
        if planned is not None and planned.fault is Fault.NOT_INITIALIZED:
            raise CallError(Code.UNKNOWN, "server is not initialized yet")
        if method not in self.event_services:
            raise CallError(Code.UNIMPLEMENTED, f"method {method} not implemented")
        if isinstance(request, events_pb.SubscribeRequest):
            return self.world.bus.subscribe(request)
        assert isinstance(request, pb.GetEventsRequest)
        return self.world.bus.container_events(request)

    async def _before_effect(self, planned: PlannedFault, method: str, request: Message) -> None:
        match planned.fault:
            case Fault.NAME_RESERVED:
                text = 'failed to reserve sandbox name "x": name "x" is reserved for "another"'
                raise CallError(Code.UNKNOWN, text)
            case Fault.NOT_FOUND_ON_STOP:
                self.vanish(getattr(request, "container_id", "") or getattr(request, "pod_sandbox_id", ""))
            case Fault.NOT_INITIALIZED:
                raise CallError(Code.UNKNOWN, "server is not initialized yet")
            case Fault.UNAVAILABLE:
                raise CallError(Code.UNAVAILABLE, "connect failed: Connection refused")
            case Fault.REFUSED:
                if isinstance(request, pb.StartContainerRequest):
                    self._containers.fail_start(self.container(request.container_id), planned.message)
                raise CallError(Code.UNKNOWN, planned.message)
            case Fault.SLOW:
                await self.world.clock.sleep(planned.seconds)
            case Fault.HANG:
                await asyncio.Event().wait()
            case _:
                return

    async def _after_effect(self, planned: PlannedFault, reply: Message) -> None:
        match planned.fault:
            case Fault.REPLY_LOST:
                raise CallError(Code.UNAVAILABLE, "Connection lost")
            case Fault.HANG_AFTER_EFFECT:
                await asyncio.Event().wait()
            case Fault.EMPTY_IP:
                assert isinstance(reply, pb.PodSandboxStatusResponse)
                reply.status.ClearField("network")
            case _:
                return

    def _table(self) -> dict[str, Callable[[Any], Awaitable[Any]]]:
        sandboxes, containers, images = self._sandboxes, self._containers, self.world.images
        table: dict[methods.Unary[Any, Any], Callable[[Any], Awaitable[Any]]] = {
            methods.VERSION: self._version,
            methods.STATUS: self._status,
            methods.RUNTIME_CONFIG: self._runtime_config,
            methods.FORWARD_EVENT: self._forward,
            methods.RUN_SANDBOX: sandboxes.run,
            methods.STOP_SANDBOX: sandboxes.stop,
            methods.REMOVE_SANDBOX: sandboxes.remove,
            methods.SANDBOX_STATUS: sandboxes.status,
            methods.LIST_SANDBOXES: sandboxes.list,
            methods.CREATE_CONTAINER: containers.create,
            methods.START_CONTAINER: containers.start,
            methods.STOP_CONTAINER: containers.stop,
            methods.REMOVE_CONTAINER: containers.remove,
            methods.LIST_CONTAINERS: containers.list,
            methods.CONTAINER_STATUS: containers.status,
            methods.UPDATE_RESOURCES: containers.update,
            methods.CONTAINER_STATS: containers.stats,
            methods.REOPEN_LOG: containers.reopen_log,
            methods.EXEC_SYNC: containers.exec_sync,
            methods.EXEC: containers.exec,
            methods.LIST_IMAGES: _soon(images.list),
            methods.IMAGE_STATUS: _soon(images.status),
            methods.PULL_IMAGE: _soon(images.pull),
            methods.REMOVE_IMAGE: _soon(images.remove),
            methods.IMAGE_FS_INFO: _soon(images.fs_info),
            methods.KILL_TASK: _soon(self.world.lost_tasks.kill),
            methods.DELETE_TASK: _soon(self.world.lost_tasks.delete),
        }
        return {method.name: handler for method, handler in table.items()}

    async def _version(self, _: pb.VersionRequest) -> pb.VersionResponse:
        return pb.VersionResponse(
            version="0.1.0", runtime_name=self.name, runtime_version=self.version, runtime_api_version="v1"
        )

    async def _status(self, _: pb.StatusRequest) -> pb.StatusResponse:
        conditions = [
            pb.RuntimeCondition(type=kind, status=met, reason="" if met else "Simulated", message="" if met else "no")
            for kind, met in self.conditions.items()
        ]
        return pb.StatusResponse(
            status=pb.RuntimeStatus(conditions=conditions),
            runtime_handlers=[pb.RuntimeHandler(name=name, features=can) for name, can in self.can.items()],
            features=pb.RuntimeFeatures(supplemental_groups_policy=self.strict_groups),
        )

    async def _runtime_config(self, _: pb.RuntimeConfigRequest) -> pb.RuntimeConfigResponse:
        if self.cgroup_driver is None:
            raise CallError(Code.UNIMPLEMENTED, "unknown method RuntimeConfig for service runtime.v1.RuntimeService")
        return pb.RuntimeConfigResponse(linux=pb.LinuxRuntimeConfiguration(cgroup_driver=self.cgroup_driver))

    async def _forward(self, request: events_pb.ForwardRequest) -> events_pb.ForwardResponse:
        self.world.bus.forward(request.envelope)
        return events_pb.ForwardResponse()

    # --- what a test does to it ---

    def container(self, container_id: str) -> SimulatedContainer:
        """Return a container by id, or by name when there is one of that name only."""
        named = [c for c in self.world.containers.values() if c.config.metadata.name == container_id]
        return self.world.containers[container_id] if container_id in self.world.containers else _only(named)

    def sandbox(self, sandbox_id: str) -> SimulatedSandbox:
        """Return a sandbox by id, or by its pod's name when there is one only."""
        named = [s for s in self.world.sandboxes.values() if s.config.metadata.name == sandbox_id]
        return self.world.sandboxes[sandbox_id] if sandbox_id in self.world.sandboxes else _only(named)

    def exit_container(self, container_id: str, code: int) -> None:
        """Let a container's process end by itself."""
        self.world.end(self.container(container_id), code)

    def lose_task(self, container_id: str) -> None:
        """Let a container have a task that the CRI knows nothing of, as after a start that was cancelled midway."""
        self.world.lost_tasks.add(self.container(container_id).id)

    def oom_kill(self, container_id: str) -> None:
        """Let the kernel kill a container's first process for lack of memory."""
        container = self.container(container_id)
        self.world.bus.out_of_memory(container.id)
        self.world.end(container, KILLED, "OOMKilled")

    def kill_sandbox(self, sandbox_id: str) -> None:
        """Kill the pause process: the sandbox is not ready, its containers run on (spec/cri.md 5)."""
        self._sandboxes.kill_pause(self.sandbox(sandbox_id))

    def kill_shim(self, sandbox_id: str) -> None:
        """Kill the shim: the containers are killed with code 255, the sandbox is not ready (spec/cri.md 5)."""
        sandbox = self.sandbox(sandbox_id)
        for container in self.world.containers_of(sandbox):
            self.world.end(container, 255)
        self._sandboxes.kill_pause(sandbox)

    def vanish(self, object_id: str) -> None:
        """Let a container or a sandbox with all in it be gone, without an event."""
        sandbox = self.world.sandboxes.pop(object_id, None)
        gone = [c for c in self.world.containers.values() if c.id == object_id or c.sandbox is sandbox]
        for container in gone:
            del self.world.containers[container.id]
            self.world.release(container.id)
        self.world.release(object_id)

    def go_down(self) -> None:
        """Die, as by kill -9: streams break, calls are refused, containers run on."""
        self.down = True
        self.world.bus.break_streams()

    def come_up(self) -> None:
        """Answer again."""
        self.down = False

    def reboot(self) -> None:
        """Let the machine restart: nothing runs any more, the records are kept, no event is told."""
        self.world.bus.break_streams()
        for container in self.world.containers.values():
            self.world.end(container, 255, "Unknown")
        for sandbox in self.world.sandboxes.values():
            sandbox.ready, sandbox.ip = False, ""

    def write_log(self, container_id: str, line: str, stream: str = "stdout") -> None:
        """Let a running container say a line; it goes to the file that the runtime has open."""
        log = self.container(container_id).log
        assert log is not None, "no log is written: give the world a log_root"
        log.write(line, stream, self.world.now_ns())


def _only(found: list[Any]) -> Any:
    assert len(found) == 1, f"{len(found)} objects have this name"
    return found[0]


def _soon(handler: Callable[[Any], Any]) -> Callable[[Any], Awaitable[Any]]:
    async def call(request: Any) -> Any:
        return handler(request)

    return call
