"""One probe of one container id: its timing, its attempts and what follows from them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from podstead.probes import handlers, thresholds
from podstead.probes.attempt import Attempt, Result
from podstead.probes.lag import LagMeter
from podstead.state.probes import Outcome, ProbeKind, ProbeTarget, ProbeVerdict

if TYPE_CHECKING:
    from podstead.clock import Clock
    from podstead.probes.exec import ExecSync

ERROR_TRIES = 3
"""How often in a row an attempt that cannot be carried out is made (kubelet: maxProbeRetries)."""
LAG_SHARE = 0.1
"""A failure during which the loop was late by more than this share of the timeout is ours, not the container's."""

Report = Callable[[ProbeTarget, ProbeVerdict, str | None], None]
"""Takes a new verdict. The text is None where the verdict is only to be kept, else the event's (empty: none)."""


@dataclass(slots=True, kw_only=True)
class Surroundings:
    """What all workers of a prober share."""

    exec_sync: ExecSync
    clock: Clock
    jitter: Callable[[], float]
    exec_slots: asyncio.Semaphore
    lag: LagMeter = field(default_factory=LagMeter)
    runtime_lost: bool = False
    healthy_from: float = float("-inf")
    """Boot-clock second from which failures of liveness and startup count again."""
    disregarded: int = 0
    """Attempts that counted neither way."""

    def recovering(self) -> bool:
        """Return whether the runtime is away or came back a moment ago."""
        return self.runtime_lost or self.clock.now().boot < self.healthy_from


class ProbeWorker:
    """Asks one probe until it is settled or cancelled.

    `started` is shared by the probes of one container id: liveness and readiness wait for it, startup sets it.
    `adopted` says that this process did not see the container start.
    """

    def __init__(
        self,
        target: ProbeTarget,
        state: thresholds.WorkerState,
        started: asyncio.Event,
        around: Surroundings,
        *,
        adopted: bool,
        report: Report,
    ) -> None:
        self.target = target
        self.state = state
        self.started = started
        self._schedule = thresholds.schedule_of(target.probe)
        self._around = around
        self._adopted = adopted
        self._report = report
        self._message: str | None = None

    @property
    def verdict(self) -> ProbeVerdict:
        """The verdict as it stands."""
        return ProbeVerdict(outcome=self.state.published, message=self._message or "", failures=self.state.failures)

    def forgive(self) -> None:
        """Forget the row of attempts, keep the verdict."""
        self.state = thresholds.forgive(self.state)

    async def run(self) -> None:
        """Ask at once or when initialDelaySeconds have passed, then every period, until settled."""
        clock, period = self._around.clock, self._schedule.period
        due = clock.now().boot
        delay = thresholds.first_delay(
            self._schedule, self.target.started_at, due, adopted=self._adopted, jitter=self._around.jitter()
        )
        if delay > 0:
            due += delay
            await clock.sleep(delay)
        while not self.state.settled:
            if self.target.kind is not ProbeKind.STARTUP and not self.started.is_set():
                await self.started.wait()
                due = clock.now().boot
                if self.target.kind is ProbeKind.LIVENESS:
                    # Readiness is asked the moment a container has started; liveness leaves it one period.
                    due += period
                    await clock.sleep(period)
            self._settle(await self._attempt())
            now = clock.now().boot
            due = thresholds.next_due(due, period, now)
            if not self.state.settled:
                await clock.sleep(due - now)

    def fault(self) -> None:
        """Publish that a mistake of the agent ended this probe: nobody may take its silence for health."""
        self._tell(Attempt(Result.ERROR, "the probe was stopped by a fault of the agent"))

    async def _attempt(self) -> Attempt:
        attempt = await self._one_attempt()
        for _ in range(ERROR_TRIES - 1):
            if attempt.result is not Result.ERROR:
                break
            attempt = await self._one_attempt()
        return attempt

    async def _one_attempt(self) -> Attempt:
        if self.target.probe.exec is None:
            return await self._measured()
        if self._around.runtime_lost:
            return Attempt(Result.DISREGARDED, "the runtime could not be reached")
        # The wait for a slot is not the command's time: its timeout starts at the call.
        async with self._around.exec_slots:
            return await self._measured()

    async def _measured(self) -> Attempt:
        timeout, lag = self._schedule.timeout, self._around.lag
        with lag:
            begun = asyncio.get_running_loop().time()
            attempt = await handlers.attempt(self.target, self._around.exec_sync, timeout)
            if attempt.result is not Result.FAILURE:
                return attempt
            if lag.worst_since(begun) > timeout * LAG_SHARE:
                return Attempt(Result.DISREGARDED, "the agent itself was late")
        kills = self.target.kind is not ProbeKind.READINESS
        if (kills or self.target.probe.exec is not None) and self._around.recovering():
            return Attempt(Result.DISREGARDED, "the runtime was away a moment ago")
        return attempt

    def _settle(self, attempt: Attempt) -> None:
        if attempt.result is Result.DISREGARDED:
            self._around.disregarded += 1
            return
        before = self.state
        self.state = state = thresholds.advance(before, attempt.result, self._schedule)
        changed = state.decided and (not before.decided or state.published is not before.published)
        if changed or attempt.result in {Result.FAILURE, Result.ERROR}:
            self._tell(attempt)
        elif self._message != attempt.message or before.failures:
            self._message = attempt.message
            self._report(self.target, self.verdict, None)
        if self.target.kind is ProbeKind.STARTUP and state.published is Outcome.SUCCESS:
            self.started.set()

    def _tell(self, attempt: Attempt) -> None:
        kind, text = self.target.kind, ""
        if attempt.result is Result.FAILURE:
            text = f"{kind} probe failed: {attempt.message}"
        elif attempt.result is Result.ERROR:
            text = f"{kind} probe errored: {attempt.message}"
        elif attempt.result is Result.WARNING:
            text = f"{kind} probe warning: {attempt.message}"
        self._message = attempt.message
        self._report(self.target, self.verdict, text)
