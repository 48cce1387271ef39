"""What the runtime's lists leave out, asked for once: addresses of sandboxes, times of containers, how they ended."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from podstead.errors import NotFoundFault
from podstead.state.observed import ContainerState

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from podstead.agent.ports import Runtime
    from podstead.clock import Clock
    from podstead.identity import ContainerID
    from podstead.state.observed import ObservedContainer, ObservedSandbox

log = logging.getLogger(__name__)

# How soon a sandbox that shows no address is asked once more before it is said to have none.
ADDRESS_SECONDS = 0.1


async def _say_nothing(_: ObservedContainer) -> str:
    return ""


class Statuses:
    """Completes what lists show. All but `take_sandbox` and `take_exit` raise RuntimeFault when the runtime is away."""

    def __init__(self, runtime: Runtime, clock: Clock) -> None:
        self._runtime = runtime
        self._clock = clock
        self._exits: dict[str, ObservedContainer] = {}
        """Containers known to have exited, with all that is known of it, by id."""
        self._running: dict[str, ObservedContainer] = {}
        self._sandboxes: dict[str, ObservedSandbox] = {}
        self.describe: Callable[[ObservedContainer], Awaitable[str]] = _say_nothing
        """Reads an exited container's termination message; the runtime's own message stands where it is empty."""
        self.explain: Callable[[ObservedContainer], str] = lambda ended: ended.reason
        """Says why a container ended, once for each end: the runtime may know less than the kernel."""

    def __len__(self) -> int:
        """How many objects something is kept of."""
        return len({*self._exits, *self._running, *self._sandboxes})

    def has_ended(self, container: ContainerID) -> bool:
        """Return whether a container is known to have exited."""
        return container in self._exits

    def take_sandbox(self, sandbox: ObservedSandbox) -> None:
        """Keep what is known of a sandbox."""
        self._sandboxes[sandbox.id] = sandbox

    def take_exit(self, container: ObservedContainer) -> None:
        """Keep what is known of a container's exit; a list that still says Running does not take it back."""
        self._exits[container.id] = container
        self._running.pop(container.id, None)

    def drop(self, ids: Iterable[str]) -> None:
        """Forget objects that are no more."""
        for one in ids:
            self._exits.pop(one, None)
            self._running.pop(one, None)
            self._sandboxes.pop(one, None)

    async def of_sandbox(self, listed: ObservedSandbox) -> ObservedSandbox | None:
        """Return a listed sandbox with its addresses; None when it was removed since."""
        if listed.host_network or not listed.ready:
            return listed
        known = self._sandboxes.get(listed.id)
        if known is None or not known.ips:
            try:
                known = await self._runtime.sandbox_status(listed.id)
                if not known.ips and not known.host_network:
                    await self._clock.sleep(ADDRESS_SECONDS)  # an answer from the midst of its making
                    known = await self._runtime.sandbox_status(listed.id)
            except NotFoundFault:
                return None
            self.take_sandbox(known)
        return replace(listed, ips=known.ips, host_network=known.host_network)

    async def of_container(self, listed: ObservedContainer) -> ObservedContainer | None:
        """Return a listed container with all that is known of it; None when it was removed since."""
        exited = self._exits.get(listed.id)
        if exited is not None and (exited.reason or listed.state is ContainerState.RUNNING):
            return exited
        known = self._running.get(listed.id)
        if listed.state is ContainerState.RUNNING and known is not None:
            return known
        if listed.state is ContainerState.CREATED:
            return listed
        try:
            return await self.ask(listed.id)
        except NotFoundFault:
            return None

    async def ask(self, container: ContainerID) -> ObservedContainer:
        """Ask for all that is known of a container now, and keep it."""
        full = await self._runtime.container_status(container)
        if full.state is ContainerState.RUNNING:
            self._running[container] = full
        elif full.state is ContainerState.EXITED:
            exited = self._exits.get(container)
            seen = exited.exit_seen if exited else self._clock.now().boot
            reason = exited.reason if exited is not None and exited.reason else self.explain(full)
            full = await self.described(replace(full, exit_seen=seen, reason=reason))
            self.take_exit(full)
        return full

    async def described(self, exited: ObservedContainer) -> ObservedContainer:
        """Return an ended container with the termination message that it left; never raises."""
        try:
            message = await self.describe(exited)
        except OSError as error:
            log.warning("cannot read the termination message of container %s: %s", exited.id, error)
            return exited
        return replace(exited, message=message) if message else exited
