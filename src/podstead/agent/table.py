"""The pods of this node: one session and one worker for each incarnation, running in one task group."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from podstead.agent.session import PodSession
    from podstead.agent.worker import PodWorker
    from podstead.clock import Clock
    from podstead.identity import PodKey, PodUID
    from podstead.state.records import PodRecord

log = logging.getLogger(__name__)

# A worker that ends by a mistake of ours is started again, not at once.
WORKER_RESTART_SECONDS = 5.0


class PodTable:
    """Finds sessions by uid and by key, and keeps their workers running."""

    def __init__(self, make_worker: Callable[[PodSession], PodWorker], clock: Clock) -> None:
        self._make_worker = make_worker
        self._clock = clock
        self._workers: dict[PodUID, PodWorker] = {}
        self._by_key: dict[PodKey, list[PodSession]] = {}
        self._group: asyncio.TaskGroup | None = None
        self.on_end: Callable[[PodSession], None] = lambda _: None

    async def run(self) -> None:
        """Hold the workers, for ever."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            for worker in list(self._workers.values()):
                self._start(worker)
            await asyncio.Event().wait()

    def add(self, session: PodSession) -> None:
        """Take a new incarnation in and start to work on it."""
        worker = self._make_worker(session)
        self._workers[session.uid] = worker
        self._by_key.setdefault(session.key, []).append(session)
        if self._group is not None:
            self._start(worker)

    def wake(self, uid: PodUID) -> None:
        """Let a pod be planned again; an unknown uid is no error."""
        if (worker := self._workers.get(uid)) is not None:
            worker.wake()

    def retry(self, uid: PodUID) -> None:
        """Let a pod's failed steps be tried again now; an unknown uid is no error."""
        if (worker := self._workers.get(uid)) is not None:
            worker.retry_now()

    def wake_all(self) -> None:
        """Let every pod be planned again: the runtime is back."""
        for worker in self._workers.values():
            worker.wake()

    def retry_all(self) -> None:
        """Let every failed step be tried again now."""
        for worker in self._workers.values():
            worker.retry_now()

    def session(self, key: PodKey) -> PodSession | None:
        """Return the session of a key's newest incarnation that this agent has a durable record of."""
        found = [s for s in self._by_key.get(key, ()) if not s.stray]
        return max(found, key=lambda s: s.record.created_at, default=None)

    def holds(self, key: PodKey) -> bool:
        """Return whether any incarnation of a key has not ended, be it a stray one."""
        return key in self._by_key

    def sessions(self) -> Iterator[PodSession]:
        """Yield every incarnation that has not ended."""
        for worker in list(self._workers.values()):
            yield worker.session

    def by_uid(self, uid: PodUID) -> PodSession | None:
        """Return the session of an incarnation."""
        worker = self._workers.get(uid)
        return worker.session if worker else None

    def records(self) -> dict[PodKey, PodRecord]:
        """Return the record of each key."""
        return {s.key: s.record for s in self.sessions() if not s.stray}

    def _start(self, worker: PodWorker) -> None:
        if self._group is not None:
            self._group.create_task(self._keep(worker), name=f"pod {worker.session.key}")

    async def _keep(self, worker: PodWorker) -> None:
        session = worker.session
        while not session.finished:
            try:
                await worker.run()
            except Exception:
                log.exception("the worker of pod %s failed by our own mistake; it starts again", session.key)
                await self._clock.sleep(WORKER_RESTART_SECONDS)
                await worker.look()  # steps were cut off, and what they did is not known
        self._forget(session)

    def _forget(self, session: PodSession) -> None:
        del self._workers[session.uid]
        others = [s for s in self._by_key.pop(session.key) if s is not session]
        if others:
            self._by_key[session.key] = others
        try:
            self.on_end(session)
        except Exception:
            # The other pods' workers run in this group and must not end with it.
            log.exception("what follows the end of pod %s failed by our own mistake", session.key)
