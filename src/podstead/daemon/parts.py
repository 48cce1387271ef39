"""The parts of a running agent and how they hold together; built once, after the runtime is there."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from podstead.agent.closing import NodeClosing
from podstead.agent.messages import TerminationMessages
from podstead.agent.mirror import PodMirror
from podstead.agent.pleg import Pleg
from podstead.agent.recovery import Recovery
from podstead.agent.room import NodeRoom
from podstead.agent.shelf import RevisionShelf
from podstead.agent.table import PodTable
from podstead.agent.worker import PodWorker
from podstead.daemon.auditing import file_acts, tell_end
from podstead.daemon.departing import build_departing
from podstead.daemon.executing import build_executor, build_puller
from podstead.daemon.gates import build_gates, build_holds
from podstead.daemon.keeping import ProbeMemory, RevisionFiles
from podstead.daemon.manifests import build_sync, manifest_directory
from podstead.daemon.node_facts import room_facts
from podstead.daemon.objects import build_configuration, build_objects
from podstead.daemon.oom import OutOfMemory
from podstead.daemon.reporting import ApiObjects, Board
from podstead.daemon.tending import build_upkeep
from podstead.daemon.trusting import TrustDesk
from podstead.daemon.volumes import pod_volumes
from podstead.probes.prober import Prober
from podstead.state.probes import Outcome
from podstead.status.generate import NodeIdentity

if TYPE_CHECKING:
    from collections.abc import Callable

    from podstead.agent.executor import Executor
    from podstead.agent.holds import Holds
    from podstead.agent.inputs import PodInputs
    from podstead.agent.objects import LocalObjects
    from podstead.agent.session import PodSession
    from podstead.agent.signatures import Signatures
    from podstead.agent.syncloop import SyncLoop
    from podstead.daemon.departing import Departing
    from podstead.daemon.gates import NodeGates
    from podstead.daemon.ground import Ground
    from podstead.daemon.objects import Configuration, ObjectParts
    from podstead.daemon.tending import Upkeep
    from podstead.identity import PodKey, PodUID
    from podstead.images.puller import Puller
    from podstead.sources.directory import DirectorySource
    from podstead.state.observed import ObservedContainer
    from podstead.state.probes import ProbeKind, ProbeVerdict
    from podstead.volumes.home import PodVolumes


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
    puller = build_puller(ground, upkeep.needs.ledger)
    executor = build_executor(ground, puller, volumes, pleg, configured, upkeep, gates.rollbacks)
    mirror = _mirror(ground, prober, configured.present)
    table = PodTable(_workers(ground, build_holds(ground, gates), pleg, executor, mirror, configured.inputs), clock)
    shelf = RevisionShelf(RevisionFiles(stores.revisions, stores.records), settings.node.name)
    objects = build_objects(ground, configured, table, gates.objects)
    directory, board = manifest_directory(ground, table), _board(ground, table)
    room = NodeRoom(table, room_facts(ground, upkeep), pleg.view, mirror.ready, ground.recorder)
    sync = build_sync(ground, directory, room, table, shelf, board, gates.manifests)
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
        trust=TrustDesk(stores.trust, clock, ground.auditor, settings.security, look_again, settings.hints),
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
    return PodMirror(prober, shown, ground.recorder, objects.hidden, identity, ground.stores.history.put, ground.clock)


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
