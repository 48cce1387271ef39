"""What a running agent does: it recovers what an earlier one left, then runs every loop, each again where it fails."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from functools import partial
from typing import TYPE_CHECKING

from podstead.daemon.heap import keep_small
from podstead.daemon.housekeeping import Housekeeping
from podstead.daemon.network import keep_passable
from podstead.daemon.node import node_labels
from podstead.daemon.objects import load_objects
from podstead.daemon.volumes import VolumeKeeper
from podstead.errors import PodsteadError, RuntimeFault
from podstead.store.facts import BOOT_ID, DIRECTORY, DIRECTORY_PATH, OBJECTS_DIRECTORY, OBJECTS_PATH

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from podstead.agent.object_loop import ObjectLoop
    from podstead.agent.syncloop import SyncLoop
    from podstead.daemon.ground import Ground
    from podstead.daemon.parts import Parts
    from podstead.daemon.runtime import RuntimeSetup
    from podstead.store.facts import FactStore

log = logging.getLogger(__name__)

REMEMBER_SECONDS = 1.0
"""How late what only survives a restart may be written: probe verdicts, the directory's identity."""
LIST_SECONDS = 1.0
"""How soon a runtime that does not list its pods at the start is asked again."""
OBJECTS_SECONDS = 2.0
"""How long the manifests wait for the first look at the objects directory: a silent one must not keep pods from running."""
LOOP_RESTART_SECONDS = 2.0
"""A loop that fails at once, again and again, costs little at this pace."""


class Loops:
    """The loops of one agent; `run` returns when it is cancelled."""

    def __init__(self, ground: Ground, parts: Parts, setup: RuntimeSetup) -> None:
        self._ground = ground
        self._parts = parts
        self._setup = setup
        self._clock = ground.clock

    async def run(self) -> None:
        """Recover, then run every loop."""
        await self._recover()
        async with asyncio.TaskGroup() as group:
            for name, loop in self._loops().items():
                group.create_task(self._for_ever(name, loop), name=name)

    async def _recover(self) -> None:
        """Take up what an earlier agent knew, and what runs."""
        ground, parts, stores = self._ground, self._parts, self._ground.stores
        while not await parts.pleg.relist():
            # Without a list nothing can be told of what runs: neither which revisions made it, nor what is adopted.
            await self._clock.sleep(LIST_SECONDS)
        with contextlib.suppress(RuntimeFault):  # it is asked again soon; until then pods that need more of it wait
            ground.state.last_runtime = await ground.connection.client.info()
        loaded = await stores.records.load()
        for corrupt in loaded.corrupt:
            ground.recorder.node_event("StateCorrupt", corrupt.sentence, warning=True)
        await load_objects(ground, parts.objects.present)
        if await same_boot(stores.facts, self._clock.now().boot_id):
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

    def _loops(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """Return the loops by their names."""
        ground, parts = self._ground, self._parts
        labels = node_labels(ground.settings.node.name, ground.machine, ground.settings.node.labels)
        keeper = Housekeeping(ground=ground, parts=parts, labels=labels)
        parts.upkeep.foreign.on_change = keeper.poke
        parts.upkeep.foreign.begin()
        loops: dict[str, Callable[[], Awaitable[None]]] = {
            "workers": parts.table.run,
            "pleg": lambda: parts.pleg.run(ground.settings.runtime.relist_seconds),
            "runtime": lambda: self._setup.keep(ground.connection, parts.pleg.lost),
            "housekeeping": keeper.run,
            "memory": self._remember,
            "heap": lambda: keep_small(self._clock),
            "adoption": self._adopt,
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
            loops["sync"] = partial(_sync, parts.sync, parts.objects.loop)
            if parts.gates.policing is not None:
                loops["policy"] = partial(parts.gates.policing.run, parts.sync.poke)
        parts.departing.departure.on_change = partial(_shutdown_changed, keeper, parts.sync)
        if (lock := parts.departing.lock) is not None:
            loops["shutdown"] = lock.run
        if (network := ground.connection.network) is not None:
            every = ground.settings.node.network_seconds
            loops["network"] = partial(keep_passable, network, self._clock, every, ground.recorder.node_event)
        return loops

    async def _for_ever(self, name: str, loop: Callable[[], Awaitable[None]]) -> None:
        """Run a loop again when it ends by a fault: neither a mistake of ours nor a lost runtime ends the agent."""
        while True:
            try:
                await loop()
            except Exception as error:
                log.exception("the %s loop failed; it starts again", name)
                self._ground.recorder.node_event(
                    "LoopFailed", f"the agent's {name} loop failed ({_kind(error)})", warning=True
                )
            await self._clock.sleep(LOOP_RESTART_SECONDS)

    async def _remember(self) -> None:
        parts, facts = self._parts, self._ground.stores.facts
        while True:
            await self._clock.sleep(REMEMBER_SECONDS)
            for session in parts.table.sessions():
                parts.memory.save(session.uid, parts.prober.results(session.uid))
            if parts.directory is not None:
                known = {DIRECTORY: parts.directory.identity, DIRECTORY_PATH: parts.directory.counted_at}
                await _put_facts(facts, known)
            if (objects := parts.objects.directory) is not None:
                await _put_facts(facts, {OBJECTS_DIRECTORY: objects.identity, OBJECTS_PATH: objects.counted_at})

    async def _adopt(self) -> None:
        """Take in what a late answer of the runtime left behind: a sandbox that nobody waits for any more."""
        parts, found = self._parts, asyncio.Event()
        parts.pleg.on_unknown = found.set
        while True:
            await parts.recovery.adopt_unknown()
            if parts.sync is not None:
                parts.sync.poke()
            await found.wait()
            found.clear()


async def _sync(sync: SyncLoop, objects: ObjectLoop) -> None:
    """Look at the manifests when the objects have been looked at, so that no new pod misses what is there."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(OBJECTS_SECONDS):
            await objects.looked.wait()
    await sync.run()


async def same_boot(facts: FactStore, boot_id: str) -> bool:
    """Return whether the machine has not restarted since the last agent: what is volatile counts then only."""
    if facts.get(BOOT_ID) == boot_id:
        return True
    await _put_facts(facts, {BOOT_ID: boot_id})
    return False


async def _put_facts(facts: FactStore, known: Mapping[str, str | None]) -> None:
    try:
        await facts.put(known)
    except PodsteadError as error:
        log.warning("cannot remember the facts %s: %s", ", ".join(known), error)


def _shutdown_changed(keeper: Housekeeping, sync: SyncLoop | None) -> None:
    """Show that the machine goes down, or does not after all; what was refused meanwhile is looked at again."""
    keeper.poke()
    if sync is not None:
        sync.poke()


def _kind(error: Exception) -> str:
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return str(error) if isinstance(error, PodsteadError) else type(error).__name__
