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
from podstead.daemon.heap import keep_small
from podstead.daemon.housekeeping import Housekeeping
from podstead.daemon.image_needs import image_directory
from podstead.daemon.network import keep_passable
from podstead.daemon.node import node_labels, read_machine
from podstead.daemon.node_name import AskedName, machine_name
from podstead.daemon.node_state import NodeState
from podstead.daemon.objects import load_objects
from podstead.daemon.operations import build_operations
from podstead.daemon.ownership import check_runtime
from podstead.daemon.parts import build_parts
from podstead.daemon.reporting import EventRecorder
from podstead.daemon.runtime import RuntimeSetup
from podstead.daemon.stores import Stores
from podstead.daemon.supervision import keep_told, supervision
from podstead.daemon.volumes import VolumeKeeper
from podstead.daemon.writers import Writers
from podstead.errors import OperatorError, PodsteadError, RuntimeFault
from podstead.network.node_ip import find_node_ip
from podstead.reconcile.termination import grace_seconds
from podstead.server.access import local_door
from podstead.server.api import build_api, build_http
from podstead.server.local_socket import listen_local
from podstead.store.facts import BOOT_ID, DIRECTORY, OBJECTS_DIRECTORY
from podstead.systemd.notify import Notifier
from podstead.upkeep.signals import SystemSignals

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from podstead.agent.object_loop import ObjectLoop
    from podstead.agent.syncloop import SyncLoop
    from podstead.audit.log import AuditLog
    from podstead.clock import Clock
    from podstead.config.settings import Settings
    from podstead.daemon.departing import Departing
    from podstead.daemon.parts import Parts
    from podstead.daemon.runtime import RuntimeConnection
    from podstead.store.facts import FactStore
    from podstead.store.instance import Instance

log = logging.getLogger(__name__)

