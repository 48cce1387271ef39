"""What is looked at now and then: the node's own state, which the API shows and systemd may ask for."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shlex
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING

from podstead.admission.abilities import CONTROLLER, missing_controller
from podstead.daemon.abilities import abilities
from podstead.daemon.departing import MESSAGE, REASON
from podstead.daemon.node import NodeView, node_object, pressure_conditions
from podstead.daemon.node_name import machine_name, name_problem
from podstead.daemon.wrong_clock import clock_problem, software_date
from podstead.errors import PodsteadError, RuntimeFault
from podstead.k8s.annotations import CONFIG_FILES
from podstead.k8s.labels import MENDS, POLICY, RUNTIME_CLASSES, SIGNATURES
from podstead.k8s.resources import CPU, MEMORY
from podstead.network.node_ip import find_node_ip
from podstead.server.port import Problem
from podstead.state.updates import became_ready
from podstead.status.times import rfc3339
from podstead.store.changes import NODES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from podstead.admission.abilities import Abilities
    from podstead.agent.session import PodSession
    from podstead.agent.signatures import Signatures
    from podstead.daemon.ground import Ground
    from podstead.daemon.parts import Parts
    from podstead.daemon.reporting import Board
    from podstead.identity import PodKey, PodUID, RevisionID
    from podstead.state.records import PodRecord
    from podstead.state.runtime import RuntimeInfo

log = logging.getLogger(__name__)

# The kubelet's nodeStatusUpdateFrequency.
PERIOD_SECONDS = 10.0
# Until the first look is done the state changes fast.
STARTING_SECONDS = 0.2


class Housekeeping:
    """Refreshes the node's object and its problems."""

    def __init__(self, ground: Ground, parts: Parts, labels: Mapping[str, str]) -> None:
        self._ground = ground
        self._parts = parts
        self._labels = labels
        self._shown: tuple[tuple[str, str], ...] = ()
        self._changed = 0.0
        self._tidied: dict[PodUID, tuple[RevisionID | None, RevisionID | None]] = {}
        self._again = asyncio.Event()
        self._looked = False
        self._installed = software_date()

    def poke(self) -> None:
        """Refresh soon: something has changed that everybody should see."""
        self._again.set()

    async def run(self) -> None:
        """Refresh for ever."""
        while True:
            await self._refresh()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PERIOD_SECONDS if self._looked else STARTING_SECONDS):
                    await self._again.wait()
            self._again.clear()

    async def _refresh(self) -> None:
        ground, parts, state = self._ground, self._parts, self._ground.state
        info: RuntimeInfo | None = None
        try:
            info = await ground.connection.client.info()
        except RuntimeFault:
            parts.pleg.lost("it does not answer")
        else:
            state.last_runtime = info
            if not parts.pleg.connected:
                await parts.pleg.relist()
        if not ground.settings.node.ip:
            address, state.address = state.address, (await asyncio.to_thread(find_node_ip)).ip
            if address != state.address:
                parts.upkeep.naming.changed()
        if ground.connection.private is not None:
            await ground.connection.private.trim_log()
        await ground.stores.versions.reserve()
        await self._note_ready()
        await self._tidy_revisions()
        await self._forget_gone()
        for corrupt in ground.stores.revisions.take_corrupt():
            ground.recorder.node_event("StateCorrupt", corrupt.sentence, warning=True)
        problems = self._problems(info)
        state.runtime = info
        state.problems = tuple(problems)
        self._looked = info is not None and info.ready and (parts.sync is None or parts.sync.looked)
        leaving = parts.departing.departure.under_way
        state.ready = self._looked and not leaving
        pairs = tuple((p.reason, p.message) for p in problems)
        if pairs != self._shown or not self._changed:
            self._shown, self._changed = pairs, ground.clock.now().wall
        able = abilities(ground)
        view = NodeView(
            name=ground.settings.node.name,
            ip=state.address,
            labels=self._labels,
            max_pods=ground.settings.node.max_pods,
            since=rfc3339(ground.instance.created_at),
            annotations=dict(self._annotations(able)),
            abilities=able,
            shutdown=(REASON, MESSAGE) if leaving else None,
            pressure=pressure_conditions(
                parts.upkeep.pressure.shortage,
                ground.stores.objects.get(NODES, "", ground.settings.node.name),
                rfc3339(ground.clock.now().wall),
            ),
        )
        ground.stores.objects.put(NODES, node_object(view, ground.machine, info, pairs, rfc3339(self._changed)))

    def _annotations(self, able: Abilities) -> Iterator[tuple[str, str]]:
        mends = self._ground.connection.mends
        if mends is not None and mends.described():
            yield MENDS, "; ".join(mends.described())
        if (signatures := self._parts.signatures) is not None:
            yield SIGNATURES, signatures.summary
        if (policing := self._parts.gates.policing) is not None:
            yield POLICY, policing.shown()
        if classes := able.classes.classes:
            yield RUNTIME_CLASSES, ", ".join(f"{one.name}={one.handler}" for one in classes)

    async def _note_ready(self) -> None:
        """Remember the revision under which a pod was last ready: its bytes and images are kept (foundation 13, 23).

        In one batch: a sync for each pod of a burst costs as much CPU as minutes of an idle agent.
        """
        async with AsyncExitStack() as held:
            noted: list[tuple[PodSession, PodRecord]] = []
            for session in sorted(filter(_newly_ready, self._parts.table.sessions()), key=lambda s: s.uid):
                await held.enter_async_context(session.writing)
                if not session.record.terminating and _newly_ready(session):
                    noted.append((session, became_ready(session.record)))
            if not noted:
                return
            try:
                await self._ground.stores.records.put(*(record for _, record in noted))
            except PodsteadError as error:
                log.warning("cannot note that pods are ready: %s", error)
                return
            for session, record in noted:
                session.record = record

    async def _tidy_revisions(self) -> None:
        """Forget revisions that nothing names any more, of pods whose content has changed since the last look."""
        for session in list(self._parts.table.sessions()):
            view = self._parts.pleg.view(session.uid)
            # What a start under way makes is not in the view yet, and would name a revision that is forgotten.
            if session.stray or session.flights or not view.fresh:
                continue
            content = (session.record.effective, session.record.candidate)
            if self._tidied.get(session.uid) == content:
                continue
            named = {c.revision for c in view.containers} | {s.revision for s in view.sandboxes}
            try:
                await self._parts.shelf.tidy(session, [r for r in named if r is not None])
            except PodsteadError as error:
                log.warning("cannot remove old revisions of pod %s: %s", session.key, error)
            self._tidied[session.uid] = content
        present = {session.uid for session in self._parts.table.sessions()}
        self._tidied = {uid: content for uid, content in self._tidied.items() if uid in present}

    async def _forget_gone(self) -> None:
        """Forget the revisions of pods that have ended and not come back since the last look."""
        for key in tuple(self._parts.gone):
            try:
                await self._parts.shelf.forget(key, partial(self._is_gone, key))
            except PodsteadError as error:
                log.warning("cannot forget the revisions of pod %s: %s", key, error)
                return
            self._parts.gone.discard(key)

    def _is_gone(self, key: PodKey) -> bool:
        return self._parts.table.session(key) is None

    def _problems(self, info: RuntimeInfo | None) -> list[Problem]:
        ground = self._ground
        found: list[Problem] = [
            *self._parts.departing.problems(),
            *self._parts.upkeep.house.problems,
            *self._parts.upkeep.foreign.problems,
        ]
        if info is None or not info.ready:
            why = info.message if info else "the runtime does not answer"
            log = ground.settings.paths.containerd / "containerd.log"
            advice = "podstead describe node" if ground.settings.runtime.endpoint else f"tail {shlex.quote(str(log))}"
            found.append(Problem(reason="RuntimeNotReady", message=why, advice=advice))
        found += [
            *_board_problems(self._parts.board),
            *_board_problems(self._parts.objects.board),
            *self._configuration_problems(),
            *_trust_problems(self._parts.signatures),
            *(self._parts.gates.policing.problems() if self._parts.gates.policing is not None else ()),
            *_controller_problems(ground.machine.missing_controllers),
        ]
        if (
            named := name_problem(ground.state.asked, kept=ground.settings.node.name, machine=machine_name())
        ) is not None:
            found.append(named)
        wall, created = ground.clock.now().wall, ground.instance.created_at
        if (behind := clock_problem(wall, installed=self._installed, created=created)) is not None:
            found.append(behind)
        if (trouble := ground.stores.database.problem or ground.stores.versions.problem) is not None:
            found.append(Problem(reason="HistoryNotWritable", message=trouble, advice="free disk space"))
        found += [
            Problem(reason="AuditImpaired", message=text, advice="df -h; podstead audit")
            for text in ground.auditor.problems
        ]
        shortage = self._parts.upkeep.pressure.shortage
        for condition in sorted(shortage.conditions):
            text = "; ".join(shortage.of(condition))
            found.append(Problem(reason=condition.value, message=text, advice="podstead get pods; podstead get events"))
        return found

    def _configuration_problems(self) -> Iterator[Problem]:
        objects, files = self._parts.objects.present, self._parts.objects.files
        if gone := [str(one.key) for one in objects.held.values() if one.gone]:
            text = f"{', '.join(gone)}: no file gives it any more; it is kept for the pods that refer to it"
            yield Problem(reason="ObjectsGone", message=text, advice="bring the file back, or remove the reference")
        for path, why in sorted(self._parts.objects.signed.refused.items()):
            yield Problem(
                reason="HostFileRefused", message=f"{path}: {why}", advice="sign it: podstead sign --index --host-file"
            )
        if files.trouble is not None:
            yield Problem(reason="SourceImpaired", message=files.trouble, advice="podstead get files")
        if files.overflow:
            text = f"{files.overflow} configuration files that pods name are not watched, for there are too many"
            yield Problem(reason="TooManyFiles", message=text, advice=f"name fewer files in {CONFIG_FILES}")


