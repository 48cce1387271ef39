"""From each look at the objects directory to the ConfigMaps and Secrets that pods are given.

    look -> verify -> decode -> fold -> make durable -> give to pods

What could not be written down first is given to nobody (foundation 21): after a crash or a reboot, and with whatever
has become of the file, a pod starts again with what it had.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from typing import TYPE_CHECKING, Protocol

from podstead.agent.gates import OPEN
from podstead.agent.reading import FileReader
from podstead.errors import PodsteadError
from podstead.state.object_fold import ObjectsFolded, fold_objects
from podstead.state.references import references
from podstead.state.reports import Verdict
from podstead.state.sources import SourceSnapshot

if TYPE_CHECKING:
    from podstead.agent.gates import Verifier
    from podstead.agent.objects import LocalObjects
    from podstead.agent.reading import FileDecoder
    from podstead.agent.syncloop import Source, VerdictBoard
    from podstead.agent.table import PodTable
    from podstead.clock import Clock
    from podstead.state.objects import HeldObject, ObjectKey

log = logging.getLogger(__name__)

# How soon a failed write is tried again.
RETRY_SECONDS = 5.0
# No directory is configured: it is as an empty one. What pods refer to is kept for them, the rest is forgotten.
NO_DIRECTORY = SourceSnapshot(path="", files=(), certain=True)


class ObjectFiles(Protocol):
    """Durable objects."""

    async def put(self, *objects: HeldObject) -> None:
        """Write a batch durably; raises PodsteadError when it cannot."""
        ...

    async def remove(self, *keys: ObjectKey) -> None:
        """Forget some durably; raises PodsteadError when it cannot."""
        ...


class NodeRecorder(Protocol):
    """Where events about the node go."""

    def node_event(self, reason: str, message: str, *, warning: bool = False) -> None:
        """Record one."""
        ...


class ObjectLoop:
    """Keeps the local objects in line with their directory."""

    def __init__(
        self,
        source: Source | None,
        decoder: FileDecoder,
        objects: LocalObjects,
        store: ObjectFiles,
        table: PodTable,
        board: VerdictBoard,
        recorder: NodeRecorder,
        clock: Clock,
        verifier: Verifier = OPEN.verifier,
    ) -> None:
        self._verifier = verifier
        self._source = source
        self._objects = objects
        self._store = store
        self._table = table
        self._board = board
        self._recorder = recorder
        self._clock = clock
        self._again = asyncio.Event()
        self._reader = FileReader(decoder, clock, self.poke)
        self._snapshot = NO_DIRECTORY if source is None else None
        self.looked = asyncio.Event()
        """Set when the first look has been worked through."""

    def poke(self) -> None:
        """Ask for another pass: a pod ended, and may have been the last to refer to an object."""
        self._again.set()

    async def run(self) -> None:
        """Work for ever; call when the table of pods is filled, for what they refer to is kept."""
        self._reader.reset()
        self._again.set()
        async with asyncio.TaskGroup() as group:
            if self._source is not None:
                group.create_task(self._watch(self._source), name="objects-source")
            group.create_task(self._work(group), name="objects")

    async def _watch(self, source: Source) -> None:
        async with aclosing(source.snapshots()) as snapshots:
            async for snapshot in snapshots:
                self._snapshot = snapshot
                self._again.set()

    async def _work(self, group: asyncio.TaskGroup) -> None:
        failed = False
        while True:
            try:
                async with asyncio.timeout(RETRY_SECONDS if failed else None):
                    await self._again.wait()
            except TimeoutError:
                pass
            self._again.clear()
            if self._snapshot is not None:
                failed = not await self._pass(self._snapshot, group)
                self.looked.set()

    async def _pass(self, snapshot: SourceSnapshot, group: asyncio.TaskGroup) -> bool:
        """Work through a look; returns whether all that it said could be written down."""
        snapshot, readings = await self._reader.read(await self._verifier.verify(snapshot), group)
        unsettled = self._reader.unsettled(snapshot)
        used, now = self._used(), self._clock.now().wall
        held = self._objects.held
        folded = fold_objects(held, snapshot, readings, used=used, unsettled=unsettled, now=now)
        problem = None
        try:
            if changed := [one for key, one in folded.held.items() if held.get(key) != one]:
                await self._store.put(*changed)
        except PodsteadError as error:
            problem = f"no ConfigMap or Secret can be taken: {error}"
            log.error("%s", problem)  # noqa: TRY400 - the sentence says it all
        else:
            await self._take(folded)
        if any(v.verdict is Verdict.PENDING and v.name in unsettled for v in folded.verdicts):
            self._reader.look_again_later()
        if self._source is not None:
            self._board.show(snapshot, folded.verdicts, problem)
        return problem is None

    async def _take(self, folded: ObjectsFolded) -> None:
        """Give the objects to the pods, say what changed, and forget what is wanted no more."""
        before = self._objects.held
        changed = self._objects.take(folded.held)
        for key in sorted(changed, key=str):
            one = folded.held.get(key)
            if one is None:
                self._recorder.node_event("ObjectRemoved", f"{key} is forgotten: no file gives it, and no pod names it")
            elif key in before:
                self._recorder.node_event("ObjectChanged", f"{key} has changed ({one.file})")
        for key, one in folded.held.items():
            if one.gone and not before[key].gone:
                text = f"{key} stands in no file any more, and is kept for the pods that refer to it"
                self._recorder.node_event("ObjectGone", text, warning=True)
        try:
            if gone := before.keys() - folded.held.keys():
                await self._store.remove(*gone)
        except PodsteadError as error:
            log.warning("an object that is gone stays on disk until the next start: %s", error)

    def _used(self) -> frozenset[ObjectKey]:
        """Return what the pods of this node refer to, in any content that runs, waits or may come back."""
        pods = [revision.pod for session in self._table.sessions() for revision in session.revisions.values()]
        return frozenset().union(*map(references, pods))
