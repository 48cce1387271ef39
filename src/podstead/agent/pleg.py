"""The pod lifecycle event generator: keeps the last view of every pod, fed by events and a slow relist.

An exit event marks the container as exited at once, before the runtime's own state follows (about 50 ms later,
spec/cri.md 4); a listing that still says Running does not take that back. Details of an exit are asked for once.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from podstead.errors import NotFoundFault, RuntimeFault
from podstead.state.observed import ContainerState, ObservedContainer, ObservedSandbox
from podstead.state.runtime import EventKind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from podstead.agent.ports import EventStream, Runtime
    from podstead.clock import Clock
    from podstead.identity import ContainerID, PodUID
    from podstead.state.runtime import RuntimeEvent

log = logging.getLogger(__name__)

# The runtime's state follows its exit event by about 50 ms; ten looks 30 ms apart are ample.
DETAIL_TRIES = 10
DETAIL_SECONDS = 0.03


async def _say_nothing(_: ObservedContainer) -> str:
    return ""


class PodView:
    """The sandboxes and containers of one pod, newest attempt first, and whether the view may be trusted."""

    __slots__ = ("containers", "fresh", "sandboxes")

    def __init__(
        self, sandboxes: Iterable[ObservedSandbox] = (), containers: Iterable[ObservedContainer] = (), *, fresh: bool
    ) -> None:
        self.sandboxes = tuple(sorted(sandboxes, key=lambda s: -s.attempt))
        self.containers = tuple(sorted(containers, key=lambda c: (c.name, -c.attempt, -c.created_at)))
        self.fresh = fresh


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
        self._exits: dict[str, ObservedContainer] = {}
        """Containers known to have exited, with all that is known of it, by id."""
        self._details: dict[str, ObservedContainer] = {}
        """Full status of running containers, by id: asked for once."""
        self._addresses: dict[str, ObservedSandbox] = {}
        self._owner: dict[str, PodUID] = {}
        self._group: asyncio.TaskGroup | None = None
        self.connected = False
        self.on_connection: Callable[[bool], None] = lambda _: None
        """Told when the runtime is lost and when it is back."""
        self.on_unknown: Callable[[], None] = lambda: None
        """Told when a list shows a pod that nobody has asked about."""
        self.describe: Callable[[ObservedContainer], Awaitable[str]] = _say_nothing
        """Reads an exited container's termination message; the runtime's own message stands where it is empty."""
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
        view = self._views.pop(uid, None)
        for container in view.containers if view else ():
            self._exits.pop(container.id, None)
            self._details.pop(container.id, None)
            self._owner.pop(container.id, None)
        for sandbox in view.sandboxes if view else ():
            self._addresses.pop(sandbox.id, None)
            self._owner.pop(sandbox.id, None)

    async def run(self, relist_seconds: float) -> None:
        """Follow events and relist slowly, for ever."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            group.create_task(self._follow(), name="pleg-events")
            group.create_task(self._relist_slowly(relist_seconds), name="pleg-relist")

    async def _follow(self) -> None:
        async for event in self._events.events():
            try:
                await self._take(event)
            except RuntimeFault as fault:
                log.warning("cannot take a runtime event: %s", fault)

    async def _relist_slowly(self, seconds: float) -> None:
        while True:
            await self._clock.sleep(seconds)
            await self.relist()

    async def relist(self) -> bool:
        """List everything of this instance; returns whether the runtime answered."""
        self.relists += 1
        try:
            sandboxes = await self._runtime.sandboxes(instance=self._instance)
            containers = await self._runtime.containers(instance=self._instance)
            listed = {s.uid for s in sandboxes} | {c.uid for c in containers}
            unknown = listed - set(self._views)
            uids = listed | set(self._views)
            for uid in uids:
                mine = [s for s in sandboxes if s.uid == uid]
                await self._keep(uid, mine, [c for c in containers if c.uid == uid])
        except RuntimeFault as fault:
            self.lost(str(fault))
            return False
        if not self.connected:
            self.connected = True
            self.on_connection(True)  # noqa: FBT003 - the port is a plain callable
        if unknown:
            self.on_unknown()
        return True

    async def refresh(self, uid: PodUID) -> None:
        """Look at one pod again."""
        try:
            sandboxes = await self._runtime.sandboxes(uid=uid, instance=self._instance)
            containers = await self._runtime.containers(uid=uid, instance=self._instance)
            await self._keep(uid, sandboxes, containers)
        except RuntimeFault as fault:
            log.info("cannot look at pod %s: %s", uid, fault)
            old = self.view(uid)
            self._set(uid, PodView(old.sandboxes, old.containers, fresh=False))

    def lost(self, why: str) -> None:
        """Take every view for stale until the next list succeeds."""
        if self.connected:
            log.warning("the runtime is lost: %s", why)
            self.connected = False
            self.on_connection(False)  # noqa: FBT003 - the port is a plain callable
        for uid, view in list(self._views.items()):
            self._set(uid, PodView(view.sandboxes, view.containers, fresh=False))

    async def _keep(
        self, uid: PodUID, sandboxes: Iterable[ObservedSandbox], containers: Iterable[ObservedContainer]
    ) -> None:
        known = [await self._with_address(s) for s in sandboxes]
        full = [c for found in containers if (c := await self._with_details(found)) is not None]
        self._set(uid, PodView(known, full, fresh=True))

    def _set(self, uid: PodUID, view: PodView) -> None:
        old = self._views.get(uid)
        self._views[uid] = view
        self._owner.update((s.id, uid) for s in view.sandboxes)
        self._owner.update((c.id, uid) for c in view.containers)
        if old is None or (old.sandboxes, old.containers, old.fresh) != (view.sandboxes, view.containers, view.fresh):
            self._on_change(uid)

    async def _with_address(self, sandbox: ObservedSandbox) -> ObservedSandbox:
        if sandbox.host_network or not sandbox.ready:
            return sandbox
        known = self._addresses.get(sandbox.id)
        if known is None or not known.ips:
            known = await self._runtime.sandbox_status(sandbox.id)
            self._addresses[sandbox.id] = known
        return replace(sandbox, ips=known.ips, host_network=known.host_network)

    async def _with_details(self, container: ObservedContainer) -> ObservedContainer | None:
        exited = self._exits.get(container.id)
        if exited is not None and exited.reason:
            return exited
        if exited is not None and container.state is ContainerState.RUNNING:
            return exited
        known = self._details.get(container.id)
        if container.state is ContainerState.RUNNING and known is not None:
            return known
        if container.state is ContainerState.CREATED:
            return container
        try:
            full = await self._runtime.container_status(container.id)
        except NotFoundFault:
            return None  # removed between the list and this look
        if full.state is ContainerState.RUNNING:
            self._details[full.id] = full
        elif full.state is ContainerState.EXITED:
            seen = exited.exit_seen if exited else self._clock.now().boot
            full = self._exits[full.id] = await self._described(replace(full, exit_seen=seen))
        return full

    async def _take(self, event: RuntimeEvent) -> None:
        if event.kind is EventKind.RECONNECTED:
            await self.relist()
            return
        uid = self._owner.get(event.container_id)
        if uid is None or event.kind is not EventKind.EXITED:
            return
        container = next((c for c in self.view(uid).containers if c.id == event.container_id), None)
        if container is None:
            await self.refresh(uid)  # a sandbox has ended
        else:
            self._exited(uid, container, event)

    def _exited(self, uid: PodUID, container: ObservedContainer, event: RuntimeEvent) -> None:
        if container.id in self._exits:
            return  # delivered twice after a restart of the runtime
        code = event.exit_code or 0
        exited = replace(
            container,
            state=ContainerState.EXITED,
            exit_code=code,
            finished_at=event.finished_at or int(self._clock.now().wall * 1e9),
            exit_seen=self._clock.now().boot,
        )
        self._exits[container.id] = exited
        self._details.pop(container.id, None)
        self._replace(uid, exited)
        if self._group is not None:
            self._group.create_task(self._complete(uid, container.id), name=f"exit-{container.id[:12]}")

    async def _complete(self, uid: PodUID, container: ContainerID) -> None:
        """Wait for the runtime's own view of an exit: it alone knows the reason."""
        for _ in range(DETAIL_TRIES):
            await self._clock.sleep(DETAIL_SECONDS)
            try:
                full = await self._runtime.container_status(container)
            except RuntimeFault:
                return  # removed, or the runtime is gone: what the event said must do
            if full.state is ContainerState.EXITED:
                exited = self._exits.get(container)
                full = replace(full, exit_seen=exited.exit_seen if exited else self._clock.now().boot)
                full = self._exits[container] = await self._described(full)
                self._replace(uid, full)
                return

    async def _described(self, exited: ObservedContainer) -> ObservedContainer:
        message = await self.describe(exited)
        return replace(exited, message=message) if message else exited

    def _replace(self, uid: PodUID, container: ObservedContainer) -> None:
        view = self._views.get(uid)
        if view is None or all(c.id != container.id for c in view.containers):
            return
        containers = [container if c.id == container.id else c for c in view.containers]
        self._set(uid, PodView(view.sandboxes, containers, fresh=view.fresh))
