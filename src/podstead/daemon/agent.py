"""The agent: every room's class, built once, started in order and stopped in reverse.

Order of the start, and why: state before anything that may change it; the runtime before recovery, which lists it;
recovery before the first look, so that what runs is known before anything is judged; the API as early as its store, so
that a slow start can be watched. Stopping cancels the loops; steps under way are found again by the next agent.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from podstead.admission.values import NodeFacts as RoomFacts
from podstead.agent.executor import Executor
from podstead.agent.home import PodHomes
from podstead.agent.incarnations import Incarnations
from podstead.agent.mirror import PodMirror
from podstead.agent.pleg import Pleg
from podstead.agent.recovery import Recovery
from podstead.agent.requests import NodeFacts as RequestFacts
from podstead.agent.requests import RequestBuilder
from podstead.agent.room import NodeRoom, slot_rank
from podstead.agent.shelf import RevisionShelf
from podstead.agent.slots import StartSlots
from podstead.agent.syncloop import SyncLoop
from podstead.agent.table import PodTable
from podstead.agent.worker import PodWorker
from podstead.cgroups.hierarchy import read_hierarchies
from podstead.cgroups.tree import CgroupTree
from podstead.daemon import halt
from podstead.daemon.front import AgentFront, NodeState
from podstead.daemon.housekeeping import Housekeeping
from podstead.daemon.keeping import ProbeMemory, RevisionFiles, StoreBooks
from podstead.daemon.node import allocatable, node_labels, read_machine
from podstead.daemon.ownership import check_runtime
from podstead.daemon.reporting import ApiObjects, Board, EventRecorder
from podstead.daemon.runtime import RuntimeSetup
from podstead.images.credentials import Credentials
from podstead.images.puller import Puller
from podstead.network.node_ip import find_node_ip
from podstead.probes.prober import Prober
from podstead.reconcile.termination import grace_seconds
from podstead.server.access import local_door
from podstead.server.api import build_api, build_http
from podstead.server.local_socket import listen_local
from podstead.sources.decoder import Decoder
from podstead.sources.directory import DirectorySource
from podstead.state.probes import Outcome
from podstead.status.generate import NodeIdentity
from podstead.store.database import Database
from podstead.store.events import EventStore
from podstead.store.facts import FactStore
from podstead.store.history import HistoryStore
from podstead.store.objects import ObjectStore
from podstead.store.records import RecordStore
from podstead.store.revisions import RevisionStore
from podstead.store.versions import ResourceVersions
from podstead.volumes.home import PodVolumes
from podstead.volumes.mounter import SystemMounter
from podstead.volumes.resolv import ClusterDNS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from podstead.agent.session import PodSession
    from podstead.clock import Clock
    from podstead.config import Settings
    from podstead.daemon.runtime import RuntimeConnection
    from podstead.identity import PodUID
    from podstead.state.probes import ProbeKind, ProbeVerdict
    from podstead.store.instance import Instance

log = logging.getLogger(__name__)

DIRECTORY_IDENTITY = "directoryIdentity"
NODE_NAME = "nodeName"
SLOTS_PER_CPU = 2
"""Best throughput of starts (spec/cri.md 2)."""
DOCKER_CONFIG = Path("/root/.docker/config.json")


class Stores:
    """Everything that survives: opened before anything else, closed last."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        state = settings.paths.state

        def wall() -> float:
            return clock.now().wall

        self.records = RecordStore(state, wall=wall)
        self.revisions = RevisionStore(state, wall=wall)
        self.facts = FactStore(state, wall=wall)
        self.versions = ResourceVersions(state, wall=wall)
        self.database = Database(state / "podstead.db", wall=wall)
        self.history = HistoryStore(self.database)
        self.objects = ObjectStore(self.versions)
        self.events = EventStore(self.database, self.objects, clock, node=settings.node.name)

    async def open(self) -> list[str]:
        """Open everything; returns a sentence for each corrupt thing that was set aside."""
        told = []
        if corrupt := await self.facts.load():
            told.append(f"state file {corrupt.path} was corrupt and is set aside: {corrupt.reason}")
        await self.versions.open()
        await self.database.open()
        await self.history.load()
        await self.events.load()
        told += [f"database {c.path} was corrupt and is set aside: {c.reason}" for c in self.database.take_corrupt()]
        return told

    async def close(self) -> None:
        """Write what is pending and close."""
        await self.database.flush()
        await self.database.close()


