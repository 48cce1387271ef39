from __future__ import annotations

from typing import Any

import pytest

from podstead.manifest.reading import Severity
from podstead.state.fold import DUPLICATE, Folded, RemovalReason, fold
from podstead.state.records import UNKNOWN_FILE, Claim, PodRecord
from podstead.state.reports import FileVerdict, Verdict
from podstead.state.sources import FileTrouble, ManifestFile, SourceSnapshot

from .looks import BROKEN, EMPTY, UNREAD, Content, folded, key, record

GONE, NOT_IN = RemovalReason.FILE_GONE, RemovalReason.NOT_IN_FILE
A, R, IGN, P = Verdict.ACCEPTED, Verdict.REJECTED, Verdict.IGNORED, Verdict.PENDING


def wanted(outcome: Folded) -> dict[str, str]:
    return {one.name: f"{it.revision.revision} {it.file}" for one, it in outcome.wanted.items()}


def kept(outcome: Folded) -> str:
    return "".join(sorted(one.name for one in outcome.keep))


def removed(outcome: Folded) -> dict[str, RemovalReason]:
    return {one.name: reason for one, reason in outcome.remove.items()}


def verdicts(outcome: Folded) -> dict[str, Verdict]:
    return {one.name: one.verdict for one in outcome.verdicts}


def verdict(outcome: Folded, name: str) -> FileVerdict:
    (found,) = [one for one in outcome.verdicts if one.name == name]
    return found


