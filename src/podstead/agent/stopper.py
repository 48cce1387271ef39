"""Ends what runs and removes what ended. Each call may be repeated: what is gone already is fine."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from podstead.agent.means import gone_is_fine
from podstead.errors import RuntimeFault

if TYPE_CHECKING:
    from podstead.agent.means import Means
    from podstead.agent.session import PodSession
    from podstead.identity import SandboxID
    from podstead.reconcile.actions import RemoveContainer, RemoveSandbox, StopContainer, StopSandbox

# containerd's own state follows an exit by about 50 ms (spec/cri.md 4).
SETTLE_SECONDS = (0.05, 0.15)


class Stopper:
    """Stops and removes containers and sandboxes, and ends incarnations."""

    def __init__(self, means: Means) -> None:
        self._means = means

    async def stop_container(self, step: StopContainer, session: PodSession) -> None:
        """Stop a container; noted first, as what we ended ourselves restarts whatever its exit code."""
        if not session.record.terminating:
            memory = session.history.of(step.name)
            self._means.remember_container(session, step.name, replace(memory, killed_attempt=step.attempt))
        self._means.tell(session, step.reason, step.message)
        await gone_is_fine(self._means.runtime.stop_container(step.id, step.grace_seconds))

    async def remove_container(self, step: RemoveContainer) -> None:
        """Remove the record of a container that does not run."""
        await gone_is_fine(self._means.runtime.remove_container(step.id))

    async def stop_sandbox(self, step: StopSandbox, session: PodSession) -> None:
        """Stop a sandbox, and empty the pod's emptyDirs first where the step wants that."""
        if step.reset_volumes:
            await self._means.home.reset(session.uid)
            session.prepared.clear()
        await self._stop(step.id)

    async def remove_sandbox(self, step: RemoveSandbox) -> None:
        """Remove a sandbox, stopped first."""
        await self._stop(step.id)
        await gone_is_fine(self._means.runtime.remove_sandbox(step.id))

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
