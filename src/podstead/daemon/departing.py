"""The agent's part in a shutdown of the machine: who is told of it, what ends the pods, and what status says."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.agent.departure import Departure
from podstead.errors import OperatorError
from podstead.logind import delay
from podstead.logind.inhibitor import DelayLock
from podstead.server.port import Problem
from podstead.systemd.manager import Manager, is_booted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from podstead.agent.closing import NodeClosing
    from podstead.clock import Clock
    from podstead.daemon.ground import Ground
    from podstead.systemd.notify import Notifier

OFF = "nothing is ended in order when the machine goes down (gracefulShutdown: false)"
REASON = "NodeShutdown"
MESSAGE = "node is shutting down"
"""The kubelet's words."""
EXTENSION_SECONDS = 30
"""How much longer systemd shall wait for the agent's end, each time it is told (EXTEND_TIMEOUT_USEC of sd_notify(3))."""
TELL_SECONDS = 5.0


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


async def end_with_machine(departing: Departing, notifier: Notifier, clock: Clock) -> None:
    """End the pods if it is the machine's end that ends the agent; returns when they have ended, or at once if not.

    The last net, for who does not ask logind (Ctrl-Alt-Del, reboot.target) or where its time is over.
    """
    if departing.lock is None:
        return
    telling = asyncio.create_task(_keep_waiting(notifier, clock), name="keep-waiting")
    try:
        if await asyncio.to_thread(_is_going_down):
            departing.departure.begins()
            await departing.departure.ended()
    finally:
        telling.cancel()


async def _keep_waiting(notifier: Notifier, clock: Clock) -> None:
    while True:
        notifier.tell(EXTEND_TIMEOUT_USEC=EXTENSION_SECONDS * 1_000_000)
        await clock.sleep(TELL_SECONDS)


def _is_going_down() -> bool:
    """Return whether systemd is stopping everything; root's systemctl asks it without a bus."""
    with contextlib.suppress(OperatorError):
        return is_booted() and Manager().says("is-system-running") == "stopping"
    return False


def let_logind_be() -> None:
    """Take back what was asked of logind. Blocking; another agent of this machine asks again for what it needs."""
    if delay.remove_drop_in() and is_booted():
        with contextlib.suppress(OperatorError):
            Manager().says("kill", "--kill-who=main", "--signal=HUP", "systemd-logind.service")
