"""One worker a pod: plans, starts what the plan asks for, and plans again when anything ends.

The worker is never blind: every step is a task of its own, visible to the next plan in `in_flight` (foundation 17).
Waking it is free and may be done at any time; the latest state wins.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Protocol

from podstead.agent.gate import gated
from podstead.agent.session import Flight
from podstead.errors import DeadlineFault, PodsteadError, RuntimeFault
from podstead.reconcile.actions import (
    Conclude,
    FallBack,
    FinishIncarnation,
    NoteProgress,
    PrepareVolumes,
    Promote,
    PullImage,
    ResizePod,
    RunPostStart,
    RunPreStop,
    StopContainer,
)
from podstead.reconcile.backoff import step_delay
from podstead.reconcile.memory import after_exits
from podstead.reconcile.plan import compute_pod_actions
from podstead.state.observed import TaskFailure

if TYPE_CHECKING:
    from collections.abc import Callable

    from podstead.agent.inputs import PodInputs
    from podstead.agent.pleg import Pleg
    from podstead.agent.session import PodSession
    from podstead.agent.view import PodView
    from podstead.clock import Clock
    from podstead.config.runtime import RestartSettings
    from podstead.identity import PodUID
    from podstead.reconcile.actions import PodActions, Step
    from podstead.state.observed import ObservedPod
    from podstead.state.probes import PodProbes
    from podstead.state.records import PodHistory

log = logging.getLogger(__name__)

# A plan that asks for itself again is run at most this often: a mistake of ours costs little CPU.
MIN_REPLAN_SECONDS = 0.02
# Steps that change nothing of what the runtime lists of a pod: after them there is nothing to look at.
UNSEEN = (
    PullImage,
    PrepareVolumes,
    ResizePod,
    Promote,
    NoteProgress,
    FallBack,
    Conclude,
    RunPostStart,
    RunPreStop,
    FinishIncarnation,
)
# Steps that are given up when the plan no longer asks for them.
CANCELLED = (PullImage, RunPostStart)


class StepRunner(Protocol):
    """Carries out one step; raises RuntimeFault when it could not."""

    async def run(self, step: Step, session: PodSession) -> bool:
        """Do it, and note what was learned in the session; returns whether its effect is in the pod's view already."""
        ...


class Mirror(Protocol):
    """What follows from each plan: probes to run and the status to show."""

    def probes(self, session: PodSession) -> PodProbes:
        """Return the published probe verdicts of the pod."""
        ...

    def done(self, step: Step) -> None:
        """Note that a step has ended, well or not."""
        ...

    def planned(self, session: PodSession, observed: ObservedPod, actions: PodActions) -> bool:
        """Bring the prober and the API object in line with this plan; returns whether the pod is ready."""
        ...


