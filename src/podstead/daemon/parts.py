"""The parts of a running agent and how they hold together; built once, after the runtime is there."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from podstead.admission.ports import HostPort
from podstead.admission.values import NodeFacts as RoomFacts
from podstead.agent.closing import NodeClosing
from podstead.agent.executor import Executor
from podstead.agent.hooks import Hooks
from podstead.agent.incarnations import Incarnations
from podstead.agent.means import Means
from podstead.agent.messages import TerminationMessages
from podstead.agent.mirror import PodMirror
from podstead.agent.pleg import Pleg
from podstead.agent.preparer import Preparer
from podstead.agent.promotion import Promotions
from podstead.agent.recovery import Recovery
from podstead.agent.requests import NodeFacts as RequestFacts
from podstead.agent.requests import RequestBuilder
from podstead.agent.resizer import Resizer
from podstead.agent.room import NodeRoom, slot_rank
from podstead.agent.shelf import RevisionShelf
from podstead.agent.slots import StartSlots
from podstead.agent.starter import Starter
from podstead.agent.stopper import Stopper
from podstead.agent.syncloop import SyncLoop
from podstead.agent.table import PodTable
from podstead.agent.worker import PodWorker
from podstead.daemon.abilities import abilities
from podstead.daemon.auditing import file_acts, tell_end
from podstead.daemon.departing import build_departing
from podstead.daemon.gates import build_gates, build_holds, watched
from podstead.daemon.image_needs import noting_pull
from podstead.daemon.keeping import ProbeMemory, RevisionFiles, StoreBooks
from podstead.daemon.node import allocatable, allocatable_texts, huge_pages, node_labels
from podstead.daemon.objects import build_configuration, build_objects
from podstead.daemon.oom import OutOfMemory
from podstead.daemon.reporting import ApiObjects, Board
from podstead.daemon.runtime import seccomp_root
from podstead.daemon.tending import build_upkeep
from podstead.daemon.trusting import TrustDesk
from podstead.daemon.volumes import pod_volumes
from podstead.images.credentials import Credentials
from podstead.images.puller import Puller
from podstead.network.listeners import listeners
from podstead.probes.prober import Prober
from podstead.sources.content import Content
from podstead.sources.decoder import Decoder
from podstead.sources.directory import DirectorySource
from podstead.state.probes import Outcome
from podstead.state.sources import is_url
from podstead.status.generate import NodeIdentity
from podstead.store.facts import DIRECTORY
from podstead.volumes.id_ranges import IdRanges
from podstead.volumes.resolv import ClusterDNS

if TYPE_CHECKING:
    from collections.abc import Callable

    from podstead.agent.gates import Gates
    from podstead.agent.holds import Holds
    from podstead.agent.inputs import PodInputs
    from podstead.agent.objects import LocalObjects
    from podstead.agent.rollback_gate import RollbackGate
    from podstead.agent.session import PodSession
    from podstead.agent.signatures import Signatures
    from podstead.agent.syncloop import Source
    from podstead.config.settings import Settings
    from podstead.daemon.departing import Departing
    from podstead.daemon.gates import NodeGates
    from podstead.daemon.ground import Ground
    from podstead.daemon.image_needs import ImageLedger
    from podstead.daemon.objects import Configuration, ObjectParts
    from podstead.daemon.tending import Upkeep
    from podstead.identity import PodKey, PodUID
    from podstead.sources.decoder import DecodeLimits
    from podstead.state.observed import ObservedContainer
    from podstead.state.probes import ProbeKind, ProbeVerdict
    from podstead.volumes.home import PodVolumes

SLOTS_PER_CPU = 2
"""Best throughput of starts (spec/cri.md 2)."""
DOCKER_CONFIG = Path("/root/.docker/config.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The loops and what they share. `directory` is None without a manifest directory, `sync` without any source."""

    pleg: Pleg
    prober: Prober
    puller: Puller
    table: PodTable
    recovery: Recovery
    board: Board
    memory: ProbeMemory
    shelf: RevisionShelf
    directory: DirectorySource | None
    objects: ObjectParts
    gates: NodeGates
    room: NodeRoom
    sync: SyncLoop | None
    upkeep: Upkeep
    volumes: PodVolumes
    departing: Departing
    trust: TrustDesk
    gone: set[PodKey] = field(default_factory=set)
    """Pods whose incarnation has ended: their revisions, which hold passwords, are forgotten unless they come back."""

    @property
    def signatures(self) -> Signatures | None:
        """What looks at signatures; None where nobody does."""
        return self.gates.signatures