def _trust_problems(signatures: Signatures | None) -> Iterator[Problem]:
    """Yield what is wrong with the signed set as a whole; of single files their verdicts tell."""
    if signatures is not None:
        for finding in signatures.findings:
            yield Problem(reason=finding.reason, message=finding.message, advice="podstead get files -o wide")


def _controller_problems(missing: tuple[str, ...]) -> Iterator[Problem]:
    for name in (CPU, MEMORY):
        if name in missing:
            yield Problem(reason=CONTROLLER, message=missing_controller(name), advice="cat /proc/cmdline")


def _newly_ready(session: PodSession) -> bool:
    """Return whether a pod is ready under a revision that its record does not name for it; a gate notes its own."""
    record = session.record
    ready = session.was_ready == record.effective and session.ready_since is not None
    return ready and not session.stray and record.progress is None and record.effective != record.last_ready


def _board_problems(board: Board) -> Iterator[Problem]:
    """Yield what is wrong with a directory and its files."""
    place = board.place
    if board.degraded:
        mended = "; run: " in board.degraded  # the sentence has the command itself, and accepting would change nothing
        advice = "" if mended else "mount or restore the directory, or: podstead accept-directory"
        yield Problem(reason=place.degraded, message=board.degraded, advice=advice)
    if board.problem:
        yield Problem(reason="StateNotWritable", message=board.problem, advice="free disk space")
    for note in board.notes:
        yield Problem(reason="SourceImpaired", message=note, advice="podstead get files")
    if board.overflow:
        text = f"{board.overflow} files beyond the budget of the {place.name} are not read"
        yield Problem(reason="TooManyFiles", message=text, advice=f"remove what is none of the {place.files}")
    if rejected := board.counts().get("Rejected"):
        text = f"of the {place.files} {rejected} {'is' if rejected == 1 else 'are'} rejected"
        yield Problem(reason=place.rejected, message=text, advice="podstead get files")
