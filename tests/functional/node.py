"""A node for functional tests: the agent's parts and loops as `daemon` builds them, over a simulated runtime.

The agent can be stopped, dropped as by a crash, and started again on the same state directory and runtime.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from podstead.cgroups.hierarchy import Hierarchies
from podstead.cgroups.tree import CgroupTree
from podstead.clock import SystemClock
from podstead.config.node import NodeSettings
from podstead.config.paths import paths_for
from podstead.config.runtime import RuntimeSettings
from podstead.config.settings import Settings
from podstead.config.sources import SourceSettings
from podstead.cri._pb import cri_pb2 as pb
from podstead.cri.client import CRIClient
from podstead.cri.events import ExitSource
from podstead.daemon.auditing import build_audit
from podstead.daemon.ground import Ground
from podstead.daemon.loops import Loops
from podstead.daemon.node import Machine
from podstead.daemon.node_name import AskedName
from podstead.daemon.node_state import NodeState
from podstead.daemon.operations import build_operations
from podstead.daemon.parts import build_parts
from podstead.daemon.reporting import EventRecorder
from podstead.daemon.runtime import RuntimeConnection, RuntimeSetup, cri_facts
from podstead.daemon.stores import Stores
from podstead.daemon.writers import Writers
from podstead.store.changes import EVENTS, PODS
from podstead.store.instance import make_directories, open_instance
from tests.simulators.cri_transports import InProcessTransport
from tests.simulators.signals import SimulatedSignals
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from podstead.agent.session import PodSession
    from podstead.containerd.private import PrivateContainerd
    from podstead.daemon.operations import Operations
    from podstead.daemon.parts import Parts
    from podstead.k8s import core_v1 as v1
    from tests.simulators.cri_runtime import SimulatedRuntime
    from tests.simulators.cri_world import SimulatedContainer

NODE = "node1"
ABSENCE_SECONDS = 0.1
POLL_SECONDS = 0.01


class SimulatedNode:
    """One root directory, one manifest directory, one runtime, and an agent that comes and goes."""

    def __init__(self, root: Path, runtime: SimulatedRuntime, *, memory_bytes: int = 1 << 32) -> None:
        self.runtime = runtime
        self.directory = root / "manifests"
        self.directory.mkdir()
        self.settings = Settings(
            paths=paths_for(root / "root"),
            source=SourceSettings(path=self.directory, absence_seconds=ABSENCE_SECONDS),
            node=NodeSettings(name=NODE, ip="127.0.0.1", resolv_conf=""),
            runtime=RuntimeSettings(endpoint="unix:///nowhere", share_runtime=True),
        )
        self.signals = SimulatedSignals()
        self.private: PrivateContainerd | None = None
        """Set where the runtime is to count as this instance's own; nothing is asked of it."""
        self.request_seconds = 120.0
        self._machine = Machine(
            cpus=2, memory_bytes=memory_bytes, architecture="amd64", os_image="", kernel="", machine_id=""
        )
        self._task: asyncio.Task[None] | None = None
        self._ground: Ground | None = None
        self._parts: Parts | None = None
        self._root: Operations | None = None
        self.died: BaseException | None = None

    # --- the agent ---

    @property
    def parts(self) -> Parts:
        """The parts of the agent that runs."""
        assert self._parts is not None
        return self._parts

    @property
    def ground(self) -> Ground:
        """What the agent that runs stands on."""
        assert self._ground is not None
        return self._ground

    @property
    def root(self) -> Operations:
        """What root may ask of the agent that runs."""
        assert self._root is not None
        return self._root

    async def start(self) -> None:
        """Start an agent; it works in the background."""
        clock = SystemClock()
        make_directories(self.settings.paths)
        instance = open_instance(self.settings.paths, wall=clock.now().wall)
        stores = await Stores.open(self.settings, clock)
        self.audit = build_audit(self.settings, clock)
        transport = InProcessTransport(self.runtime)
        facts = cri_facts(self.settings)
        client = CRIClient(transport, endpoint="simulated", request_seconds=self.request_seconds, node=facts)
        root = f"/podstead-{instance.short}"
        self._ground = Ground(
            settings=self.settings,
            instance=instance,
            clock=clock,
            stores=stores,
            connection=RuntimeConnection(
                client=client,
                exits=ExitSource(transport, clock),
                endpoint="simulated",
                cgroup_root=root,
                private=self.private,
            ),
            recorder=EventRecorder(stores.events, NODE, self.audit),
            auditor=self.audit,
            machine=self._machine,
            cgroups=CgroupTree(root, Hierarchies(trees=())),
            state=NodeState(started_at=clock.now().wall, asked=AskedName(name=NODE, machine=""), address="127.0.0.1"),
            signals=self.signals,
            log=logging.getLogger("node"),
            writers=Writers(self.settings.source, clock),
        )
        self._writing = asyncio.create_task(self.audit.run(), name="audit")
        self._parts = build_parts(self._ground)
        self._root = build_operations(self._ground, self._parts)
        setup = RuntimeSetup(self.settings, instance, root, stores.facts, clock)
        self._task = asyncio.create_task(Loops(self._ground, self._parts, setup).run(), name="agent")

    async def stop(self) -> None:
        """End the agent in order; pods run on."""
        await self._end()
        await self.audit.close()
        await self.ground.stores.close()

    async def crash(self) -> None:
        """Drop the agent: what waits to be written to the database is lost."""
        await self._end()
        database = self.ground.stores.database
        with database._wake:
            database._pending.clear()
        await self.ground.stores.close()

    async def ended(self, seconds: float) -> None:
        """Wait until the agent has ended by itself."""
        assert self._task is not None
        await asyncio.wait({self._task}, timeout=seconds)
        assert self._task.done()

    async def _end(self) -> None:
        assert self._task is not None
        self._task.cancel()
        self._writing.cancel()
        done = await asyncio.gather(self._task, return_exceptions=True)
        self.died = done[0] if isinstance(done[0], BaseException) else None
        self._task = None
        await self.parts.prober.close()
        await self.parts.puller.close()

    @property
    def running(self) -> bool:
        """Whether an agent is there and has not ended by itself."""
        return self._task is not None and not self._task.done()

    @property
    def present(self) -> bool:
        """Whether an agent was started and not ended yet."""
        return self._task is not None

    # --- the manifest directory ---

    def write(self, file: str, text: str) -> None:
        """Put a manifest in place as an editor does: under another name first."""
        hidden = self.directory / f".{file}.new"
        hidden.write_text(text, encoding="utf-8")
        hidden.rename(self.directory / file)

    def remove(self, file: str) -> None:
        """Remove a manifest."""
        (self.directory / file).unlink()

    def limited(self, **changes: object) -> None:
        """Change the node's settings for the next start."""
        self.settings = replace(self.settings, node=replace(self.settings.node, **changes))  # type: ignore[arg-type]  # its fields

    # --- what is to be seen ---

    async def until(self, what: str, holds: Callable[[], object], seconds: float = 5.0) -> None:
        """Wait until something holds; fail when it does not in time, or when the agent ends."""
        end = asyncio.get_running_loop().time() + seconds * PATIENCE
        while not holds():
            if self._task is not None and self._task.done():
                self._task.result()
                raise AssertionError(f"the agent has ended before: {what}")
            if asyncio.get_running_loop().time() > end:
                raise AssertionError(f"not within {seconds * PATIENCE:g} s: {what}\n{self.describe()}")
            await asyncio.sleep(POLL_SECONDS)

    async def running_pod(self, name: str, seconds: float = 5.0) -> SimulatedContainer:
        """Wait until the only container of a pod runs and the API says so; returns it."""
        await self.until(f"{name} runs", lambda: self.serving(name) and self.phase(name) == "Running", seconds)
        (found,) = self.alive(name)
        return found

    async def another(self, name: str, *former: SimulatedContainer) -> SimulatedContainer:
        """Wait until the only container of a pod that runs is none of these, and the API says so; returns it."""
        old = {c.id for c in former}
        await self.until(
            f"another container of {name} runs",
            lambda: self.serving(name) and not old & {c.id for c in self.alive(name)},
        )
        (found,) = self.alive(name)
        return found

    def serving(self, name: str) -> list[str]:
        """Return the names of a pod's containers that run, in order; none while the API shows others than the runtime.

        The agent learns of what the runtime does a moment later: who asks the one and then the other compares two moments.
        """
        pod, alive = self.pod(name), self.alive(name)
        status = pod.status if pod is not None else None
        statuses = (*status.init_container_statuses, *status.container_statuses) if status is not None else ()
        shown = {s.container_id or "" for s in statuses if s.state is not None and s.state.running is not None}
        same = {text.partition("://")[2] for text in shown} == {c.id for c in alive}
        return sorted(c.config.metadata.name for c in alive) if same else []

    async def gone(self, name: str, seconds: float = 5.0) -> None:
        """Wait until nothing is left of a pod."""
        await self.until(
            f"{name} is gone",
            lambda: not self.containers(name) and not self.sandboxes(name) and self.pod(name) is None,
            seconds,
        )

    def pod(self, name: str, namespace: str = "default") -> v1.Pod | None:
        """Return the API's object of a pod, by the name in its manifest."""
        return self.ground.stores.objects.get(PODS, namespace, f"{name}-{NODE}")

    def phase(self, name: str) -> str:
        """Return the phase of a pod, empty when the API has none."""
        pod = self.pod(name)
        return (pod.status.phase or "") if pod is not None and pod.status is not None else ""

    def stuck(self, name: str) -> str:
        """Return the reason in a pod's status, empty when it has none."""
        pod = self.pod(name)
        return (pod.status.reason or "") if pod is not None and pod.status is not None else ""

    def session(self, name: str) -> PodSession:
        """Return the session of a pod."""
        (found,) = [s for s in self.parts.table.sessions() if s.key.name == f"{name}-{NODE}"]
        return found

    def restarts(self, name: str) -> int:
        """Return the restart count of a pod's first container, as the API shows it."""
        pod = self.pod(name)
        assert pod is not None
        assert pod.status is not None
        return pod.status.container_statuses[0].restart_count

    def waiting(self, name: str) -> str:
        """Return why a pod's first container waits, empty when it does not."""
        pod = self.pod(name)
        statuses = pod.status.container_statuses if pod is not None and pod.status is not None else ()
        state = statuses[0].state if statuses else None
        return (state.waiting.reason or "") if state is not None and state.waiting is not None else ""

    def containers(self, name: str) -> list[SimulatedContainer]:
        """Return the runtime's containers of a pod."""
        found = self.runtime.world.containers.values()
        return [c for c in found if c.sandbox.config.metadata.name == f"{name}-{NODE}"]

    def alive(self, name: str) -> list[SimulatedContainer]:
        """Return the runtime's containers of a pod that run."""
        return [c for c in self.containers(name) if c.state == pb.CONTAINER_RUNNING]

    def sandboxes(self, name: str, *, ready: bool = False) -> list[str]:
        """Return the ids of the runtime's sandboxes of a pod."""
        found = self.runtime.world.sandboxes.values()
        return [s.id for s in found if s.config.metadata.name == f"{name}-{NODE}" and (s.ready or not ready)]

    def events(self, reason: str) -> list[str]:
        """Return the messages of all events with this reason."""
        listing = self.ground.stores.objects.list(EVENTS)
        return [e.message or "" for e in listing.items if e.reason == reason]

    def check(self) -> None:
        """Assert what must hold once things have come to rest: no name runs twice, nothing is there without a pod."""
        doubled = Counter(
            (c.sandbox.config.metadata.name, c.config.metadata.name)
            for c in self.runtime.world.containers.values()
            if c.state == pb.CONTAINER_RUNNING
        )
        assert all(count == 1 for count in doubled.values()), doubled
        known = {s.uid for s in self.parts.table.sessions()}
        orphans = [s.id for s in self.runtime.world.sandboxes.values() if s.config.metadata.uid not in known]
        assert not orphans
        ready = Counter(s.config.metadata.uid for s in self.runtime.world.sandboxes.values() if s.ready)
        assert all(count == 1 for count in ready.values()), ready

    def describe(self) -> str:
        """Return what is there, for a failed test."""
        world = self.runtime.world
        lines = [f"calls: {Counter(self.runtime.calls).most_common(12)}"]
        lines += [
            f"{c.sandbox.config.metadata.name}/{c.config.metadata.name}#{c.config.metadata.attempt}"
            f" {pb.ContainerState.Name(c.state)}"
            for c in world.containers.values()
        ]
        lines += [
            f"{s.config.metadata.name}#{s.config.metadata.attempt} ready={s.ready}" for s in world.sandboxes.values()
        ]
        for session in self.parts.table.sessions():
            view = self.parts.pleg.view(session.uid)
            lines += [
                f"{session.record}",
                f"  flights {list(session.flights)} failures {session.failures}",
                f"  blocked {session.blocked} preempted {session.preempted} stray {session.stray}",
                f"  view fresh={view.fresh} {len(view.sandboxes)} {[(c.name, c.state) for c in view.containers]}",
            ]
        lines += [
            f"event {e.involved_object.name} {e.reason} x{e.count} {e.message}"
            for e in self.ground.stores.objects.list(EVENTS).items
        ]
        return "\n".join(lines)
