"""What systemd is told of the agent: that it serves, how it is, that it is alive, that it stops.

The watchdog is fed by the agent's own event loop, and only while the sync loop goes round on it. Waiting is life: for a
disk that is slow to write, a runtime that does not answer, a file system that is away. What stops the feeding is a loop
that is blocked, or a pass that stands still with nothing outside to wait for.
"""

from __future__ import annotations

import asyncio
import logging
import math
from typing import TYPE_CHECKING

from podstead.store.changes import PODS
from podstead.systemd.notify import MICROSECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from podstead.clock import Clock
    from podstead.daemon.ground import Ground
    from podstead.daemon.parts import Parts
    from podstead.systemd.notify import Notifier

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""How often the state is looked at; told only when it changed. A tenth of a millisecond of CPU."""
STARTING_SECONDS = 0.05
"""The same until the agent is ready, as others wait for that."""
EXTENSION_SECONDS = 60
"""How much longer a start may take each time we say that we are alive."""
FEEDS = 4
"""Meals within the watchdog's time: sd_watchdog_enabled(3) asks for two; a loaded machine may miss some."""
STANDSTILL_SECONDS = 30.0
"""A pass of the sync loop takes milliseconds; on a machine that swaps, seconds."""


class Supervision:
    """Tells the service manager how the agent is, for as long as it runs."""

    def __init__(
        self,
        notifier: Notifier,
        clock: Clock,
        *,
        ready: Callable[[], bool],
        standstill: Callable[[], float],
        summary: Callable[[], str],
    ) -> None:
        self._notifier = notifier
        self._clock = clock
        self._ready = ready
        self._standstill = standstill
        self._summary = summary
        self._told = ""
        self._fed_at = -math.inf
        self._serving = False

    async def run(self) -> None:
        """Tell for ever; returns at once where nobody listens."""
        if not self._notifier.listening:
            return
        while True:
            self.look()
            await self._clock.sleep(LOOK_SECONDS if self._serving else STARTING_SECONDS)

    def look(self) -> None:
        """Look once, and tell what is new."""
        now = self._clock.now().boot
        if (still := self._standstill()) > STANDSTILL_SECONDS:
            self._say(f"STUCK: the sync loop has stood still for {still:.0f} s")
            return
        if not self._serving and self._ready():
            self._serving = True
            self._notifier.tell(READY=1)
        self._say(self._summary() if self._serving else "starting: waits for the runtime and the first look")
        if now - self._fed_at < self._period:
            return
        self._fed_at = now
        if self._serving:
            self._notifier.tell(WATCHDOG=1)
        else:
            self._notifier.tell(EXTEND_TIMEOUT_USEC=EXTENSION_SECONDS * MICROSECONDS)

    @property
    def _period(self) -> float:
        return (self._notifier.watchdog_seconds or EXTENSION_SECONDS) / FEEDS

    def _say(self, text: str) -> None:
        if text != self._told:
            self._told = text
            self._notifier.tell(STATUS=text)


def supervision(ground: Ground, parts: Parts, notifier: Notifier) -> Supervision:
    """Return what tells of this agent."""
    sync = parts.sync

    def summary() -> str:
        phases = [pod.status.phase if pod.status else "" for pod in ground.stores.objects.list(PODS).items]
        return status_line(phases.count("Running"), len(phases), parts.board.counts(), len(ground.state.problems))

    return Supervision(
        notifier,
        ground.clock,
        ready=lambda: sync is None or sync.looked,
        standstill=lambda: sync.standstill(ground.clock.now().boot) if sync is not None else 0.0,
        summary=summary,
    )


def status_line(running: int, pods: int, verdicts: dict[str, int], problems: int) -> str:
    """Return the line that `systemctl status` shows."""
    files = ", ".join(f"{count} {verdict.lower()}" for verdict, count in sorted(verdicts.items())) or "none"
    wrong = f"; {problems} wrong: podstead status" if problems else ""
    return f"{running} of {pods} pods running; files: {files}{wrong}"


async def keep_told(supervised: Supervision) -> None:
    """Run the supervision; a mistake in it is logged, and the agent lives on without being fed."""
    try:
        await supervised.run()
    except asyncio.CancelledError:
        raise
    except Exception:
        log.exception("systemd is told nothing any more")
