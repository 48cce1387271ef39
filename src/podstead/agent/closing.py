"""Ends every pod of a node that goes down, stage by stage: hooks run, graces are kept, the critical end last.

Nothing of it is written down: at the next start every pod comes back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.admission.shutdown import shutdown_stages
from podstead.reconcile.termination import grace_seconds
from podstead.state.observed import ContainerState

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from podstead.admission.shutdown import Stage
    from podstead.agent.room import NodeRoom
    from podstead.agent.session import PodSession
    from podstead.agent.table import PodTable
    from podstead.agent.view import PodView
    from podstead.clock import Clock
    from podstead.config import ShutdownGroup
    from podstead.identity import PodUID

LOOK_SECONDS = 0.05
SLACK_SECONDS = 5.0
"""What a stop may take beyond the grace before the next stage begins without it."""


class NodeClosing:
    """Closes the node's room for good and waits for its pods to end."""

    def __init__(
        self,
        table: PodTable,
        room: NodeRoom,
        view: Callable[[PodUID], PodView],
        groups: Sequence[ShutdownGroup],
        clock: Clock,
    ) -> None:
        self._table = table
        self._room = room
        self._view = view
        self._groups = groups
        self._clock = clock

    async def run(self) -> AsyncIterator[str]:
        """End all pods; yields a sentence for each stage that has something to end."""
        sessions = {s.key: s for s in self._table.sessions() if not s.stray and not s.record.terminating}
        desired = {key: session.desired() for key, session in sessions.items()}
        contents = {key: one.effective.pod for key, one in desired.items() if one.effective is not None}
        began, group = self._clock.now().boot, -1
        for stage in shutdown_stages(contents, self._groups):
            if stage.group != group:
                began, group = self._clock.now().boot, stage.group
            members = [sessions[key] for key in stage.pods]
            left = self._limit(stage, members, began)
            if alive := [str(session.key) for session in members if not self._at_rest(session)]:
                yield f"stopping {', '.join(alive)}"
            self._room.close(stage.pods)
            await self._await(members, left)

    def _limit(self, stage: Stage, members: Sequence[PodSession], began: float) -> float:
        """Shorten the graces to what the group has left; returns how many seconds the stage may take."""
        longest = max((grace_seconds(session.desired()) for session in members), default=0)
        if stage.seconds is None:
            return longest + SLACK_SECONDS
        left = max(0.0, began + stage.seconds - self._clock.now().boot)
        for session in members:
            session.grace_limit = int(left)
        return min(left, longest) + SLACK_SECONDS

    async def _await(self, members: Sequence[PodSession], seconds: float) -> None:
        until = self._clock.now().boot + seconds
        while self._clock.now().boot < until and not all(self._at_rest(session) for session in members):
            await self._clock.sleep(LOOK_SECONDS)

    def _at_rest(self, session: PodSession) -> bool:
        view = self._view(session.uid)
        running = any(c.state is ContainerState.RUNNING for c in view.containers)
        return not running and not any(sandbox.ready for sandbox in view.sandboxes) and not session.flights