class PodWorker:
    """Brings one pod incarnation to what is desired of it and keeps it there.

    `keep` takes a history that has changed; it neither blocks nor raises (class B).
    """

    def __init__(
        self,
        session: PodSession,
        pleg: Pleg,
        runner: StepRunner,
        mirror: Mirror,
        inputs: PodInputs,
        clock: Clock,
        settings: RestartSettings,
        keep: Callable[[PodUID, PodHistory], None],
    ) -> None:
        self.session = session
        self._pleg = pleg
        self._runner = runner
        self._mirror = mirror
        self._inputs = inputs
        self._clock = clock
        self._settings = settings
        self._keep = keep
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Ask for another plan soon."""
        self._wake.set()

    def retry_now(self) -> None:
        """Forget failed steps: what they waited for may be there now (an imported image, a mounted path)."""
        self.session.failures.clear()
        self.session.inspected.clear()
        self.wake()

    async def look(self) -> None:
        """Look at the pod anew."""
        await self._pleg.refresh(self.session.uid)

    async def run(self) -> None:
        """Work until the incarnation has ended."""
        async with asyncio.TaskGroup() as group:
            while not self.session.finished:
                self._wake.clear()
                requeue_at = self._pass(group)
                await self._rest(requeue_at)

    def _pass(self, group: asyncio.TaskGroup) -> float | None:
        """Plan once and start what may start; returns the boot-clock second of the next plan."""
        session, now = self.session, self._clock.now()
        view = self._pleg.view(session.uid)
        session.trim(view)
        self._note_exits(view)
        effective = session.revision(session.record.effective)
        session.inputs = self._inputs.present(effective.pod, session.uid) if effective is not None else {}
        observed = session.observed(view)
        probes = self._mirror.probes(session)
        actions = compute_pod_actions(session.desired(), observed, probes, session.history, now, self._settings)
        session.note_stop(now.boot, under_way=actions.stopping)
        ready = self._mirror.planned(session, observed, actions)
        actions = gated(session, observed, actions, now, ready=ready)
        if observed.fresh:  # a plan made in the dark asks for nothing, and gives nothing up
            self._cancel_unwanted(actions)
        moments = [] if actions.requeue_at is None else [actions.requeue_at]
        for step in actions.steps:
            failure = session.failures.get(step.key)
            if failure is not None and now.boot < failure.retry_at:
                moments.append(failure.retry_at)
            else:
                self._start(step, group)
        return min(moments, default=None)

    def _note_exits(self, view: PodView) -> None:
        history = after_exits(view.containers, self.session.history)
        if history is not self.session.history:
            self.session.history = history
            self._keep(self.session.uid, history)

    def _start(self, step: Step, group: asyncio.TaskGroup) -> None:
        key = step.key
        flight = self.session.flights.get(key)
        if flight is not None:
            if not _hurries(step, flight.step):
                return
            key = f"{key}:{step.grace_seconds}" if isinstance(step, StopContainer) else key
            if key in self.session.flights:
                return
        task = group.create_task(self._fly(step, key), name=f"{self.session.key} {key}")
        self.session.flights[key] = Flight(step=step, task=task)
        # In the task itself too, so that what it changed and its end are one plan; but that is never begun when it is
        # cancelled at once.
        task.add_done_callback(lambda task: self._landed(step, key, task))

    def _landed(self, step: Step, key: str, task: asyncio.Task[None] | None) -> None:
        flight = self.session.flights.get(key)
        if flight is not None and flight.task is task:
            del self.session.flights[key]
            self._mirror.done(step)
            self.wake()

    def _cancel_unwanted(self, actions: PodActions) -> None:
        wanted = {step.key for step in actions.steps}
        for key, flight in self.session.flights.items():
            if isinstance(flight.step, CANCELLED) and key not in wanted:
                flight.task.cancel()

    async def _fly(self, step: Step, key: str) -> None:
        session = self.session
        look = not isinstance(step, UNSEEN)
        try:
            look = not await self._runner.run(step, session) and look
        except PodsteadError as fault:
            unreachable = isinstance(fault, RuntimeFault) and fault.transient and not isinstance(fault, DeadlineFault)
            reason = getattr(fault, "reason", type(fault).__name__)
            self._failed(step, reason, str(fault), unreachable=unreachable)
        except asyncio.CancelledError:
            look = False
            if not isinstance(step, CANCELLED):
                raise
        except Exception:
            log.exception("step %s of pod %s failed by our own mistake", key, session.key)
            self._failed(step, "InternalError", "an internal error; the agent's log has the details")
        else:
            session.failures.pop(step.key, None)
        finally:
            if look:
                await self._pleg.refresh(session.uid)
            self._landed(step, key, asyncio.current_task())

    def _failed(self, step: Step, reason: str, message: str, *, unreachable: bool = False) -> None:
        now = self._clock.now().boot
        before = self.session.failures.get(step.key)
        count = before.count + 1 if before else 1
        delay = step_delay(step.key, count, unreachable=unreachable)
        self.session.failures[step.key] = TaskFailure(
            reason=reason, message=message, since=now, retry_at=now + delay, count=count
        )

    async def _rest(self, requeue_at: float | None) -> None:
        seconds = None if requeue_at is None else max(MIN_REPLAN_SECONDS, requeue_at - self._clock.now().boot)
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return


def _hurries(step: Step, flying: Step) -> bool:
    """Return whether this stop asks for less grace than the one under way (grace only shrinks)."""
    return (
        isinstance(step, StopContainer)
        and isinstance(flying, StopContainer)
        and step.grace_seconds < flying.grace_seconds
    )
