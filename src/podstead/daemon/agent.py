"""The agent's life: started in order, stopped in reverse.

Order of the start, and why: state before anything that may change it; the runtime before recovery, which lists it;
recovery before the first look, so that what runs is known before anything is judged. Stopping cancels the loops; pods
run on, and steps under way are found again by the next agent.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from podstead.cgroups.hierarchy import read_hierarchies
from podstead.cgroups.layout import both_roots
from podstead.cgroups.tree import CgroupTree
from podstead.daemon import halt
from podstead.daemon.auditing import recorded
from podstead.daemon.departing import end_with_machine, let_logind_be
from podstead.daemon.front import AgentFront
from podstead.daemon.ground import Ground
from podstead.daemon.image_needs import image_directory
from podstead.daemon.loops import Loops
from podstead.daemon.node import read_machine
from podstead.daemon.node_name import AskedName, machine_name
from podstead.daemon.node_state import NodeState
from podstead.daemon.operations import build_operations
from podstead.daemon.ownership import check_runtime
from podstead.daemon.parts import build_parts
from podstead.daemon.reporting import EventRecorder
from podstead.daemon.runtime import RuntimeSetup
from podstead.daemon.stores import Stores
from podstead.daemon.supervision import keep_told, supervision
from podstead.daemon.writers import Writers
from podstead.errors import OperatorError, RuntimeFault
from podstead.network.node_ip import find_node_ip
from podstead.reconcile.termination import grace_seconds
from podstead.server.access import local_door
from podstead.server.api import build_api, build_http
from podstead.server.local_socket import listen_local
from podstead.systemd.notify import Notifier
from podstead.upkeep.signals import SystemSignals

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from podstead.audit.log import AuditLog
    from podstead.clock import Clock
    from podstead.config.settings import Settings
    from podstead.daemon.departing import Departing
    from podstead.daemon.parts import Parts
    from podstead.daemon.runtime import RuntimeConnection
    from podstead.store.instance import Instance

log = logging.getLogger(__name__)


class Agent:
    """One node agent; `run` returns after `stop`, or after a halt."""

    def __init__(self, settings: Settings, instance: Instance, clock: Clock, notifier: Notifier | None = None) -> None:
        self._notifier = notifier or Notifier()
        self._settings = settings
        self._instance = instance
        self._clock = clock
        self._cgroup_root = settings.node.cgroup_root or f"/podstead-{instance.short}"
        self._stopping = asyncio.Event()
        self._loops: asyncio.Task[None] | None = None
        self._departing: Departing | None = None
        self._terminating: asyncio.Task[None] | None = None
        self._asked = AskedName(name=settings.node.name, machine=machine_name())
        self.halted = False
        """Whether its end is that of its pods too."""

    def stop(self) -> None:
        """End the agent soon; pods run on."""
        self._notifier.tell(STOPPING=1, STATUS="stopping")
        self._stopping.set()

    def terminate(self) -> None:
        """End the agent; pods run on, unless the machine goes down: then they end first, in their order."""
        if self._terminating is None:
            self._terminating = asyncio.create_task(self._terminate(), name="terminate")

    async def _terminate(self) -> None:
        try:
            if self._departing is not None:
                await end_with_machine(self._departing, self._notifier, self._clock)
        finally:
            self.stop()

    async def run(self) -> None:
        """Run until told to stop. Raises OperatorError when it cannot start."""
        stores = await Stores.open(self._settings, self._clock)
        self._keep_name(stores.node_name)
        try:
            async with recorded(self._settings, self._clock, self._stopping.is_set) as audit:
                await self._run(stores, EventRecorder(stores.events, self._settings.node.name, audit), audit)
        finally:
            await stores.close()

    async def _run(self, stores: Stores, recorder: EventRecorder, audit: AuditLog) -> None:
        for sentence in stores.corrupt:
            recorder.node_event("StateCorrupt", sentence, warning=True)
        setup = RuntimeSetup(self._settings, self._instance, self._cgroup_root, stores.facts, self._clock)
        connection = await setup.connect(recorder.node_event)
        try:
            await self._check_foreign(connection)
            await self._live(await self._ground(stores, connection, recorder, audit), setup)
        finally:
            connection.client.close()

    def _keep_name(self, pinned: str) -> None:
        """Go on under the node's pinned name: another one would rename, and so replace, every pod (foundation 12)."""
        node = self._settings.node
        if node.name != pinned:
            log.warning("the node's name is now %s; it goes on as %s", node.name, pinned)
            self._settings = replace(self._settings, node=replace(node, name=pinned))

    async def _check_foreign(self, connection: RuntimeConnection) -> None:
        if connection.private is not None or self._settings.runtime.share_runtime:
            return
        try:
            sandboxes = await connection.client.sandboxes()
        except RuntimeFault as fault:
            raise OperatorError(
                f"no container runtime answers at {connection.endpoint} ({fault}): start it,"
                " or leave its endpoint out: a private containerd is run then"
            ) from fault
        check_runtime(connection.endpoint, sandboxes)

    async def _ground(
        self, stores: Stores, connection: RuntimeConnection, recorder: EventRecorder, audit: AuditLog
    ) -> Ground:
        cgroups = CgroupTree(connection.cgroup_root, await asyncio.to_thread(read_hierarchies))
        machine = await asyncio.to_thread(read_machine)
        await asyncio.to_thread(cgroups.prepare, machine.cpus)
        address = self._settings.node.ip or (await asyncio.to_thread(find_node_ip)).ip
        paths = self._settings.paths
        return Ground(
            settings=self._settings,
            instance=self._instance,
            clock=self._clock,
            stores=stores,
            connection=connection,
            recorder=recorder,
            auditor=audit,
            machine=machine,
            cgroups=cgroups,
            state=NodeState(started_at=self._clock.now().wall, address=address, asked=self._asked),
            signals=SystemSignals(paths.root, partial(image_directory, connection, paths)),
            log=log,
            writers=Writers(self._settings.source, self._clock),
        )

    async def _live(self, ground: Ground, setup: RuntimeSetup) -> None:
        parts = build_parts(ground)
        front = AgentFront(ground, parts, lambda: self._halt(ground, parts))
        operations = build_operations(ground, parts)
        self._departing = parts.departing
        name, objects = self._settings.node.name, ground.stores.objects
        api = build_http(build_api(front, operations, parts.trust, objects, self._clock, name, ground.auditor.note))
        local = listen_local(self._settings.paths.socket)
        source, url = self._settings.source, self._settings.url
        watched = [*([str(source.path)] if source else ()), *([url.shown] if url else ())]
        log.info("node %s watches %s, answers at %s", self._settings.node.name, " and ".join(watched), local.path)
        log.info("runtime %s %s", ground.connection.endpoint, ground.connection.handler)
        try:
            async with asyncio.TaskGroup() as group:
                serving = group.create_task(
                    api.serve(local.listener, local_door(*both_roots(self._cgroup_root))), name="api"
                )
                self._loops = group.create_task(Loops(ground, parts, setup).run(), name="loops")
                telling = group.create_task(keep_told(supervision(ground, parts, self._notifier)), name="supervision")
                await self._stopping.wait()
                for task in (telling, self._loops, serving):
                    task.cancel()
        finally:
            local.close()
            await parts.departing.departure.close()
            await parts.prober.close()
            await parts.puller.close()

    async def _halt(self, ground: Ground, parts: Parts) -> AsyncIterator[str]:
        """End pods and the private runtime, then the agent."""
        connection = ground.connection
        async for message in parts.departing.closing.run():
            yield message
        graces = {s.uid: grace_seconds(s.desired()) for s in parts.table.sessions()}
        if self._loops is not None:
            self._loops.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait({self._loops})
        async for message in halt.end_pods(
            connection.client, self._instance.id, lambda uid: graces.get(uid, halt.DEFAULT_GRACE_SECONDS)
        ):
            yield message
        if connection.private is not None:
            await halt.end_host(self._settings.paths, connection.private, connection.network, self._cgroup_root)
            yield "the private containerd has ended"
        if (lock := parts.departing.lock) is not None and not lock.state.absent:
            await asyncio.to_thread(let_logind_be)
        self.halted = True
        self.stop()