class Agent:
    """One node agent; `run` returns after `stop`, or after a halt."""

    def __init__(self, settings: Settings, instance: Instance, clock: Clock) -> None:
        self._settings = settings
        self._instance = instance
        self._clock = clock
        self._stores = Stores(settings, clock)
        self._cgroup_root = settings.node.cgroup_root or f"/podstead-{instance.short}"
        self._stopping = asyncio.Event()
        self._loops: asyncio.Task[None] | None = None

    def stop(self) -> None:
        """End the agent soon; pods run on."""
        self._stopping.set()

    async def run(self) -> None:
        """Run until told to stop. Raises OperatorError when it cannot start."""
        corrupt = await self._stores.open()
        try:
            setup = RuntimeSetup(self._settings, self._instance, self._cgroup_root, self._stores.facts, self._clock)
            recorder = EventRecorder(self._stores.events, self._settings.node.name)
            for sentence in corrupt:
                recorder.node_event("StateCorrupt", sentence, warning=True)
            connection = await setup.connect(lambda text: recorder.node_event("HostChanged", text))
            await self._check_foreign(connection)
            await self._run_with(connection, setup, recorder)
        finally:
            await self._stores.close()

    async def _check_foreign(self, connection: RuntimeConnection) -> None:
        if connection.private is None and not self._settings.runtime.share_runtime:
            check_runtime(connection.endpoint, await connection.client.sandboxes())

    async def _run_with(self, connection: RuntimeConnection, setup: RuntimeSetup, recorder: EventRecorder) -> None:
        settings, stores, clock = self._settings, self._stores, self._clock
        for flag in settings.unused:
            log.info("%s is accepted and means nothing here", flag)
        machine = await asyncio.to_thread(read_machine)
        address = settings.node.ip or (await asyncio.to_thread(find_node_ip)).ip
        state = NodeState(started_at=clock.now().wall, address=address)

        def wake(uid: PodUID) -> None:
            table.wake(uid)

        pleg = Pleg(connection.client, connection.exits, clock, self._instance.id, wake)
        memory = ProbeMemory(stores.history)

        def probed(uid: PodUID, _container: str, _kind: ProbeKind, verdict: ProbeVerdict, text: str) -> None:
            session = table.by_uid(uid)
            if session is not None and text:
                fine = verdict.outcome is Outcome.SUCCESS and not verdict.failures
                recorder.event(session.key, uid, "ProbeWarning" if fine else "Unhealthy", text, warning=True)
            table.wake(uid)

        prober = Prober(connection.client.exec_sync, clock, probed)
        protected = [settings.paths.root, settings.paths.run]
        if settings.source is not None:
            protected.append(settings.source.path)
        volumes = PodVolumes(settings.paths, SystemMounter(), protected=protected, memory_bytes=machine.memory_bytes)
        cgroups = CgroupTree(self._cgroup_root, await asyncio.to_thread(read_hierarchies))
        await asyncio.to_thread(cgroups.prepare)
        credentials = Credentials(files=self._credential_files(), warn=lambda text: log.warning("%s", text))
        puller = Puller(
            connection.client.pull_image,
            connection.client.image,
            settings.images,
            credentials.find,
        )
        requests = RequestBuilder(
            RequestFacts(
                instance=self._instance.id,
                paths=settings.paths,
                cgroup_root=self._cgroup_root,
                runtime_handler=connection.handler,
                resolv_conf=settings.node.resolv_conf,
                dns=ClusterDNS(servers=settings.node.cluster_dns, domain=settings.node.cluster_domain),
                memory_bytes=machine.memory_bytes,
                ip=lambda: state.address,
            ),
            volumes,
            recorder,
            pleg.view,
        )
        executor = Executor(
            connection.client,
            puller,
            PodHomes(volumes, cgroups, settings.paths.pod_logs),
            StoreBooks(stores.records, stores.history, clock),
            requests,
            recorder,
            StartSlots(SLOTS_PER_CPU * machine.cpus),
            clock,
            slot_rank,
        )
        mirror = PodMirror(
            prober,
            ApiObjects(stores.objects, self._instance.created_at),
            recorder,
            NodeIdentity(name=settings.node.name, ip=address, runtime="containerd"),
            clock,
        )
        table = PodTable(lambda session: PodWorker(session, pleg, executor, mirror, clock, settings.restart), clock)
        labels = node_labels(settings.node.name, machine, settings.node.labels)
        room = NodeRoom(
            table,
            RoomFacts(
                name=settings.node.name,
                labels=labels,
                allocatable=allocatable(machine),
                max_pods=settings.node.max_pods,
                allowed_unsafe_sysctls=settings.node.allowed_unsafe_sysctls,
            ),
            pleg.view,
            recorder,
        )
        shelf = RevisionShelf(RevisionFiles(stores.revisions), settings.node.name)
        board = Board(table, recorder)
        recovery = Recovery(table, pleg, shelf, stores.records, stores.history.get)
        source = self._source(table)
        sync = None
        if source is not None and settings.source is not None:
            sync = SyncLoop(
                source,
                Decoder(settings.node.name, settings.strict, settings.source),
                table,
                Incarnations(table, shelf, stores.records, room, recorder, clock),
                room,
                board,
                clock,
            )
        keeper = Housekeeping(
            settings=settings,
            instance=self._instance,
            machine=machine,
            labels=labels,
            connection=connection,
            stores=stores,
            state=state,
            board=board,
            pleg=pleg,
            clock=clock,
        )
        front = AgentFront(
            settings,
            self._instance,
            table,
            pleg,
            connection,
            puller,
            board,
            source,
            state,
            lambda: self._halt(connection, table),
        )

        def ended(session: PodSession) -> None:
            mirror.ended(session)
            pleg.forget(session.uid)
            memory.forget(session.uid)
            if sync is not None:
                sync.poke()

        def connected(is_back: bool) -> None:
            (prober.runtime_back if is_back else prober.runtime_lost)()

        table.on_end = ended
        pleg.on_connection = connected
        api = build_http(build_api(front, stores.objects, clock, settings.node.name))
        local = listen_local(settings.paths.socket)
        try:
            self._loops = asyncio.create_task(
                self._work(pleg, table, recovery, sync, keeper, setup, connection, prober, memory, source)
            )
            async with asyncio.TaskGroup() as group:
                serving = group.create_task(api.serve(local.listener, local_door(self._cgroup_root)))
                stopping = group.create_task(self._stopping.wait())
                await asyncio.wait({self._loops, stopping}, return_when=asyncio.FIRST_COMPLETED)
                if self._loops.done() and not self._stopping.is_set() and not self._loops.cancelled():
                    serving.cancel()
                    stopping.cancel()
                    self._loops.result()
                await self._stopping.wait()
                self._loops.cancel()
                serving.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await self._loops
        finally:
            local.close()
            stores.objects.close()
            await prober.close()
            await puller.close()
            connection.client.close()

    async def _work(
        self,
        pleg: Pleg,
        table: PodTable,
        recovery: Recovery,
        sync: SyncLoop | None,
        keeper: Housekeeping,
        setup: RuntimeSetup,
        connection: RuntimeConnection,
        prober: Prober,
        memory: ProbeMemory,
        source: DirectorySource | None,
    ) -> None:
        """Recover, then run every loop."""
        loaded = await self._stores.records.load()
        await pleg.relist()
        for record in loaded.records:
            if (probes := memory.load(record.uid)) is not None:
                prober.restore(record.uid, probes)
        await recovery.recover(loaded.records)
        async with asyncio.TaskGroup() as group:
            group.create_task(table.run(), name="workers")
            group.create_task(pleg.run(self._settings.runtime.relist_seconds), name="pleg")
            group.create_task(setup.keep(connection, pleg.lost), name="runtime")
            group.create_task(keeper.run(sync), name="housekeeping")
            group.create_task(self._remember_probes(table, prober, memory), name="probe-memory")
            if sync is not None:
                group.create_task(sync.run(), name="sync")
            if source is not None:
                group.create_task(self._remember_directory(source), name="directory-identity")
            del recovery

    async def _remember_probes(self, table: PodTable, prober: Prober, memory: ProbeMemory) -> None:
        while True:
            await self._clock.sleep(1.0)
            for session in table.sessions():
                memory.save(session.uid, prober.results(session.uid))

    async def _remember_directory(self, source: DirectorySource) -> None:
        while True:
            await self._clock.sleep(1.0)
            if source.identity != self._stores.facts.get(DIRECTORY_IDENTITY):
                await self._stores.facts.put({DIRECTORY_IDENTITY: source.identity})

    def _source(self, table: PodTable) -> DirectorySource | None:
        if self._settings.source is None:
            return None
        return DirectorySource(
            self._settings.source,
            self._clock,
            known_identity=self._stores.facts.get(DIRECTORY_IDENTITY),
            expected=lambda: {r.claim.file for r in table.records().values() if not r.terminating},
        )

    def _credential_files(self) -> list[Path]:
        given = self._settings.images.credentials_file
        return [Path(given)] if given else [self._settings.paths.root / "config.json", DOCKER_CONFIG]

    async def _halt(self, connection: RuntimeConnection, table: PodTable) -> AsyncIterator[str]:
        """End pods and the private runtime, then the agent."""
        graces = {s.uid: grace_seconds(s.desired()) for s in table.sessions()}
        if self._loops is not None:
            self._loops.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._loops
        async for message in halt.end_pods(
            connection.client, self._instance.id, lambda uid: graces.get(uid, halt.DEFAULT_GRACE_SECONDS)
        ):
            yield message
        if connection.private is not None:
            await halt.end_host(self._settings.paths, connection.private, connection.network, self._cgroup_root)
            yield "the private containerd has ended"
        self.stop()
