"""The changes that a pod's record goes through: edits, promotions, rollbacks, what root asks for.

Every function takes a record and returns the one to write down; whoever calls makes it durable before its effect
(foundation 15 and 21), and holds the session's `writing` meanwhile.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from podstead.state.records import Progress, Rollback, RollbackReason, Turn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from podstead.clock import Instant
    from podstead.identity import RevisionID
    from podstead.state.records import Completion, Eviction, PodRecord

KEPT_TURNS = 10
"""Revisions that were effective and are remembered; Deployments keep as many (spec.revisionHistoryLimit)."""


def offered(record: PodRecord, revision: RevisionID) -> PodRecord:
    """Return the record once the file says this: it waits as candidate, unless it runs already.

    A content that was rolled back from is passed over for as long as the file says the same.
    """
    if record.rollback is not None and record.rollback.passed_over == revision:
        return record
    return replace(record, candidate=None if revision == record.effective else revision, rollback=None)


def promoted(
    record: PodRecord, revision: RevisionID, now: Instant, *, gated: bool, ready: RevisionID | None = None
) -> PodRecord:
    """Return the record once the candidate is effective. `ready` was seen ready and is not written down yet."""
    return replace(
        record if record.start_time is not None else _timed(record, now),
        effective=revision,
        candidate=None,
        last_ready=ready or record.last_ready,
        progress=begun(now) if gated else None,
        turns=took_turn(record.turns, revision, now.wall),
        evicted=None,
    )


def _timed(record: PodRecord, now: Instant) -> PodRecord:
    """Return the record of a pod whose time of activity begins now."""
    return replace(record, start_time=now.wall, start_boot=now.boot, start_boot_id=now.boot_id)


def concluded(record: PodRecord, completion: Completion) -> PodRecord:
    """Return the record once the pod has ended."""
    return replace(record, completion=completion)


def run_anew(record: PodRecord, now: Instant) -> PodRecord:
    """Return the record of a pod that runs again after its end, if it had come to it: its time begins anew."""
    return record if record.completion is None else replace(_timed(record, now), completion=None)


def evicted(record: PodRecord, eviction: Eviction) -> PodRecord:
    """Return the record once the pod has to go for want of room on the node."""
    return replace(record, evicted=eviction)


def returned(record: PodRecord, api_uid: str, now: Instant) -> PodRecord:
    """Return the record once an evicted pod may come back: as another object of the API, since the first has failed."""
    return replace(_timed(record, now), evicted=None, api_uid=api_uid)


def begun(now: Instant) -> Progress:
    """Return the progress of a gated revision that has become effective, or goes on after a pause or a reboot."""
    return Progress(boot_id=now.boot_id, since=now.boot)


def took_turn(turns: tuple[Turn, ...], revision: RevisionID, at: float) -> tuple[Turn, ...]:
    """Return the turns with this revision as the present one; of too many the oldest go."""
    others = [turn for turn in turns if turn.revision != revision]
    return (*others[-(KEPT_TURNS - 1) :], Turn(revision=revision, at=at))


def became_ready(record: PodRecord) -> PodRecord:
    """Return the record once the effective revision was seen ready: it is what a failed update comes back to."""
    return replace(record, last_ready=record.effective, progress=None)


def went_on(record: PodRecord, progress: Progress) -> PodRecord:
    """Return the record once the time of the effective revision counts anew, or has passed for good."""
    return replace(record, progress=progress)


def fell_back(record: PodRecord, now: Instant) -> PodRecord:
    """Return the record once the effective revision was not ready in time and the last ready one takes its place.

    An edit that waits meanwhile stays the candidate: it is newer than what failed.
    """
    failed, target = record.effective, record.last_ready
    if failed is None or target is None:
        return record
    turns = tuple(replace(turn, failed=turn.failed or turn.revision == failed) for turn in record.turns)
    rollback = record.rollback
    if record.candidate is None:
        rollback = _passing_over(record, target, RollbackReason.PROGRESS_DEADLINE, now)
    turns = took_turn(turns, target, now.wall)
    return replace(run_anew(record, now), effective=target, progress=None, rollback=rollback, turns=turns)


def rolled_back(record: PodRecord, target: RevisionID, now: Instant) -> PodRecord:
    """Return the record once root wants this revision: it waits as candidate like an edit.

    Going back to what the file says means to follow the file again.
    """
    return replace(
        record,
        candidate=None if target == record.effective else target,
        rollback=_passing_over(record, target, RollbackReason.REQUESTED, now),
    )


def stopped(record: PodRecord) -> PodRecord:
    """Return the record once root wants nothing of the pod to run."""
    return replace(record, stopped=True)


def started(record: PodRecord, attempts: Mapping[str, int], now: Instant) -> PodRecord:
    """Return the record once root wants the pod to run again; `attempts` are the containers that ran before.

    Its time of activity begins anew, and a pod that had ended runs once more.
    """
    progress = None if record.progress is None else begun(now)
    again = replace(_timed(record, now), completion=None)
    return replace(again, stopped=False, progress=progress, replaced={**record.replaced, **attempts})


def restarted(record: PodRecord, attempts: Mapping[str, int], now: Instant) -> PodRecord:
    """Return the record once root wants these attempts, by container, to be replaced, also of a pod that had ended."""
    return replace(run_anew(record, now), replaced={**record.replaced, **attempts})


def said_by_file(record: PodRecord) -> RevisionID | None:
    """Return the revision that the pod's file says, as far as it was admitted."""
    if record.rollback is not None:
        return record.rollback.passed_over
    return record.candidate or record.effective


def before_last(record: PodRecord) -> RevisionID | None:
    """Return what a rollback goes to where nobody names a revision: the last one before the present that did not fail."""
    earlier = [turn.revision for turn in record.turns if turn.revision != record.effective and not turn.failed]
    return earlier[-1] if earlier else None


def in_use(record: PodRecord) -> frozenset[RevisionID]:
    """Return the revisions whose bytes and images are kept whatever their age (foundation 13 and 23).

    Among them are those that a rollback goes to, and the one that it came from, so that both ways work without a registry.
    """
    found = {record.effective, record.candidate, record.last_ready, before_last(record)}
    found |= {record.rollback.passed_over} if record.rollback is not None else set()
    return frozenset(revision for revision in found if revision is not None)


def _passing_over(record: PodRecord, target: RevisionID, reason: RollbackReason, now: Instant) -> Rollback | None:
    said = said_by_file(record)
    return None if said is None or said == target else Rollback(passed_over=said, reason=reason, at=now.wall)