# How late what only survives a restart may be written: probe verdicts, the directory's identity.
REMEMBER_SECONDS = 1.0
# How soon a runtime that does not list its pods at the start is asked again.
LIST_SECONDS = 1.0
# How long the manifests wait for the first look at the objects directory: a silent one must not keep pods from running.
OBJECTS_SECONDS = 2.0
# A loop that fails at once, again and again, costs little at this pace.
LOOP_RESTART_SECONDS = 2.0


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
                self._loops = group.create_task(self._work(ground, parts, setup), name="loops")
                telling = group.create_task(keep_told(supervision(ground, parts, self._notifier)), name="supervision")
                await self._stopping.wait()
                for task in (telling, self._loops, serving):
                    task.cancel()
        finally:
            local.close()
            await parts.departing.departure.close()
            await parts.prober.close()
            await parts.puller.close()

    async def _work(self, ground: Ground, parts: Parts, setup: RuntimeSetup) -> None:
        """Recover, then run every loop."""
        stores = ground.stores
        while not await parts.pleg.relist():
            # Without a list nothing can be told of what runs: neither which revisions made it, nor what is adopted.
            await self._clock.sleep(LIST_SECONDS)
        with contextlib.suppress(RuntimeFault):  # it is asked again soon; until then pods that need more of it wait
            ground.state.last_runtime = await ground.connection.client.info()
        loaded = await stores.records.load()
        for corrupt in loaded.corrupt:
            text = f"{corrupt.path} was corrupt and is set aside as {corrupt.kept_at}: {corrupt.reason}"
            ground.recorder.node_event("StateCorrupt", text, warning=True)
        await load_objects(ground, parts.objects.present)
        if await self._same_boot(stores.facts):
            for record in loaded.records:
                if (probes := parts.memory.load(record.uid)) is not None:
                    parts.prober.restore(record.uid, probes)
        if parts.signatures is not None:
            await parts.signatures.begin()
        await parts.recovery.recover(loaded.records)
        if parts.sync is not None:
            parts.sync.judge_room()
        for uid in set(stores.history.load_all()) - {s.uid for s in parts.table.sessions()}:
            stores.history.remove(uid)
        labels = node_labels(self._settings.node.name, ground.machine, self._settings.node.labels)
        keeper = Housekeeping(ground=ground, parts=parts, labels=labels)
        parts.upkeep.foreign.on_change = keeper.poke
        parts.upkeep.foreign.begin()
        loops: dict[str, Callable[[], Awaitable[None]]] = {
            "workers": parts.table.run,
            "pleg": lambda: parts.pleg.run(self._settings.runtime.relist_seconds),
            "runtime": lambda: setup.keep(ground.connection, parts.pleg.lost),
            "housekeeping": keeper.run,
            "memory": lambda: self._remember(ground, parts),
            "heap": lambda: keep_small(self._clock),
            "adoption": lambda: self._adopt(parts),
            "objects": parts.objects.loop.run,
            "config-files": parts.objects.files.run,
            "allowances": parts.trust.run,
            "attribution": ground.writers.run,
            "volumes": VolumeKeeper(self._clock, parts.volumes, parts.upkeep.homes, parts.table, parts.pleg).run,
            **parts.upkeep.loops,
            **parts.gates.loops,
        }
        if parts.signatures is not None:
            loops["signatures"] = parts.signatures.run
        if parts.sync is not None:
            loops["sync"] = partial(self._sync, parts.sync, parts.objects.loop)
            if parts.gates.policing is not None:
                loops["policy"] = partial(parts.gates.policing.run, parts.sync.poke)
        parts.departing.departure.on_change = partial(_shutdown_changed, keeper, parts.sync)
        if (lock := parts.departing.lock) is not None:
            loops["shutdown"] = lock.run
        if (network := ground.connection.network) is not None:
            every = self._settings.node.network_seconds
            loops["network"] = partial(keep_passable, network, self._clock, every, ground.recorder.node_event)
        async with asyncio.TaskGroup() as group:
            for name, loop in loops.items():
                group.create_task(self._for_ever(name, loop, ground.recorder), name=name)

    @staticmethod
    async def _sync(sync: SyncLoop, objects: ObjectLoop) -> None:
        """Look at the manifests when the objects have been looked at, so that no new pod misses what is there."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(OBJECTS_SECONDS):
                await objects.looked.wait()
        await sync.run()

    async def _same_boot(self, facts: FactStore) -> bool:
        """Return whether the machine has not restarted since the last agent: what is volatile counts then only."""
        boot_id = self._clock.now().boot_id
        if facts.get(BOOT_ID) == boot_id:
            return True
        await self._put_fact(facts, BOOT_ID, boot_id)
        return False

    async def _for_ever(self, name: str, loop: Callable[[], Awaitable[None]], recorder: EventRecorder) -> None:
        """Run a loop again when it ends by a fault: neither a mistake of ours nor a lost runtime ends the agent."""
        while True:
            try:
                await loop()
            except Exception as error:
                log.exception("the %s loop failed; it starts again", name)
                recorder.node_event("LoopFailed", f"the agent's {name} loop failed ({_kind(error)})", warning=True)
            await self._clock.sleep(LOOP_RESTART_SECONDS)

    async def _remember(self, ground: Ground, parts: Parts) -> None:
        while True:
            await self._clock.sleep(REMEMBER_SECONDS)
            for session in parts.table.sessions():
                parts.memory.save(session.uid, parts.prober.results(session.uid))
            if parts.directory is not None:
                await self._put_fact(ground.stores.facts, DIRECTORY, parts.directory.identity)
            if (objects := parts.objects.directory) is not None:
                await self._put_fact(ground.stores.facts, OBJECTS_DIRECTORY, objects.identity)

    @staticmethod
    async def _put_fact(facts: FactStore, name: str, value: str | None) -> None:
        try:
            await facts.put({name: value})
        except PodsteadError as error:
            log.warning("cannot remember the fact %s: %s", name, error)

    async def _adopt(self, parts: Parts) -> None:
        """Take in what a late answer of the runtime left behind: a sandbox that nobody waits for any more."""
        found = asyncio.Event()
        parts.pleg.on_unknown = found.set
        while True:
            await parts.recovery.adopt_unknown()
            if parts.sync is not None:
                parts.sync.poke()
            await found.wait()
            found.clear()

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


def _shutdown_changed(keeper: Housekeeping, sync: SyncLoop | None) -> None:
    """Show that the machine goes down, or does not after all; what was refused meanwhile is looked at again."""
    keeper.poke()
    if sync is not None:
        sync.poke()


def _kind(error: Exception) -> str:
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return str(error) if isinstance(error, PodsteadError) else type(error).__name__