def build_parts(ground: Ground) -> Parts:
    """Build the agent's parts and join their callbacks; nothing runs yet."""
    settings, stores, clock = ground.settings, ground.stores, ground.clock

    def wake(uid: PodUID) -> None:
        table.wake(uid)
        upkeep.changed(uid)

    pleg = Pleg(ground.connection.client, ground.connection.exits, clock, ground.instance.id, wake)
    memory, gates = ProbeMemory(stores.history), build_gates(ground, lambda: table)
    prober = _prober(ground, lambda: table, memory)
    configured = build_configuration(ground, lambda: table, gates)
    volumes = pod_volumes(ground, configured.present, gates.moved)
    upkeep = build_upkeep(ground, lambda: table, pleg, volumes)
    puller = _puller(ground, upkeep.needs.ledger)
    executor = _executor(ground, puller, volumes, pleg, configured, upkeep, gates.rollbacks)
    mirror = _mirror(ground, prober, configured.present)
    table = PodTable(_workers(ground, build_holds(ground, gates), pleg, executor, mirror, configured.inputs), clock)
    shelf = RevisionShelf(RevisionFiles(stores.revisions, stores.records), settings.node.name)
    objects = build_objects(ground, configured, table, gates.objects)
    directory, board = _directory(ground, table), _board(ground, table)
    room = NodeRoom(table, _room_facts(ground, upkeep), pleg.view, mirror.ready, ground.recorder)
    sync = _sync(ground, directory, room, table, shelf, board, gates.manifests)
    gone: set[PodKey] = set()
    out_of_memory = _explain_ends(ground, pleg, table, volumes, configured)
    upkeep.pressure.on_change = poke = _judging(room, sync, mirror)
    look_again = gates.followed_by(poke, objects.loop.poke, table.wake_all)

    def ended(session: PodSession) -> None:
        gone.add(session.key)
        mirror.ended(session)
        pleg.forget(session.uid)
        out_of_memory.forget(session.uid)
        upkeep.changed(session.uid)
        memory.forget(session.uid)
        objects.loop.poke()
        poke()

    table.on_end = ended
    pleg.on_connection = _connection_listener(prober, table)
    return Parts(
        pleg=pleg,
        prober=prober,
        puller=puller,
        table=table,
        recovery=Recovery(table, pleg, shelf, stores.records, stores.history.get, clock),
        board=board,
        memory=memory,
        shelf=shelf,
        directory=directory,
        objects=objects,
        gates=gates,
        room=room,
        sync=sync,
        upkeep=upkeep,
        volumes=volumes,
        departing=build_departing(ground, NodeClosing(table, room, pleg.view, settings.shutdown, clock)),
        trust=TrustDesk(stores.trust, clock, ground.auditor, settings.security, look_again),
        gone=gone,
    )


def _judging(room: NodeRoom, sync: SyncLoop | None, mirror: PodMirror) -> Callable[[], object]:
    """Return what to call when the node has to be judged again; of what pods need of it the mirror tells."""
    if sync is None:
        return room.judge
    mirror.on_room = sync.room_changed
    return sync.poke


def _board(ground: Ground, table: PodTable) -> Board:
    return Board(table, ground.recorder, acts=file_acts(ground, table), writer=ground.writers.sentence)


def _connection_listener(prober: Prober, table: PodTable) -> Callable[[bool], None]:
    def connected(is_back: bool) -> None:
        (prober.runtime_back if is_back else prober.runtime_lost)()
        if is_back:  # also those whose pods the runtime has nothing of yet
            table.wake_all()

    return connected


def _mirror(ground: Ground, prober: Prober, objects: LocalObjects) -> PodMirror:
    def identity() -> NodeIdentity:
        return NodeIdentity(name=ground.settings.node.name, ip=ground.state.address, runtime="containerd")

    shown = ApiObjects(ground.stores.objects, ground.instance.created_at)
    return PodMirror(prober, shown, ground.recorder, objects.hidden, identity, ground.clock)


def _workers(
    ground: Ground, holds: Holds, pleg: Pleg, executor: Executor, mirror: PodMirror, inputs: PodInputs
) -> Callable[[PodSession], PodWorker]:
    """Return what makes the worker of a pod."""
    make = partial(
        PodWorker,
        pleg=pleg,
        runner=executor,
        mirror=mirror,
        inputs=inputs,
        clock=ground.clock,
        settings=ground.settings.restart,
        keep=ground.stores.history.put,
    )

    def worker(session: PodSession) -> PodWorker:
        session.hold = holds
        return make(session)

    return worker


def _executor(
    ground: Ground,
    puller: Puller,
    volumes: PodVolumes,
    pleg: Pleg,
    configured: Configuration,
    upkeep: Upkeep,
    rollbacks: RollbackGate,
) -> Executor:
    recorder = ground.recorder
    means = Means(
        runtime=ground.connection.client,
        images=puller,
        home=upkeep.homes,
        books=StoreBooks(ground.stores.records, ground.stores.history, ground.clock),
        recorder=recorder,
        auditor=ground.auditor,
        clock=ground.clock,
        objects=configured.present,
        made=upkeep.made,
    )
    slots = StartSlots(SLOTS_PER_CPU * ground.machine.cpus)
    requests = RequestBuilder(
        _request_facts(ground, configured), volumes, recorder, pleg.view, configured.inputs, upkeep.naming
    )
    starter = Starter(means, requests, pleg, lambda session: slots.held(slot_rank(session)))
    hooks = Hooks(means, pleg.view, lambda: ground.state.address)
    return Executor(
        Preparer(means), Promotions(means, rollbacks), starter, hooks, Stopper(means, hooks), Resizer(means), recorder
    )


