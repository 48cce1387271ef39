"""Keeps what pods' hosts files say of the node's other pods: names and addresses, renewed under living containers.

Nothing restarts for a name, and no start waits for one: a pod's own file is written with what is known at its start,
the others' files follow in batches, a moment after things have come to rest.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Protocol

from podstead.volumes.neighbours import Neighbour, Neighbourhood

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from podstead.agent.session import PodSession
    from podstead.agent.view import PodView
    from podstead.clock import Clock
    from podstead.identity import PodUID
    from podstead.state.observed import ObservedSandbox
    from podstead.volumes.neighbours import Names

log = logging.getLogger(__name__)

REST_SECONDS = 0.5
"""Files follow when nothing has changed for so long: a hundred pods that start at once are one change, not a hundred."""
LONGEST_SECONDS = 2.0
"""Files follow after this time whatever goes on."""


class HostsFiles(Protocol):
    """The hosts files of pods."""

    async def renew_hosts(self, neighbours: Mapping[PodUID, Names | None]) -> Sequence[str]:
        """Bring these files up to date; return what could not be done."""
        ...


class PodNaming:
    """Who is called what. With `serving` off it only takes away what an agent before this one wrote."""

    def __init__(
        self,
        sessions: Callable[[], Iterable[PodSession]],
        view: Callable[[PodUID], PodView],
        node: Callable[[], tuple[str, str]],
        files: HostsFiles,
        clock: Clock,
        *,
        serving: bool,
    ) -> None:
        """`node` returns the node's name and address."""
        self._sessions = sessions
        self._view = view
        self._node = node
        self._files = files
        self._clock = clock
        self._serving = serving
        self._known = Neighbourhood()
        self._stale = True
        self._written: Neighbourhood | None = None
        self._due = asyncio.Event()

    def changed(self) -> None:
        """Note that a pod, or an address, may have come or gone. Costs nothing until somebody asks."""
        self._stale = True
        self._due.set()

    def names_for(self, namespace: str) -> Names | None:
        """Return the names that a pod of this namespace is given now; None when none are served."""
        return self._neighbourhood().seen_from(namespace) if self._serving else None

    def repeat(self) -> None:
        """Write every file once more: one was written while the names changed."""
        self._written = None
        self._due.set()

    async def run(self) -> None:
        """Let the files follow, for ever."""
        self._due.set()
        while True:
            await self._due.wait()
            await self._rest()
            await self._write()

    async def _rest(self) -> None:
        """Wait until nothing changes for a moment."""
        began = self._clock.now().boot
        while self._due.is_set() and self._clock.now().boot - began < LONGEST_SECONDS:
            self._due.clear()
            await self._clock.sleep(REST_SECONDS)
        self._due.clear()

    async def _write(self) -> None:
        known = self._neighbourhood()
        if known is self._written:
            return
        self._written = known
        own = {s.uid: self.names_for(s.key.namespace) for s, box in self._reachable() if not box.host_network}
        for trouble in await self._files.renew_hosts(own):
            log.warning("%s", trouble)

    def _neighbourhood(self) -> Neighbourhood:
        """Return the pods that can be reached, the same value as long as they are the same."""
        if self._stale:
            self._stale = False
            found = Neighbourhood(tuple(self._neighbours()) if self._serving else ())
            if found.pods != self._known.pods:
                self._known = found
        return self._known

    def _neighbours(self) -> Iterator[Neighbour]:
        node, address = self._node()
        seen = set()
        # Of two incarnations of a name the one that stays is meant, and the other only while there is no such one.
        for session, box in sorted(self._reachable(), key=lambda one: (one[0].stray, one[0].record.terminating)):
            ips = ((address,) if address else ()) if box.host_network else box.ips
            if ips and session.key not in seen:
                seen.add(session.key)
                full = session.key.name
                name = full.removesuffix(f"-{node}")
                yield Neighbour(namespace=session.key.namespace, name=name, full=full, ips=ips)

    def _reachable(self) -> Iterator[tuple[PodSession, ObservedSandbox]]:
        """Yield the pods that have a sandbox to be reached in."""
        for session in self._sessions():
            box = next((s for s in self._view(session.uid).sandboxes if s.ready), None)
            if box is not None:
                yield session, box
