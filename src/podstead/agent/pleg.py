"""The pod lifecycle event generator: keeps the last view of every pod, fed by events and a slow relist.

An exit event marks the container as exited at once, before the runtime's own state follows (about 50 ms later,
spec/cri.md 4); a listing that still says Running does not take that back. An exit that is told before anybody has
seen its container is kept until then. Details of an exit are asked for once.

Looks overlap: a pod's own after each step, and the slow list of all. Each has a number from its beginning, and what
a look found never replaces what a later one did: an old list must not undo a start.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from podstead.agent.statuses import Statuses
from podstead.agent.view import PodView
from podstead.errors import NotFoundFault, RuntimeFault
from podstead.state.observed import ContainerState, ObservedContainer, ObservedSandbox
from podstead.state.runtime import EventKind

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from podstead.agent.ports import EventStream, Runtime
    from podstead.clock import Clock
    from podstead.identity import ContainerID, PodUID, SandboxID
    from podstead.state.runtime import RuntimeEvent

log = logging.getLogger(__name__)

Observed = TypeVar("Observed", ObservedSandbox, ObservedContainer)

# The runtime's state follows its exit event by about 50 ms, on a loaded machine later.
STATE_LOOKS_SECONDS = (0.03, 0.03, 0.03, 0.06, 0.12, 0.25, 0.5, 1.0)
# How soon a look that failed is repeated; doubled up to the slow list's period.
RETRY_SECONDS = 0.25
# A program that ends at once may end before its start is looked at: so many such exits are kept until then. Two starts
# a core are under way at a time; what is beyond that is of other agents.
EARLY_EXITS = 256


class Pleg:
    """Observes pods by uid and tells `on_change(uid)` when a view changed."""

    def __init__(
        self, runtime: Runtime, events: EventStream, clock: Clock, instance: str, on_change: Callable[[PodUID], None]
    ) -> None:
        self._runtime = runtime
        self._events = events
        self._clock = clock
        self._instance = instance
        self._on_change = on_change
        self._views: dict[PodUID, PodView] = {}
        self.statuses = Statuses(runtime, clock)
        self._owner: dict[str, PodUID] = {}
        self._early: dict[str, RuntimeEvent] = {}
        """Exits told of containers and sandboxes that no look has shown yet, oldest first, by id."""
        self._looks = 0
        self._seen: dict[PodUID, int] = {}
        """The look that a pod's view is from."""
        self._due = asyncio.Event()
        self._doubtful = False
        """Whether a look has failed since the last whole list."""
        self._group: asyncio.TaskGroup | None = None
        self.connected = False
        self.on_connection: Callable[[bool], None] = lambda _: None
        """Told when the runtime is lost and when it is back."""
        self.on_unknown: Callable[[], None] = lambda: None
        """Told when a list shows a pod that nobody has asked about."""
        self.on_listed: Callable[[list[ObservedSandbox], list[ObservedContainer]], None] = lambda *_: None
        """Given what each list of everything holds."""
        self.relists = 0

    def view(self, uid: PodUID) -> PodView:
        """Return the last view of a pod; an unknown pod has an empty one, as fresh as the connection."""
        found = self._views.get(uid)
        return found if found is not None else PodView(fresh=self.connected)

    def uids(self) -> set[PodUID]:
        """Return the uids of all pods of this instance that the runtime holds something of."""
        return {uid for uid, view in self._views.items() if view.sandboxes or view.containers}

    def forget(self, uid: PodUID) -> None:
        """Drop what is known of a pod that has ended."""
        self._seen[uid] = self._begin()  # looks that began before this know nothing any more
        view = self._views.pop(uid, None)
        if view is not None:
            self._drop(view.ids)

    async def run(self, relist_seconds: float) -> None:
        """Follow events and relist slowly, for ever."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            group.create_task(self._follow(), name="pleg-events")
            group.create_task(self._relist_slowly(relist_seconds), name="pleg-relist")

    async def _follow(self) -> None:
        async for event in self._events.events():
            self._take(event)

    async def _relist_slowly(self, seconds: float) -> None:
        pause = RETRY_SECONDS
        while True:
            try:
                async with asyncio.timeout(pause if self._doubtful else seconds):
                    await self._due.wait()
            except TimeoutError:
                pass
            if self._doubtful and self._due.is_set():
                await self._clock.sleep(pause)
            self._due.clear()
            await self.relist()
            pause = min(2 * pause, seconds) if self._doubtful else RETRY_SECONDS

    async def relist(self) -> bool:
        """List everything of this instance; returns whether the runtime answered."""
        self.relists += 1
        look = self._begin()
        self._doubtful = False
        try:
            boxes, inside = await asyncio.gather(
                self._runtime.sandboxes(instance=self._instance), self._runtime.containers(instance=self._instance)
            )
            self.on_listed(boxes, inside)
            sandboxes, containers = _by_uid(boxes), _by_uid(inside)
            listed = sandboxes.keys() | containers.keys()
            unknown = listed - self._views.keys()
            for uid in listed | self._views.keys():
                await self._keep(uid, look, sandboxes.get(uid, ()), containers.get(uid, ()))
        except RuntimeFault as fault:
            self.lost(str(fault))
            return False
        self._seen = {uid: seen for uid, seen in self._seen.items() if uid in self._views or seen > look}
        if not self.connected:
            self.connected = True
            self.on_connection(True)  # noqa: FBT003 - the port is a plain callable
        if unknown:
            self.on_unknown()
        return True

    async def refresh(self, uid: PodUID) -> None:
        """Look at one pod again; a look that fails makes its view stale and is repeated soon."""
        look = self._begin()
        try:
            sandboxes, containers = await asyncio.gather(
                self._runtime.sandboxes(uid=uid, instance=self._instance),
                self._runtime.containers(uid=uid, instance=self._instance),
            )
            await self._keep(uid, look, sandboxes, containers)
        except RuntimeFault as fault:
            self._doubt(uid, look, fault)
            self._due.set()

    def made(self, sandbox: ObservedSandbox) -> bool:
        """Show a sandbox that was just made; returns whether that is all there is to know, so that no look is needed."""
        view = self.view(sandbox.uid)
        if not view.fresh or not (sandbox.ips or sandbox.host_network):
            return False
        self.statuses.take_sandbox(sandbox)
        self._show(sandbox.uid, self._begin(), view.with_sandbox(sandbox))
        self._settle(sandbox.uid)
        return True

    async def started(self, uid: PodUID, container: ContainerID) -> bool:
        """Look at a container that was just started, and at nothing else; returns whether that was enough."""
        look = self._begin()
        try:
            full = await self.statuses.ask(container)
        except RuntimeFault:
            return False
        view = self.view(uid)
        if not view.fresh or view.unexplained:
            return False
        self._show(uid, look, view.with_container(full))
        self._settle(uid)
        return True

    def lost(self, why: str) -> None:
        """Take every view for stale until the next list succeeds."""
        self._doubtful = True
        self._due.set()
        if self.connected:
            log.warning("the runtime is lost: %s", why)
            self.connected = False
            self.on_connection(False)  # noqa: FBT003 - the port is a plain callable
        look = self._begin()
        for uid, view in list(self._views.items()):
            self._show(uid, look, view.doubted())

    def _begin(self) -> int:
        """Return the number of a look that begins now."""
        self._looks += 1
        return self._looks

    async def _keep(
        self, uid: PodUID, look: int, sandboxes: Iterable[ObservedSandbox], containers: Iterable[ObservedContainer]
    ) -> None:
        """Complete what a list shows of a pod and take it over. Raises transient RuntimeFaults only."""
        try:
            known = [s for found in sandboxes if (s := await self.statuses.of_sandbox(found)) is not None]
            full = [c for found in containers if (c := await self.statuses.of_container(found)) is not None]
        except RuntimeFault as fault:
            if fault.transient:
                raise
            # The runtime answers, only not about this pod: the others go on.
            self._doubt(uid, look, fault)
        else:
            self._show(uid, look, PodView(known, full, fresh=True))
            self._settle(uid)

    def _doubt(self, uid: PodUID, look: int, fault: RuntimeFault) -> None:
        log.info("cannot look at pod %s: %s", uid, fault)
        self._doubtful = True
        self._show(uid, look, self.view(uid).doubted())

    def _show(self, uid: PodUID, look: int, view: PodView) -> None:
        """Take a look's view over unless a later look has shown another."""
        if look > self._seen.get(uid, 0):
            self._seen[uid] = look
            self._set(uid, view)

    def _set(self, uid: PodUID, view: PodView) -> None:
        old = self._views.get(uid)
        self._views[uid] = view
        self._owner.update(dict.fromkeys(view.ids, uid))
        if old is not None:
            self._drop(old.ids - view.ids)
        if old is None or not old.same(view):
            self._on_change(uid)

    def _drop(self, ids: set[str]) -> None:
        """Forget objects that are no more."""
        for one in ids:
            self._owner.pop(one, None)
        self.statuses.drop(ids)

    def _settle(self, uid: PodUID) -> None:
        """Let exits count that were told before this look showed who has ended."""
        for one in self.view(uid).ids & self._early.keys():
            self._ended(uid, self._early.pop(one))

    def _take(self, event: RuntimeEvent) -> None:
        if event.kind is EventKind.RECONNECTED:
            self._due.set()
        elif event.kind is EventKind.EXITED:
            uid = self._owner.get(event.container_id)
            if uid is not None:
                self._ended(uid, event)
            elif event.container_id not in self._early:
                self._early[event.container_id] = event
                if len(self._early) > EARLY_EXITS:
                    del self._early[next(iter(self._early))]

    def _ended(self, uid: PodUID, event: RuntimeEvent) -> None:
        view = self.view(uid)
        container = next((c for c in view.containers if c.id == event.container_id), None)
        sandbox = next((s for s in view.sandboxes if s.id == event.container_id), None)
        if container is not None and not self.statuses.has_ended(container.id):  # an exit may be delivered twice
            if event.exit_code is not None:
                self._exited(uid, container, event, event.exit_code)
            self._spawn(self._complete(uid, container.id), f"exit-{container.id[:12]}")
        elif sandbox is not None and sandbox.ready:
            self._spawn(self._await_end(uid, sandbox.id), f"end-{sandbox.id[:12]}")

    def _exited(self, uid: PodUID, container: ObservedContainer, event: RuntimeEvent, code: int) -> None:
        exited = replace(
            container,
            state=ContainerState.EXITED,
            exit_code=code,
            finished_at=event.finished_at or int(self._clock.now().wall * 1e9),
            exit_seen=self._clock.now().boot,
        )
        self._replace(uid, exited)

    def _spawn(self, work: Coroutine[None, None, None], name: str) -> None:
        if self._group is None:
            work.close()
            self._due.set()  # before the loops run the first list tells it all
        else:
            self._group.create_task(work, name=name)

    async def _await_end(self, uid: PodUID, sandbox: SandboxID) -> None:
        """Look at a pod until the runtime's own state says that this sandbox has ended."""
        for seconds in STATE_LOOKS_SECONDS:
            if sandbox in self._owner:
                await self.refresh(uid)
            if all(s.id != sandbox or not s.ready for s in self.view(uid).sandboxes):
                return
            await self._clock.sleep(seconds)

    async def _complete(self, uid: PodUID, container: ContainerID) -> None:
        """Wait for the runtime's own view of an exit: it alone knows the reason."""
        for seconds in STATE_LOOKS_SECONDS:
            await self._clock.sleep(seconds)
            try:
                full = await self.statuses.ask(container)
            except NotFoundFault:
                return  # what the event said must do
            except RuntimeFault:
                continue
            if full.state is ContainerState.EXITED:
                self._replace(uid, full)
                return

    async def describe_exits(self, uid: PodUID) -> None:
        """Ask anew what the pod's ended containers left: the first look at them may be older than their session."""
        for container in self.view(uid).containers:
            if container.state is ContainerState.EXITED:
                self._replace(uid, await self.statuses.described(container))

    def _replace(self, uid: PodUID, container: ObservedContainer) -> None:
        """Take a container's exit over where its pod still has it."""
        view = self._views.get(uid)
        if view is None or all(c.id != container.id for c in view.containers):
            self.statuses.drop({container.id})
            return
        self.statuses.take_exit(container)
        self._set(uid, view.with_container(container))


def _by_uid(found: Iterable[Observed]) -> dict[PodUID, list[Observed]]:
    grouped: dict[PodUID, list[Observed]] = {}
    for one in found:
        grouped.setdefault(one.uid, []).append(one)
    return grouped
