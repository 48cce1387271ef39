"""Looks for what somebody made in the private containerd behind the agent's back, tells of it, and stops it if asked to.

The lists of an idle runtime are not asked for: containerd's files say when something has changed. On a runtime of
somebody else's only what carries our labels is looked at, whenever it is listed anyway.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from podstead.containerd.holdings import holdings
from podstead.errors import NotFoundFault, PodsteadError, RuntimeFault
from podstead.identity import ContainerID, SandboxID
from podstead.server.port import Problem
from podstead.state.audit import Act, AuditEntry, Fact
from podstead.state.foreign import ForeignKind, Listing, foreign_images, foreign_pods, foreign_tasks
from podstead.state.records import UNKNOWN_FILE
from podstead.state.runtime import SANDBOX_DEADLINES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from podstead.agent.made import Made
    from podstead.agent.table import PodTable
    from podstead.containerd.holdings import Holdings
    from podstead.cri.client import CRIClient
    from podstead.daemon.ground import Ground
    from podstead.daemon.image_needs import NeededImages
    from podstead.state.foreign import Foreign
    from podstead.state.observed import ObservedContainer, ObservedSandbox

    Key = tuple[ForeignKind, str, str]
    """Of a `Foreign`."""

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.5
"""Three looks' lists and the two waits between them stay below the five seconds in which something foreign is told of: the first
has begun too early to see it, at the second it is doubtful, at the third certain. So the lists of one look may take 0.66 s."""
SHOWN = 5
"""So many are named in a node's problem; each has an Event of its own."""
REASONS = {
    ForeignKind.SANDBOX: "ForeignPod",
    ForeignKind.CONTAINER: "ForeignContainer",
    ForeignKind.TASK: "ForeignContainer",
    ForeignKind.IMAGE: "ForeignImage",
}