# Each row: who holds what, what lies there, and what follows: wanted, kept, removed, verdicts.
Row = tuple[list[PodRecord], dict[str, Content], dict[str, str], str, dict[str, RemovalReason], dict[str, Verdict]]
X_IN_A = record("x1", "a")
ROWS: dict[str, Row] = {
    "nothing": ([], {}, {}, "", {}, {}),
    "a new file": ([], {"a": "x1"}, {"x": "x1 a"}, "", {}, {"a": A}),
    "several documents": ([], {"a": "x1 y1"}, {"x": "x1 a", "y": "y1 a"}, "", {}, {"a": A}),
    "an edit": ([X_IN_A], {"a": "x2"}, {"x": "x2 a"}, "", {}, {"a": A}),
    "a file gone for certain": ([X_IN_A], {}, {}, "", {"x": GONE}, {}),
    "a document taken out": ([X_IN_A, record("y1", "a", document=1)], {"a": "x1"}, {"x": "x1 a"}, "", {"y": NOT_IN}, {"a": A}),
    "another name in the file": ([X_IN_A], {"a": "y1"}, {"y": "y1 a"}, "", {"x": NOT_IN}, {"a": A}),
    "a broken file": ([X_IN_A], {"a": BROKEN}, {}, "x", {}, {"a": R}),
    "an emptied file": ([X_IN_A], {"a": EMPTY}, {}, "x", {}, {"a": R}),
    "a file not decoded yet": ([X_IN_A], {"a": UNREAD}, {}, "x", {}, {"a": P}),
    "a file that gives EIO": ([X_IN_A], {"a": FileTrouble.UNREADABLE}, {}, "x", {}, {"a": R}),
    "a file being written": ([X_IN_A], {"a": FileTrouble.PENDING}, {}, "x", {}, {"a": P}),
    "a file that became a link": ([X_IN_A], {"a": FileTrouble.REFUSED}, {}, "x", {}, {"a": R}),
    "a backup beside it": ([X_IN_A], {"a": "x1", "a~": FileTrouble.IGNORED}, {"x": "x1 a"}, "", {}, {"a": A, "a~": IGN}),
    "two files, no holder": ([], {"a": "x1", "b": "x1"}, {}, "", {}, {"a": R, "b": R}),
    "three files, no holder": ([], {"a": "x1", "b": "x2", "c": "x3"}, {}, "", {}, {"a": R, "b": R, "c": R}),
    "twice in one file": ([], {"a": "x1 x2"}, {}, "", {}, {"a": R}),
    "twice in the holder's file": ([X_IN_A], {"a": "x1 x2"}, {}, "x", {}, {"a": R}),
    "a newcomer": ([X_IN_A], {"a": "x1", "b": "x2"}, {"x": "x1 a"}, "", {}, {"a": A, "b": R}),
    "a newcomer before the holder by name": ([record("x1", "b")], {"a": "x2", "b": "x1"}, {"x": "x1 b"}, "", {}, {"a": R, "b": A}),
    "a newcomer, and the holder broken": ([X_IN_A], {"a": BROKEN, "b": "x1"}, {}, "x", {}, {"a": R, "b": R}),
    "a newcomer, and the holder unread": ([X_IN_A], {"a": UNREAD, "b": "x1"}, {}, "x", {}, {"a": P, "b": R}),
    "a newcomer's other pod goes with it": ([X_IN_A], {"a": "x1", "b": "y1 x2"}, {"x": "x1 a"}, "", {}, {"a": A, "b": R}),
    "all or nothing: a refused file keeps what it had": (
        [X_IN_A, record("y1", "b")], {"a": "x1", "b": "y2 x2"}, {"x": "x1 a"}, "y", {}, {"a": A, "b": R}),
    "all or nothing: a refused file takes nothing out": (
        [X_IN_A, record("y1", "b")], {"a": "x1", "b": "x2"}, {"x": "x1 a"}, "y", {}, {"a": A, "b": R}),
    "what a refused file keeps is not for another": (
        [X_IN_A, record("y1", "b")], {"a": "x1", "b": "x2", "c": "y2"}, {"x": "x1 a"}, "y", {}, {"a": A, "b": R, "c": R}),
    "and so on along the chain": (
        [X_IN_A, record("y1", "b"), record("z1", "c")], {"a": "x1", "b": "x2", "c": "y2", "d": "z2"},
        {"x": "x1 a"}, "yz", {}, {"a": A, "b": R, "c": R, "d": R}),
    "a rename": ([X_IN_A], {"b": "x1"}, {"x": "x1 b"}, "", {}, {"b": A}),
    "a rename to a file not decoded yet": ([X_IN_A], {"b": UNREAD}, {}, "x", {}, {"b": P}),
    "a move to a file not decoded yet": ([X_IN_A], {"a": "y1", "b": UNREAD}, {"y": "y1 a"}, "x", {}, {"a": A, "b": P}),
    "a file gone beside one being written": ([X_IN_A], {"b": FileTrouble.PENDING}, {}, "", {"x": GONE}, {"b": P}),
    "a rename of what waits": ([record("x1", "a", candidate="x2")], {"b": "x2"}, {"x": "x2 b"}, "", {}, {"b": A}),
    "a rename, both names seen": ([X_IN_A], {"a": "x1", "b": "x1"}, {"x": "x1 a"}, "", {}, {"a": A, "b": R}),
    "a rename with an edit, for certain": ([X_IN_A], {"b": "x2"}, {"x": "x2 b"}, "", {"x": GONE}, {"b": A}),
    "a copy first, then the old one goes": ([X_IN_A], {"b": "x1", "c": "x1"}, {"x": "x1 b"}, "", {}, {"b": A, "c": R}),
    "an equal file before an unequal one": ([X_IN_A], {"b": "x2", "c": "x1"}, {"x": "x1 c"}, "", {}, {"b": R, "c": A}),
    "a pod moved between files": ([X_IN_A], {"a": "y1", "b": "x1"}, {"x": "x1 b", "y": "y1 a"}, "", {}, {"a": A, "b": A}),
    "a pod moved and changed": (
        [X_IN_A], {"a": "y1", "b": "x2"}, {"x": "x2 b", "y": "y1 a"}, "", {"x": NOT_IN}, {"a": A, "b": A}),
    "two files swapped": (
        [X_IN_A, record("y1", "b")], {"a": "y1", "b": "x1"}, {"x": "x1 b", "y": "y1 a"}, "", {}, {"a": A, "b": A}),
    "moved into a file that is refused": (
        [X_IN_A, record("y1", "c")], {"b": "x1 y2", "c": "y1"}, {"y": "y1 c"}, "x", {}, {"b": R, "c": A}),
    "rivals after the holder's end": ([X_IN_A], {"b": "x2", "c": "x3"}, {}, "", {"x": GONE}, {"b": R, "c": R}),
    "a terminating pod whose file is still there": (
        [record("x1", "a", terminating=True)], {"a": "x1"}, {"x": "x1 a"}, "", {}, {"a": A}),
    "a terminating pod keeps no other file out": (
        [record("x1", "a", terminating=True)], {"a": BROKEN, "b": "x2"}, {"x": "x2 b"}, "", {}, {"a": R, "b": A}),
    "a terminating pod's file wins among rivals": (
        [record("x1", "a", terminating=True)], {"a": "x1", "b": "x2"}, {"x": "x1 a"}, "", {}, {"a": A, "b": R}),
    "a terminating pod with no file": ([record("x1", "a", terminating=True)], {}, {}, "", {}, {}),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_what_follows_from_a_look(row: Row) -> None:
    records, files, expected, keep, remove, judged = row
    outcome = folded(records, files)
    assert wanted(outcome) == expected
    assert kept(outcome) == keep
    assert removed(outcome) == remove
    assert verdicts(outcome) == judged


@pytest.mark.parametrize(
    "how",
    [{"certain": False}, {"recent": ["a"]}, {"degraded": "the directory was unmounted"}, {"overflow": 3}],
    ids=["one look", "seen a moment ago", "degraded", "too many files to list"],
)
def test_an_absence_that_is_not_certain_removes_nothing(how: dict[str, Any]) -> None:
    assert kept(folded([X_IN_A], {}, **how)) == "x"
    outcome = folded([X_IN_A], {"b": "x2"}, **how)
    assert (kept(outcome), wanted(outcome), verdicts(outcome)) == ("x", {}, {"b": R})


def test_a_degraded_directory_takes_nothing_out_but_good_edits_go_on() -> None:
    records = [X_IN_A, record("y1", "a", document=1), record("z1", "b")]
    outcome = folded(records, {"a": "x2", "b": "z2", "c": "w1"}, degraded="another directory")
    assert kept(outcome) == "y"
    assert removed(outcome) == {}
    assert wanted(outcome) == {"x": "x2 a", "z": "z2 b", "w": "w1 c"}


@pytest.mark.parametrize("how", [{"certain": False}, {"recent": ["a", "b"]}, {"degraded": "why"}])
def test_a_claim_follows_a_rename_at_once(how: dict[str, Any]) -> None:
    outcome = folded([X_IN_A], {"b": "x1"}, **how)
    assert outcome.claims == {key("x"): Claim(file="b", document=0)}
    assert wanted(outcome) == {"x": "x1 b"}


LOST = record("x1", UNKNOWN_FILE)


@pytest.mark.parametrize("content", [UNREAD, BROKEN, FileTrouble.PENDING, FileTrouble.REFUSED])
def test_a_pod_of_a_lost_record_stays_while_a_file_is_not_read(content: Content) -> None:
    outcome = folded([LOST], {"a": content, "b": "y1"})
    assert (kept(outcome), removed(outcome)) == ("x", {})


def test_a_pod_of_a_lost_record_is_claimed_by_the_file_that_names_it_now() -> None:
    outcome = folded([LOST], {"a": "x2", "b": BROKEN})
    assert wanted(outcome) == {"x": "x2 a"}
    assert outcome.claims == {key("x"): Claim(file="a", document=0)}
    assert removed(outcome) == {}


def test_a_pod_of_a_lost_record_that_no_file_names_leaves() -> None:
    assert removed(folded([LOST], {"b": "y1"})) == {"x": RemovalReason.FILE_GONE}


def test_a_rename_to_a_large_file_that_a_child_decodes() -> None:
    """As the reader shows it: without its bytes, and with their digest."""
    large = ManifestFile(name="b", path="/manifests/b", digest="1", trouble=FileTrouble.PENDING, reason="Reading")
    outcome = fold({key("x"): X_IN_A}, SourceSnapshot(path="/manifests", certain=True, files=(large,)), {})
    assert (kept(outcome), removed(outcome)) == ("x", {})


def test_a_rename_seen_as_neither_name_then_the_new_one() -> None:
    assert kept(folded([X_IN_A], {}, recent=["a"])) == "x"
    outcome = folded([X_IN_A], {"b": "x1"})
    assert outcome.claims == {key("x"): Claim(file="b", document=0)}
    assert removed(outcome) == {}


def test_a_claim_follows_a_document_that_changes_place() -> None:
    outcome = folded([X_IN_A], {"a": "y1 x1"})
    assert outcome.claims == {key("x"): Claim(file="a", document=1)}
    assert folded([X_IN_A], {"a": "x1"}).claims == {}


def test_a_claim_that_follows_into_a_refused_file_stays_there() -> None:
    outcome = folded([X_IN_A, record("y1", "c")], {"b": "x1 y2", "c": "y1"})
    assert outcome.claims == {key("x"): Claim(file="b", document=0)}
    assert verdict(outcome, "b").pods == (key("x"),)


def test_rivals_name_each_other_and_newcomers_the_holder() -> None:
    def sentence(outcome: Folded, name: str) -> str:
        found = verdict(outcome, name)
        assert found.reason == DUPLICATE
        (message,) = found.messages
        assert (message.field, message.severity) == ("metadata.name", Severity.ERROR)
        return message.message

    rivals = folded([], {"a": "x1", "b": "x2", "c": "x3"})
    assert sentence(rivals, "b").startswith("pod default/x stands in a, c too")
    assert sentence(folded([X_IN_A], {"a": "x1", "b": "x2"}), "b").startswith("pod default/x belongs to a;")
    assert sentence(folded([], {"a": "x1 y1 x2"}), "a").startswith(
        "pod default/x stands in documents 1, 3 of this file"
    )


def test_a_refusal_of_a_fresh_content_is_pending() -> None:
    outcome = folded([X_IN_A], {"a": BROKEN, "b": "x2", "c": "y1", "d": FileTrouble.REFUSED}, unsettled="abcd")
    assert verdicts(outcome) == {"a": P, "b": P, "c": A, "d": R}
    assert (verdict(outcome, "a").reason, verdict(outcome, "b").reason) == ("Invalid", DUPLICATE)
    assert wanted(outcome) == {"y": "y1 c"}


def test_a_verdict_tells_all_of_its_file() -> None:
    outcome = folded([X_IN_A, record("y1", "b")], {"a": "x2 z1", "b": BROKEN, "c": FileTrouble.IGNORED})
    good, broken, ignored = outcome.verdicts
    assert (good.path, good.owner, good.size, good.reason) == ("/manifests/a", "root", 7, "")
    assert (good.pods, good.revisions) == ((key("x"), key("z")), ("x2", "z1"))
    assert (broken.reason, broken.pods, broken.revisions) == ("Invalid", (key("y"),), ())
    assert [message.line for message in broken.messages] == [3]
    assert (ignored.reason, [m.message for m in ignored.messages], ignored.pods) == ("Why", ["because"], ())
