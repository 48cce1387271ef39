"""Ends what runs and removes what ended. Each call may be repeated: what is gone already is fine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.agent import acts
from podstead.agent.grace import Grace
from podstead.agent.means import gone_is_fine
from podstead.agent.stop_signal import held, signal_number
from podstead.errors import NotFoundFault, RuntimeFault
from podstead.k8s.containers import find_container
from podstead.reconcile.memory import after_clearing, after_sandbox_stop, after_stop
from podstead.state import updates

if TYPE_CHECKING:
    from podstead.agent.hooks import Hooks
    from podstead.agent.means import Means
    from podstead.agent.session import PodSession
    from podstead.identity import SandboxID
    from podstead.reconcile.actions import (
        Conclude,
        RemoveContainer,
        RemoveSandbox,
        RunPreStop,
        StopContainer,
        StopSandbox,
    )

# The kubelet never asks for less (minimumGracePeriodInSeconds).
MIN_GRACE_SECONDS = 2

# containerd's own state follows an exit by about 50 ms (spec/cri.md 4).
SETTLE_SECONDS = (0.05, 0.15)


class Stopper:
    """Stops and removes containers and sandboxes, and ends incarnations."""

    def __init__(self, means: Means, hooks: Hooks) -> None:
        self._means = means
        self._hooks = hooks

    async def stop_container(self, step: StopContainer, session: PodSession) -> None:
        """Stop a container: its preStop hook, then its stop signal and KILL, all within one grace.

        The stop is noted first, as what we ended ourselves restarts whatever its exit code. A step in more of a hurry
        than the one under way shortens its grace, and calls the runtime as soon as the hook is over.
        """
        if not session.record.terminating:
            self._means.remember_container(session, step.name, after_stop(step, session.history.of(step.name)))
        self._means.tell(session, step.reason, step.message)
        under_way = session.stops.get(step.id)
        if under_way is not None:
            under_way.shorten(step.grace_seconds)
            await under_way.hook_over.wait()
            await self._end(step, session, under_way)
            return
        if step.id not in session.asked_to_stop:  # a stop that is tried again is the same act
            session.asked_to_stop.add(step.id)
            self._means.auditor.note(acts.stopping(step, session))
        grace = session.stops[step.id] = Grace(step.grace_seconds, self._means.clock)
        try:
            await self._hooks.pre_stop(step, session, grace)
            grace.hook_over.set()
            await self._end(step, session, grace)
        finally:
            grace.hook_over.set()
            del session.stops[step.id]

    async def pre_stop(self, step: RunPreStop, session: PodSession) -> None:
        """Run the preStop hook of a container whose turn to stop has not come; a stop in a hurry cuts it short."""
        grace = session.stops[step.id] = Grace(step.grace_seconds, self._means.clock)
        try:
            await self._hooks.pre_stop(step, session, grace)
            session.pre_stopped.add(step.id)
        finally:
            grace.hook_over.set()
            del session.stops[step.id]

    async def _end(self, step: StopContainer, session: PodSession, grace: Grace) -> None:
        """Let the container end within what is left of its grace, by the manifest's signal where it names one."""
        wanted = _stop_signal(step, session)
        if wanted is not None and await self._end_by_signal(wanted, step, session, grace):
            await gone_is_fine(self._means.runtime.stop_container(step.id, 0))
        else:
            await gone_is_fine(self._means.runtime.stop_container(step.id, grace.left(MIN_GRACE_SECONDS)))

    async def _end_by_signal(self, wanted: str, step: StopContainer, session: PodSession, grace: Grace) -> bool:
        """Send the manifest's own stop signal and wait until the grace is over; False where it cannot be sent."""
        try:
            with held(await self._means.runtime.container_pid(step.id), step.id) as process:
                if not grace.signalled:
                    grace.signalled = True
                    process.send(signal_number(wanted))
                try:
                    async with grace.within(MIN_GRACE_SECONDS):
                        await process.ended()
                except TimeoutError:
                    pass  # the runtime kills it
        except NotFoundFault:
            return False
        except OSError as error:
            text = f"container {step.name} is stopped by its image's signal, {wanted} cannot be sent: {error}"
            self._means.tell(session, "FailedStopSignal", text, warning=True)
            return False
        return True

    async def remove_container(self, step: RemoveContainer, session: PodSession) -> None:
        """Remove the record of a container that does not run."""
        if step.clears:
            memory = session.history.of(step.clears)
            cleared = after_clearing(step, memory, self._means.clock.now())
            self._means.remember_container(session, step.clears, cleared)
        await gone_is_fine(self._means.runtime.remove_container(step.id))

    async def stop_sandbox(self, step: StopSandbox, session: PodSession) -> None:
        """Stop a sandbox."""
        self._means.remember(session, after_sandbox_stop(session.history))
        await self._stop(step.id)

    async def remove_sandbox(self, step: RemoveSandbox, session: PodSession) -> None:
        """Remove a sandbox, stopped first, and before it the pod's volumes where the step wants their room back."""
        if step.reset_volumes:
            await self._means.home.reset(session.uid)
            session.prepared.clear()
        await self._stop(step.id)
        await gone_is_fine(self._means.runtime.remove_sandbox(step.id))

    async def conclude(self, step: Conclude, session: PodSession) -> None:
        """Note durably how the pod has ended, unless it has another content meanwhile."""
        async with session.writing:
            record = session.record
            if record.terminating or record.stopped or record.completion is not None:
                return
            if record.effective != step.revision:
                return  # the next plan knows
            concluded = updates.concluded(record, step.completion)
            await self._means.books.save_record(concluded)
            session.record = concluded
        if step.completion.reason:
            self._means.tell(session, step.completion.reason, step.completion.message, warning=True)

    async def finish(self, session: PodSession) -> None:
        """Remove what the pod had on the node, then forget the incarnation, durably."""
        await self._means.home.teardown(session.uid)
        async with session.writing:
            await self._means.books.end(session.record)
            session.finished = True

    async def _stop(self, sandbox: SandboxID) -> None:
        """Stop a sandbox; a container of it that exits at this moment makes containerd fail, and soon no more."""
        runtime = self._means.runtime
        for seconds in SETTLE_SECONDS:
            try:
                await gone_is_fine(runtime.stop_sandbox(sandbox))
            except RuntimeFault:
                await self._means.clock.sleep(seconds)
            else:
                return
        await gone_is_fine(runtime.stop_sandbox(sandbox))


def _stop_signal(step: StopContainer, session: PodSession) -> str | None:
    """Return the signal that the revision which made the container wants, None for the image's or SIGTERM."""
    revision = session.revision(step.revision)
    spec = find_container(revision.pod.spec, step.name) if revision is not None else None
    return spec.lifecycle.stop_signal if spec is not None and spec.lifecycle is not None else None
