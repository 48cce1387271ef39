"""What becomes of a pod's record by edits, promotions, failed updates and by root's word."""

from __future__ import annotations

from dataclasses import replace

import pytest

from podstead.clock import Instant
from podstead.identity import PodKey, PodUID, RevisionID
from podstead.state import updates
from podstead.state.records import Claim, PodRecord, RollbackReason, Turn

A, B, C = RevisionID("a"), RevisionID("b"), RevisionID("c")
NOW = Instant(boot_id="boot", boot=100.0, wall=1_700_000_000.0)
NEW = PodRecord(key=PodKey("default", "web"), uid=PodUID("u"), claim=Claim(file="f", document=0), created_at=0.0)


def took(record: PodRecord, revision: RevisionID, *, gated: bool = False) -> PodRecord:
    """Return the record after an edit to this revision has become effective."""
    return updates.promoted(updates.offered(record, revision), revision, NOW, gated=gated)


def ran(*revisions: RevisionID, gated: bool = False) -> PodRecord:
    """Return a pod whose file said these, one after another, and for which all but the last were ready."""
    record = NEW
    for revision in revisions:
        record = took(updates.became_ready(record) if record.effective else record, revision, gated=gated)
    return record


def test_an_edit_waits_and_one_that_is_taken_back_does_not() -> None:
    edited = updates.offered(ran(A), B)
    assert (edited.effective, edited.candidate) == (A, B)
    assert updates.offered(edited, A).candidate is None


def test_a_promotion_is_one_record_with_all_that_follows() -> None:
    record = updates.promoted(updates.offered(ran(A), B), B, NOW, gated=True, ready=A)
    assert (record.effective, record.candidate, record.last_ready) == (B, None, A)
    assert record.progress is not None
    assert (record.progress.boot_id, record.progress.since) == ("boot", 100.0)
    assert [turn.revision for turn in record.turns] == [A, B]
    assert took(record, C).progress is None, "the gate is the new content's"


def test_turns_are_bounded_and_name_each_revision_once() -> None:
    many = [RevisionID(f"r{number}") for number in range(3 * updates.KEPT_TURNS)]
    record = ran(*many, many[-2])
    assert len(record.turns) == updates.KEPT_TURNS
    assert [turn.revision for turn in record.turns][-3:] == [many[-3], many[-1], many[-2]]


def test_a_failed_update_goes_back_until_the_file_changes() -> None:
    failed = updates.fell_back(ran(A, B, gated=True), NOW)
    assert (failed.effective, failed.candidate, failed.progress) == (A, None, None)
    assert failed.rollback is not None
    assert (failed.rollback.passed_over, failed.rollback.reason) == (B, RollbackReason.PROGRESS_DEADLINE)
    assert [(turn.revision, turn.failed) for turn in failed.turns] == [(B, True), (A, False)]
    assert updates.offered(failed, B) == failed, "the file still says the same"
    assert updates.said_by_file(failed) == B
    again = updates.offered(failed, C)
    assert (again.candidate, again.rollback) == (C, None)
    back = updates.offered(failed, A)
    assert (back.effective, back.candidate, back.rollback) == (A, None, None)


def test_a_later_edit_wins_over_the_update_that_failed() -> None:
    waiting = updates.offered(ran(A, B, gated=True), C)
    failed = updates.fell_back(waiting, NOW)
    assert (failed.effective, failed.candidate, failed.rollback) == (A, C, None)


def test_without_an_earlier_ready_revision_nothing_comes_back() -> None:
    alone = ran(A, gated=True)
    assert updates.fell_back(alone, NOW) == alone


def test_root_goes_back_by_the_way_of_an_edit() -> None:
    record = updates.rolled_back(ran(A, B), A, NOW)
    assert (record.effective, record.candidate) == (B, A)
    assert record.rollback is not None
    assert (record.rollback.passed_over, record.rollback.reason) == (B, RollbackReason.REQUESTED)
    assert updates.offered(record, B) == record
    done = updates.promoted(record, A, NOW, gated=False)
    assert done.rollback == record.rollback
    follows = updates.rolled_back(done, B, NOW)
    assert (follows.candidate, follows.rollback) == (B, None), "going to what the file says is following it"


def test_root_may_keep_what_runs_from_an_edit_that_waits() -> None:
    record = updates.rolled_back(updates.offered(ran(A), B), A, NOW)
    assert (record.effective, record.candidate) == (A, None)
    assert record.rollback is not None
    assert record.rollback.passed_over == B


def test_a_chosen_revision_that_fails_gives_way_to_the_last_ready_one() -> None:
    chosen = updates.promoted(updates.rolled_back(ran(A, B), A, NOW), A, NOW, gated=True)
    failed = updates.fell_back(replace(chosen, last_ready=B), NOW)
    assert (failed.effective, failed.rollback) == (B, None), "it is what the file says"


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        ((Turn(revision=A, at=0.0), Turn(revision=B, at=1.0)), A),
        ((Turn(revision=A, at=0.0), Turn(revision=C, at=1.0, failed=True), Turn(revision=B, at=2.0)), A),
        ((Turn(revision=B, at=0.0),), None),
        ((), None),
    ],
)
def test_what_a_rollback_goes_to(turns: tuple[Turn, ...], expected: RevisionID | None) -> None:
    assert updates.before_last(replace(NEW, effective=B, turns=turns)) == expected


def test_what_is_in_use() -> None:
    record = updates.offered(updates.became_ready(ran(A, B)), C)
    assert updates.in_use(record) == {A, B, C}
    assert updates.in_use(updates.fell_back(ran(A, B, gated=True), NOW)) == {A, B}


def test_a_start_begins_the_deadline_anew_and_replaces_what_ran() -> None:
    record = updates.stopped(ran(A, gated=True))
    assert record.stopped
    later = replace(NOW, boot=200.0)
    again = updates.started(record, {"main": 2}, later)
    assert not again.stopped
    assert again.progress is not None
    assert again.progress.since == 200.0
    assert again.replaced == {"main": 2}
    assert updates.restarted(again, {"side": 0}, later).replaced == {"main": 2, "side": 0}
