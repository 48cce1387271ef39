"""Ends every pod of a node that goes down, stage by stage: hooks run, graces are kept, the critical end last.

Nothing of it is written down: at the next start every pod comes back, and at once when the node stays after all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.admission.shutdown import NODE_STOPS, shutdown_stages
from podstead.reconcile.termination import grace_seconds
from podstead.state.observed import ContainerState

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from podstead.admission.shutdown import Stage
    from podstead.agent.room import NodeRoom
    from podstead.agent.session import PodSession
    from podstead.agent.table import PodTable
    from podstead.agent.view import PodView
    from podstead.clock import Clock
    from podstead.config.node import ShutdownGroup
    from podstead.identity import PodKey, PodUID
    from podstead.state.desired import Blocked

LOOK_SECONDS = 0.05
SLACK_SECONDS = 5.0
"""What a stop may take beyond the grace before the next stage begins without it."""


class NodeClosing:
    """Closes the node's room and waits for its pods to end; opens it again."""

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

    def needed_seconds(self) -> float:
        """Return how long the end of all pods may take: every stage its longest grace, or its group what it is given."""
        needed: dict[int, float] = {}
        sessions = {key: s for key, s in self._sessions().items() if not self._at_rest(s)}
        for stage in self._stages(sessions):
            if stage.seconds is not None:
                needed[stage.group] = stage.seconds + SLACK_SECONDS
            else:
                longest = self._longest([sessions[key] for key in stage.pods])
                needed[stage.group] = needed.get(stage.group, 0.0) + longest + SLACK_SECONDS
        return sum(needed.values())

    async def run(self, why: Blocked = NODE_STOPS) -> AsyncIterator[str]:
        """End all pods, each of which is told why; yields a sentence for each stage that has something to end."""
        self._room.close(())
        sessions = self._sessions()
        began, group = self._clock.now().boot, -1
        for stage in self._stages(sessions):
            if stage.group != group:
                began, group = self._clock.now().boot, stage.group
            members = [sessions[key] for key in stage.pods]
            left = self._limit(stage, members, began)
            if alive := [str(session.key) for session in members if not self._at_rest(session)]:
                yield f"stopping {', '.join(alive)}"
            self._room.close(stage.pods, why)
            await self._await(members, left)

    def reopen(self) -> None:
        """Let every pod come back: the node does not go down."""
        for session in self._table.sessions():
            session.grace_limit = None
        self._room.reopen()

    def _sessions(self) -> dict[PodKey, PodSession]:
        return {s.key: s for s in self._table.sessions() if not s.stray and not s.record.terminating}

    def _stages(self, sessions: Mapping[PodKey, PodSession]) -> Sequence[Stage]:
        desired = {key: session.desired() for key, session in sessions.items()}
        contents = {key: one.effective.pod for key, one in desired.items() if one.effective is not None}
        return shutdown_stages(contents, self._groups)

    @staticmethod
    def _longest(members: Sequence[PodSession]) -> int:
        return max((grace_seconds(session.desired()) for session in members), default=0)

    def _limit(self, stage: Stage, members: Sequence[PodSession], began: float) -> float:
        """Shorten the graces to what the group has left; returns how many seconds the stage may take."""
        longest = self._longest(members)
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