def _sync(
    ground: Ground,
    directory: DirectorySource | None,
    room: NodeRoom,
    table: PodTable,
    shelf: RevisionShelf,
    board: Board,
    gates: Gates,
) -> SyncLoop | None:
    source, limits = _source(ground, directory), ground.settings.source or ground.settings.url
    if source is None or limits is None:
        return None
    incarnations = Incarnations(table, shelf, ground.stores.records, room, ground.recorder, ground.clock)
    decoder = manifest_decoder(ground.settings, limits)
    return SyncLoop(source, decoder, table, incarnations, room, board, ground.clock, gates)


def manifest_decoder(settings: Settings, limits: DecodeLimits) -> Decoder:
    """Return what reads manifests as this node does."""
    content = Content.PODS if settings.objects is None else Content.PODS_AND_REFERENCES
    return Decoder(settings.node.name, settings.strict, limits, content)


def _prober(ground: Ground, table: Callable[[], PodTable], memory: ProbeMemory) -> Prober:
    def probed(uid: PodUID, _container: str, _kind: ProbeKind, verdict: ProbeVerdict, text: str) -> None:
        session = table().by_uid(uid)
        if session is not None and text:
            fine = verdict.outcome is Outcome.SUCCESS and not verdict.failures
            ground.recorder.event(session.key, uid, "ProbeWarning" if fine else "Unhealthy", text, warning=True)
        memory.save(uid, prober.results(uid))  # at once: an agent that dies now shall not make readiness flap
        table().wake(uid)

    prober = Prober(ground.connection.client.exec_sync, ground.clock, probed)
    return prober


def _explain_ends(
    ground: Ground, pleg: Pleg, table: PodTable, volumes: PodVolumes, configured: Configuration
) -> OutOfMemory:
    """Let what is observed of an end be completed: why it came, and what the container left to say."""
    pleg.statuses.describe = TerminationMessages(table, volumes, configured.present, ground.settings.paths.pod_logs).of
    out_of_memory = OutOfMemory(ground, table)

    def explain(ended: ObservedContainer) -> str:
        reason = out_of_memory.reason(ended)
        tell_end(ground, table, ended, reason)
        return reason

    pleg.statuses.explain = explain
    return out_of_memory


def _puller(ground: Ground, ledger: ImageLedger) -> Puller:
    settings, client = ground.settings, ground.connection.client
    given = settings.images.credentials_file
    files = [Path(given)] if given else [settings.paths.root / "config.json", DOCKER_CONFIG]
    credentials = Credentials(files=files, warn=lambda text: ground.log.warning("%s", text))
    pull = noting_pull(ground, ledger)
    return Puller(pull, client.image, settings.images, credentials.find)


def _request_facts(ground: Ground, configured: Configuration) -> RequestFacts:
    node = ground.settings.node
    return RequestFacts(
        instance=ground.instance.id,
        paths=ground.settings.paths,
        cgroup_root=ground.cgroups.root,
        abilities=lambda: abilities(ground),
        ids=IdRanges(ground.settings.paths).of,
        seccomp_root=seccomp_root(ground.settings),
        profile_fault=configured.profile_fault,
        resolv_conf=node.resolv_conf,
        dns=ClusterDNS(servers=node.cluster_dns, domain=node.cluster_domain),
        memory_bytes=ground.machine.memory_bytes,
        allocatable=allocatable_texts(ground.machine),
        ip=lambda: ground.state.address,
    )


def _room_facts(ground: Ground, upkeep: Upkeep) -> Callable[[bool], RoomFacts]:
    """Return the node's facts, with those who listen on it when they are asked for."""
    node = ground.settings.node
    facts = RoomFacts(
        name=node.name,
        labels=node_labels(node.name, ground.machine, node.labels),
        allocatable=allocatable(ground.machine),
        max_pods=node.max_pods,
        allowed_unsafe_sysctls=node.allowed_unsafe_sysctls,
    )

    def now(ports: bool) -> RoomFacts:
        able = replace(
            facts,
            abilities=abilities(ground),
            pressure=upkeep.pressure.shortage.conditions,
            allocatable={**facts.allocatable, **huge_pages()},
        )
        if not ports:
            return able
        listening = frozenset(HostPort(one.port, one.protocol, one.address) for one in listeners())
        return replace(able, listening=listening)

    return now


def _source(ground: Ground, directory: DirectorySource | None) -> Source | None:
    if ground.settings.url is None:
        return directory
    # Not at the top: urllib is 4 MiB of memory that only a node with a URL needs.
    from podstead.sources.joined import JoinedSource  # noqa: PLC0415
    from podstead.sources.url import UrlSource  # noqa: PLC0415

    return JoinedSource(directory, UrlSource(ground.settings.url, ground.clock))


def _directory(ground: Ground, table: PodTable) -> DirectorySource | None:
    if ground.settings.source is None:
        return None
    return DirectorySource(
        watched(ground, ground.settings.source),
        ground.clock,
        known_identity=ground.stores.facts.get(DIRECTORY),
        expected=lambda: {
            r.claim.file for r in table.records().values() if not r.terminating and not is_url(r.claim.file)
        },
    )