class ForeignWatch:
    """Looks for ever; `problems` are those of the last look."""

    def __init__(self, ground: Ground, table: Callable[[], PodTable], made: Made, images: NeededImages) -> None:
        self._ground = ground
        self._table = table
        self._made = made
        self._images = images
        self._earlier: frozenset[str] | None = None
        """What was there when this agent first looked."""
        self._seen: Holdings | None = None
        self._doubtful: frozenset[Key] = frozenset()
        """Tasks and images that were foreign at one look: they count at the second, as lists are not of one moment."""
        self._unlisted: dict[tuple[str, str], float] = {}
        """Tasks that CRI does not list, by namespace and id, and since which second of the boot."""
        self._settled: frozenset[tuple[str, str]] = frozenset()
        """Those of them that no call can still be making, at the last look."""
        self._told: dict[Key, Foreign] = {}
        self._listing: Listing | None = None
        self._heir_until: float | None = None
        """The boot-clock second up to which an earlier agent's calls may still be answered; None: none may."""
        self._due = asyncio.Event()
        self.problems: tuple[Problem, ...] = ()
        self.on_change: Callable[[], None] = lambda: None
        """Told when something foreign came or went."""

    def begin(self) -> None:
        """Take over what an agent before this one noted that it would ask for; call it before anything is asked for.

        The agent may have been killed in such a call, and the runtime end it after this agent's first look. A call ends with
        its deadline: what was noted longer ago than that, and as long to prepare the call, has been answered or never will.
        """
        ground, now = self._ground, self._ground.clock.now()
        seconds = ground.settings.runtime.request_seconds
        longest = SANDBOX_DEADLINES * seconds
        self._made.inherit(
            ((intent.uid, intent.container, intent.attempt), intent.revision)
            for session in self._table().sessions()
            for intent in ground.stores.history.intents(session.uid)
            if intent.at > now.wall - longest - seconds
        )
        self._heir_until = now.boot + longest

    async def run(self) -> None:
        """Look for ever."""
        while self._ground.connection.private is None:
            await self._due.wait()
            self._due.clear()
            if self._listing is not None:
                self._judge_labelled(self._listing)
                await self._stop()
        while True:
            try:
                await self._look()
            except RuntimeFault as fault:
                self._seen = None  # it is away: what has changed meanwhile is to be seen
                log.debug("cannot look for what is foreign: %s", fault)
            await self._ground.clock.sleep(LOOK_SECONDS)

    def listed(self, sandboxes: list[ObservedSandbox], containers: list[ObservedContainer]) -> None:
        """Take what carries our labels on a runtime that others use too; it is judged soon."""
        if self._ground.connection.private is None:
            self._listing = Listing(sandboxes=sandboxes, containers=containers)
            self._due.set()

    def _judge_labelled(self, listing: Listing) -> None:
        self._recognise(listing)
        self._tell(self._pods(listing))
        self._forget(listing)

    async def _look(self) -> None:
        found = await asyncio.to_thread(holdings, self._ground.settings.paths)
        now = self._ground.clock.now().boot
        long = SANDBOX_DEADLINES * self._ground.settings.runtime.request_seconds
        settled = frozenset(one for one, since in self._unlisted.items() if now - since >= long)
        if found == self._seen and not self._doubtful and settled == self._settled:
            return
        self._settled = settled
        client = self._ground.connection.client
        sandboxes, containers, images = await asyncio.gather(client.sandboxes(), client.containers(), client.images())
        listing = Listing(sandboxes=sandboxes, containers=containers, images=images, tasks=found.tasks)
        self._recognise(listing)
        await self._images.know_those_present(images)
        known = self._images.known(images)
        tasks = tuple(foreign_tasks(listing, settled))
        unlisted = [(one.namespace, one.id) for one in tasks]
        self._unlisted = {task: self._unlisted.get(task, now) for task in unlisted}
        doubtful = {one.key: one for one in (*tasks, *foreign_images(listing, known))}
        certain = [one for key, one in doubtful.items() if key in self._doubtful or key in self._told]
        self._doubtful = frozenset(doubtful) - {one.key for one in certain}
        self._seen = found
        self._tell((*self._pods(listing), *certain))
        self._forget(listing)
        await self._stop()

    def _recognise(self, listing: Listing) -> None:
        """Know what earlier agents made: all that is there at the first look, and what their last calls make after it."""
        if self._earlier is None:
            self._earlier = listing.ids
            self._made.begin(listing)
        if self._heir_until is not None and self._ground.clock.now().boot > self._heir_until:
            self._heir_until = None
            self._made.disinherit()
        self._made.recognise(listing, self._ground.instance.id, self._earlier)

    def _forget(self, listing: Listing) -> None:
        """Forget what is no more."""
        self._made.keep(listing.ids, {session.uid for session in self._table().sessions()})
        self._earlier = (self._earlier or frozenset()) & listing.ids

    def _pods(self, listing: Listing) -> Iterable[Foreign]:
        sessions = self._table().sessions()
        unrecorded = {session.uid for session in sessions if session.record.claim.file == UNKNOWN_FILE}
        return foreign_pods(listing, self._ground.instance.id, self._earlier or frozenset(), self._made, unrecorded)

    def _tell(self, found: Iterable[Foreign]) -> None:
        """Tell of what was not told of yet, and show all that is there."""
        present = {one.key: one for one in found}
        for key, one in present.items():
            if key not in self._told:
                reason, ground = REASONS[one.kind], self._ground
                ground.recorder.node_event(reason, one.sentence, warning=True)
                facts = {Fact.IMAGE_ID if one.kind is ForeignKind.IMAGE else Fact.CONTAINER_ID: one.id}
                entry = AuditEntry(act=Act.FOREIGN, subject=one.name, reason=reason, message=one.sentence, facts=facts)
                ground.auditor.note(entry)
        changed = present.keys() != self._told.keys()
        self._told = present
        if changed:
            self.problems = tuple(self._problems())
            self.on_change()

    def _problems(self) -> Iterable[Problem]:
        if not self._told:
            return
        named = [one.sentence for one in self._told.values()]
        more = f"; and {len(named) - SHOWN} more" if len(named) > SHOWN else ""
        text = f"the runtime holds what this agent did not make: {'; '.join(named[:SHOWN])}{more}"
        socket = self._ground.connection.endpoint
        advice = f"find out who made it, then: crictl --runtime-endpoint {socket} ps -a; podstead get events"
        yield Problem(reason="ForeignInRuntime", message=text, advice=advice)

    async def _stop(self) -> None:
        """Stop what runs and cannot be ours, where that is asked for; nothing is removed, so that it can be examined."""
        if not self._ground.settings.security.stop_foreign:
            return
        client = self._ground.connection.client
        for one in [one for one in self._told.values() if one.running]:
            try:
                await _stop_one(client, one)
            except NotFoundFault:
                continue
            except PodsteadError as error:
                self._seen = None  # it is tried again at the next look, whether anything changes or not
                log.warning("cannot stop %s %s: %s", one.kind, one.id, error)
            else:
                self._ground.recorder.node_event("ForeignStopped", f"stopped {one.sentence}", warning=True)


async def _stop_one(client: CRIClient, one: Foreign) -> None:
    match one.kind:
        case ForeignKind.CONTAINER:
            await client.stop_container(ContainerID(one.id), 0)
        case ForeignKind.TASK:
            await client.kill_task(one.id, one.namespace)
        case _:
            await client.stop_sandbox(SandboxID(one.id))
