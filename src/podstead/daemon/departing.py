"""The agent's part in a shutdown of the machine: who is told of it, what ends the pods, and what status says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.agent.departure import Departure
from podstead.logind.inhibitor import DelayLock
from podstead.server.port import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from podstead.agent.closing import NodeClosing
    from podstead.daemon.ground import Ground

OFF = "nothing is ended in order when the machine goes down (gracefulShutdown: false)"
REASON = "NodeShutdown"
MESSAGE = "node is shutting down"
"""The kubelet's words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Departing:
    """`closing` ends the pods, whoever asks for it; `lock` is None where the configuration says so."""

    closing: NodeClosing
    departure: Departure
    lock: DelayLock | None

    def sentence(self) -> str:
        """Return what happens to pods when the machine goes down, for status."""
        if self.departure.under_way:
            return "the machine goes down: pods end in their order"
        if self.lock is None:
            return OFF
        state = self.lock.state
        if state.held:
            delay = f", {state.delay:g} s at most" if state.delay is not None else ""
            return f"logind waits until pods have ended in their order{delay}"
        return f"no inhibitor: {state.absent or state.trouble or 'logind has not answered yet'}"

    def problems(self) -> Iterator[Problem]:
        """Yield what is wrong; where there is no logind at all nothing is."""
        if self.departure.under_way:
            yield Problem(reason=REASON, message=MESSAGE, advice="podstead get pods -A")
        elif self.lock is not None and self.lock.state.trouble:
            text = f"pods may be killed when the machine goes down: {self.lock.state.trouble}"
            yield Problem(reason="ShutdownNotDelayed", message=text, advice="systemd-inhibit --list")


def build_departing(ground: Ground, closing: NodeClosing) -> Departing:
    """Build it; nothing runs yet."""
    departure = Departure(closing, ground.recorder, ground.clock)
    if not ground.settings.graceful_shutdown:
        return Departing(closing=closing, departure=departure, lock=None)
    lock = DelayLock(departure, closing.needed_seconds, ground.clock)
    departure.on_end = lock.release
    return Departing(closing=closing, departure=departure, lock=lock)
