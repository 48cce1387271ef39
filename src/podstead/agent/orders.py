"""What root asks of one pod: another revision, a stop, a start, a restart. Each is durable before it has an effect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.errors import NotFoundFault, OperatorError
from podstead.k8s.containers import standing_containers
from podstead.state import updates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from podstead.agent.ports import Recorder, RecordFiles
    from podstead.agent.rollback_gate import RollbackGate
    from podstead.agent.room import NodeRoom
    from podstead.agent.session import PodSession
    from podstead.agent.shelf import RevisionShelf
    from podstead.agent.table import PodTable
    from podstead.agent.view import PodView
    from podstead.clock import Clock
    from podstead.identity import PodKey, PodUID, RevisionID
    from podstead.state.records import PodRecord


class Orders:
    """Carries them out; every method raises OperatorError for what cannot be, and StoreError where it cannot be written."""

    def __init__(
        self,
        table: PodTable,
        shelf: RevisionShelf,
        records: RecordFiles,
        room: NodeRoom,
        view: Callable[[PodUID], PodView],
        recorder: Recorder,
        clock: Clock,
        rollbacks: RollbackGate,
    ) -> None:
        self._table = table
        self._shelf = shelf
        self._records = records
        self._room = room
        self._view = view
        self._recorder = recorder
        self._clock = clock
        self._rollbacks = rollbacks

    def session(self, key: PodKey) -> PodSession:
        """Return the session of a pod; raises NotFoundFault."""
        session = self._table.session(key)
        if session is None:
            raise NotFoundFault(f'pods "{key.name}" not found')
        return session

    async def roll_back(self, key: PodKey, wanted: RevisionID | None) -> RevisionID:
        """Let a pod run a kept revision, the one before the present where none is named; returns it."""
        session = self.session(key)
        target = wanted or updates.before_last(session.record)
        if target is None:
            raise OperatorError(f"pod {key} has no earlier revision to go back to: see podstead history")
        async with self._shelf.changing, session.writing:
            _refuse_ending(session)
            revision = session.revision(target) or await self._shelf.load(key, target)
            if revision is None:
                raise OperatorError(
                    f"revision {target} of pod {key} is not kept: podstead history lists those that are"
                )
            if refused := await self._rollbacks.refusal(revision):
                raise OperatorError(f"pod {key} does not go back to revision {target}: {refused}")
            record = updates.rolled_back(session.record, target, self._clock.now())
            if record.candidate is None and session.record.candidate is None:
                raise OperatorError(f"pod {key} runs revision {target} already")
            # Written again, lest it be pruned for its age before anything names it.
            await self._shelf.admit([revision], [record])
            session.revisions[target] = revision
            self._take(session, record)
        self._tell(session, "RolledBack", f"Root asked for revision {target}")
        return target

    async def stop(self, key: PodKey) -> None:
        """Let nothing of a pod run until it is started."""
        session = self.session(key)
        async with session.writing:
            _refuse_ending(session)
            if session.record.stopped:
                raise OperatorError(f"pod {key} is stopped already")
            await self._write(session, updates.stopped(session.record))
        self._tell(session, "PodStopped", "Root stopped the pod")

    async def start(self, key: PodKey) -> None:
        """Let a stopped pod run again."""
        session = self.session(key)
        async with session.writing:
            _refuse_ending(session)
            if not session.record.stopped:
                raise OperatorError(f"pod {key} is not stopped: podstead restart replaces its containers")
            attempts = self._attempts(session, _names(session))
            await self._write(session, updates.started(session.record, attempts, self._clock.now()))
        self._tell(session, "PodStarted", "Root started the pod")

    async def restart(self, key: PodKey, container: str) -> tuple[str, ...]:
        """Replace a pod's containers one after another, or the one that is named; returns their names."""
        session = self.session(key)
        async with session.writing:
            _refuse_ending(session)
            if session.record.stopped:
                raise OperatorError(f"pod {key} is stopped: podstead start lets it run again")
            if (held := session.held) is not None:
                raise OperatorError(f"pod {key} is held, so nothing of it is started again: {held.message}")
            names = _names(session)
            if container and container not in names:
                raise OperatorError(f'container "{container}" is not in pod {key}: take one of {", ".join(names)}')
            chosen = (container,) if container else names
            attempts = self._attempts(session, chosen)
            await self._write(session, updates.restarted(session.record, attempts, self._clock.now()))
        self._tell(session, "PodRestarting", f"Root asked for a restart of {', '.join(chosen)}")
        return chosen

    async def _write(self, session: PodSession, record: PodRecord) -> None:
        await self._records.put(record)
        self._take(session, record)

    def _take(self, session: PodSession, record: PodRecord) -> None:
        """Take a record over that has been written, and judge the room before the worker can act on it."""
        session.record = record
        session.failures.clear()
        self._room.judge()
        self._table.wake(session.uid)

    def _attempts(self, session: PodSession, names: Iterable[str]) -> dict[str, int]:
        """Return the highest attempt of each container, started or only begun."""
        found = self._view(session.uid).containers
        return {
            name: max(session.history.of(name).last_attempt, *(c.attempt for c in found if c.name == name), -1)
            for name in names
        }

    def _tell(self, session: PodSession, reason: str, message: str) -> None:
        self._recorder.event(session.key, session.uid, reason, message)


def _names(session: PodSession) -> tuple[str, ...]:
    """Return the containers that run for as long as the pod does, in the manifest's order."""
    revision = session.revision(session.record.effective)
    return tuple(c.name for c in standing_containers(revision.pod.spec)) if revision is not None else ()


def _refuse_ending(session: PodSession) -> None:
    if session.record.terminating:
        raise OperatorError(f"pod {session.key} is being removed")
