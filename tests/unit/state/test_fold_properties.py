"""The invariants of foundation 9, over any records and any look, and over histories of looks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from podstead.identity import PodKey
from podstead.state.fold import Folded, fold
from podstead.state.records import PodRecord
from podstead.state.reports import Verdict
from podstead.state.sources import FileTrouble, SourceSnapshot

from .looks import BROKEN, EMPTY, UNREAD, Content, apply, look, readings, record

if TYPE_CHECKING:
    from random import Random

FILES = "abcd"
DOCUMENT = st.sampled_from(["x1", "x2", "y1", "y2", "z1"])
CONTENT: st.SearchStrategy[Content] = st.one_of(
    st.lists(DOCUMENT, min_size=1, max_size=3).map(" ".join),
    st.sampled_from([BROKEN, EMPTY, UNREAD]),
    st.sampled_from(list(FileTrouble)),
)
DIRECTORY = st.dictionaries(st.sampled_from(FILES), CONTENT, max_size=4)
RECORD = st.builds(
    record,
    DOCUMENT,
    st.sampled_from(FILES),
    document=st.integers(0, 1),
    candidate=st.none(),
    terminating=st.booleans(),
)
RECORDS = st.lists(RECORD, max_size=3, unique_by=lambda one: one.key).map(lambda many: {one.key: one for one in many})
LOOK = st.fixed_dictionaries(
    {
        "files": DIRECTORY,
        "certain": st.booleans(),
        "recent": st.sets(st.sampled_from(FILES), max_size=2),
        "degraded": st.sampled_from([None, None, "why"]),
        "overflow": st.sampled_from([0, 0, 1]),
    }
)
Records = dict[PodKey, PodRecord]


def run(records: Records, seen: dict[str, Any]) -> tuple[Folded, SourceSnapshot]:
    snapshot = look(**seen)
    return fold(records, snapshot, readings(seen["files"])), snapshot


def check(records: Records, seen: dict[str, Any]) -> Folded:
    outcome, snapshot = run(records, seen)
    files: dict[str, Content] = seen["files"]
    live = {one for one, it in records.items() if not it.terminating}
    judged = {one.name: one.verdict for one in outcome.verdicts}

    assert set(judged) == set(files)
    for one in live:
        kept, leaves_or_runs = one in outcome.keep, one in outcome.wanted or one in outcome.remove
        assert kept != leaves_or_runs, "neither, or kept and something else"
    assert outcome.keep <= live
    assert set(outcome.remove) <= live
    assert set(outcome.claims) <= live - set(outcome.remove)
    for file in outcome.verdicts:
        if file.verdict is Verdict.ACCEPTED:
            assert {outcome.wanted[one].file for one in file.pods} == {file.name}, "accepted and not wanted"
    for one in outcome.remove:
        held = records[one].claim.file
        assert snapshot.degraded is None
        assert snapshot.gone(held) or judged.get(held) is Verdict.ACCEPTED, "left a file that is not accepted"
    for one, wanted in outcome.wanted.items():
        assert judged[wanted.file] is Verdict.ACCEPTED
        offers = [name for name, text in files.items() if not isinstance(text, FileTrouble) and one.name in text]
        assert [name for name in offers if judged[name] is Verdict.ACCEPTED] == [wanted.file], "two rivals accepted"
    return outcome


@settings(max_examples=600)
@given(RECORDS, LOOK)
@example(
    {record("x1", "a").key: record("x1", "a"), record("y1", "b").key: record("y1", "b")},
    {"files": {"a": "x1", "b": "x2", "c": "y2"}, "certain": True, "recent": set(), "degraded": None, "overflow": 0},
)
def test_a_pod_leaves_only_an_accepted_or_absent_file_and_no_two_rivals_win(
    records: Records, seen: dict[str, Any]
) -> None:
    check(records, seen)


@settings(max_examples=600)
@given(RECORDS, LOOK)
def test_a_second_fold_changes_nothing(records: Records, seen: dict[str, Any]) -> None:
    first, _ = run(records, seen)
    after = apply(records, first)
    second, _ = run(after, seen)
    assert second.wanted == first.wanted
    assert second.verdicts == first.verdicts
    assert second.keep == first.keep
    assert second.remove == {}
    assert second.claims == {}
    assert apply(after, second) == after


@settings(max_examples=300)
@given(RECORDS, LOOK, st.randoms(use_true_random=False))
def test_no_order_matters(records: Records, seen: dict[str, Any], random: Random) -> None:
    files = list(seen["files"].items())
    held = list(records.items())
    random.shuffle(files)
    random.shuffle(held)
    assert run(dict(held), {**seen, "files": dict(files)})[0] == run(records, seen)[0]


@settings(max_examples=200)
@given(st.lists(LOOK, min_size=1, max_size=8))
def test_the_invariants_hold_along_any_history(looks: list[dict[str, Any]]) -> None:
    records: Records = {}
    for seen in looks:
        records = apply(records, check(records, seen))


@settings(max_examples=200)
@given(st.lists(LOOK, min_size=1, max_size=6))
def test_a_file_left_alone_keeps_its_pod_whatever_happens_beside_it(looks: list[dict[str, Any]]) -> None:
    records: Records = apply({}, run({}, {"files": {"m": "m1"}, "certain": True})[0])
    for seen in looks:
        beside = {**seen, "files": {**seen["files"], "m": "m1"}}
        outcome = check(records, beside)
        (mine,) = [it for it in outcome.wanted.values() if it.revision.revision == "m1"]
        assert mine.file == "m"
        records = apply(records, outcome)
