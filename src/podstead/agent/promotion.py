"""Carries out what changes which revision is effective: one durable write each, before anything comes of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import uuid4

from podstead.k8s.volumes import keeps_up
from podstead.manifest.gate import deadline_seconds
from podstead.reconcile.memory import after_promotion, after_return
from podstead.state import updates
from podstead.state.records import RollbackReason

if TYPE_CHECKING:
    from podstead.agent.means import Means
    from podstead.agent.rollback_gate import RollbackGate
    from podstead.agent.session import PodSession
    from podstead.identity import RevisionID
    from podstead.reconcile.actions import FallBack, NoteProgress, Promote
    from podstead.state.records import PodRecord

LATE = RollbackReason.PROGRESS_DEADLINE.value


class Promotions:
    """Promotes candidates, notes the progress of gated revisions, and brings the last ready one back."""

    def __init__(self, means: Means, rollbacks: RollbackGate) -> None:
        self._means = means
        self._rollbacks = rollbacks

    async def promote(self, step: Promote, session: PodSession) -> None:
        """Make the candidate effective, unless another one waits by now.

        Of a pod that runs anew the volumes go first: a crash in between finds it still ended, and repeats that.
        """
        async with session.writing:
            if session.record.terminating or session.record.candidate != step.revision:
                return  # the manifest has changed meanwhile: the next plan knows
            revision = session.revision(step.revision)
            gated = revision is not None and deadline_seconds(revision.pod) is not None
            evicted = session.record.evicted is not None
            now = self._means.clock.now()
            ready = session.was_ready if session.was_ready == session.record.effective else None
            record = session.record
            if step.anew:
                await self._means.home.reset(session.uid)
                session.prepared.clear()
                record = updates.run_anew(record, now)
            record = updates.promoted(record, step.revision, now, gated=gated, ready=ready)
            if evicted:  # the object that the API shows has failed, and this is another one
                record = updates.returned(record, str(uuid4()), now)
            await self._take(session, record)
        history = after_return(session.history) if evicted else session.history
        self._means.remember(session, after_promotion(step, history))
        self._means.tell(session, "RevisionPromoted", f"Revision {step.revision} is effective")

    async def note(self, step: NoteProgress, session: PodSession) -> None:
        """Write down that a gated revision is ready, that its time begins anew, or that its time has passed."""
        async with session.writing:
            record = session.record
            if record.terminating or record.effective != step.revision or record.progress is None:
                return
            told = record.progress.expired
            if step.progress is None:
                await self._take(session, updates.became_ready(record))
            else:
                await self._take(session, updates.went_on(record, step.progress))
        if step.progress is not None and step.progress.expired and not told:
            late = _late(session, step.revision)
            self._means.tell(session, LATE, f"{late}, and no other was ready before it: it stays", warning=True)

    async def fall_back(self, step: FallBack, session: PodSession) -> None:
        """Make the last ready revision effective again, if it may come back today; else the failed one stays."""
        target = session.revision(step.target)
        refused = await self._rollbacks.refusal(target) if target is not None else "it cannot be read back"
        async with session.writing:
            record = session.record
            same = record.effective == step.revision and record.last_ready == step.target
            if record.terminating or record.progress is None or not same:
                return
            if refused:
                await self._take(session, updates.went_on(record, replace(record.progress, expired=True)))
            else:
                await self._take(session, updates.fell_back(record, self._means.clock.now()))
        if refused:
            text = f"{_late(session, step.revision)}, and revision {step.target} does not come back: {refused}"
            self._means.tell(session, "RollbackRefused", text, warning=True)
            return
        rest = "until the file changes" if session.record.rollback is not None else "until the next edit is prepared"
        text = f"{_late(session, step.revision)}: back to revision {step.target}, {rest}"
        self._means.tell(session, LATE, text, warning=True)
        self._means.tell(session, "RolledBack", f"Rolled back to revision {step.target}")

    async def _take(self, session: PodSession, record: PodRecord) -> None:
        await self._means.books.save_record(record)
        before, session.record = session.record, record
        if record.effective != before.effective:
            revision = session.revision(record.effective)
            session.outdated = revision is not None and keeps_up(revision.pod)


def _late(session: PodSession, identifier: RevisionID) -> str:
    revision = session.revision(identifier)
    seconds = deadline_seconds(revision.pod) if revision is not None else None
    within = f"within {seconds} s" if seconds is not None else "in its time"
    return f"Revision {identifier} was not ready {within}"
