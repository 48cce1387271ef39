"""Which ConfigMaps and Secrets a node has, from look to look: by cases, and over random histories.

A file is written as in `looks`: `x1` is object x with content 1, a `!` behind it makes it immutable, capitals are Secrets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podstead.manifest.reading import ManifestObject, Message, Reading, Severity
from podstead.state.object_fold import ObjectsFolded, fold_objects
from podstead.state.objects import HeldObject, ObjectKey, ObjectKind, local_object
from podstead.state.reports import Verdict
from podstead.state.sources import FileTrouble, ManifestFile, SourceSnapshot

from .looks import BROKEN, EMPTY, UNREAD, Content

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

Held = dict[ObjectKey, HeldObject]
NOW = 100.0


def key(name: str) -> ObjectKey:
    kind = ObjectKind.SECRET if name.isupper() else ObjectKind.CONFIG_MAP
    return ObjectKey(kind=kind, namespace="default", name=name.lower())


def given_object(text: str, document: int = 1) -> ManifestObject:
    name = key(text[0])
    return ManifestObject(
        kind=str(name.kind),
        namespace=name.namespace,
        name=name.name,
        data={"k": text[1].encode()},
        immutable=text.endswith("!") and len(text) > 2,
        document=document,
    )


def reading(content: str) -> Reading:
    if content == BROKEN:
        message = Message(line=3, column=1, field="data", severity=Severity.ERROR, message="is broken")
        return Reading(messages=(message,), reason="Invalid")
    return Reading(objects=tuple(given_object(text, number) for number, text in enumerate(content.split(), start=1)))


def look(files: Mapping[str, Content], *, mode: int = 0o600, **how: Any) -> SourceSnapshot:
    return SourceSnapshot(
        path="/objects",
        files=tuple(
            ManifestFile(name=name, path=f"/objects/{name}", trouble=content, reason="Why", message="because")
            if isinstance(content, FileTrouble)
            else ManifestFile(name=name, path=f"/objects/{name}", data=content.encode(), mode=mode)
            for name, content in files.items()
        ),
        **{"certain": True, **how},
    )


def held(text: str, file: str, *, gone: bool = False) -> Held:
    one = local_object(given_object(text))
    return {one.key: HeldObject(object=one, file=file, document=1, since=7.0, gone=gone)}


def folded(
    before: Held,
    files: Mapping[str, Content],
    *,
    used: Collection[str] = (),
    unsettled: Collection[str] = (),
    **how: Any,
) -> ObjectsFolded:
    readings = {n: reading(c) for n, c in files.items() if not isinstance(c, FileTrouble) and c != UNREAD}
    users = {key(name) for name in used}
    return fold_objects(before, look(files, **how), readings, used=users, unsettled=unsettled, now=NOW)


def told(outcome: ObjectsFolded) -> dict[str, str]:
    """Return each object as `x1@file`, with `-` behind it when it is gone."""
    return {
        one.object.key.name: f"{one.object.data['k'].decode()}@{one.file}{'-' if one.gone else ''}"
        for one in outcome.held.values()
    }


def verdicts(outcome: ObjectsFolded) -> dict[str, str]:
    return {one.name: one.reason or one.verdict.value for one in outcome.verdicts}


def test_objects_come_with_their_file() -> None:
    outcome = folded({}, {"a": "x1 S2"})
    assert told(outcome) == {"x": "1@a", "s": "2@a"}
    assert [one.since for one in outcome.held.values()] == [NOW, NOW]
    (verdict,) = outcome.verdicts
    assert (verdict.verdict, set(verdict.objects)) == (Verdict.ACCEPTED, {key("x"), key("S")})


def test_an_edit_is_taken_and_equal_content_keeps_its_age() -> None:
    assert told(folded(held("x1", "a"), {"a": "x2"})) == {"x": "2@a"}
    same = folded(held("x1", "a"), {"a": "x1 y1"}).held[key("x")]
    assert same.since == 7.0


@pytest.mark.parametrize("content", [BROKEN, EMPTY, UNREAD, *FileTrouble])
def test_a_file_that_says_nothing_takes_nothing_away(content: Content) -> None:
    before = held("x1", "a")
    outcome = folded(before, {"a": content})
    assert outcome.held == before
    assert verdicts(outcome)["a"] != "Accepted"
    assert outcome.verdicts[0].objects == (key("x"),)


def test_an_object_of_a_file_that_is_gone_is_dropped_when_that_is_certain() -> None:
    before = held("x1", "a")
    assert folded(before, {}, certain=False).held == before
    assert folded(before, {}, recent={"a"}).held == before
    assert folded(before, {}, degraded="unmounted").held == before
    assert folded(before, {}, overflow=1).held == before
    assert folded(before, {}).held == {}
    assert told(folded(before, {"a": "y1"})) == {"y": "1@a"}
    assert told(folded(before, {"a": "y1"}, degraded="unmounted")) == {"y": "1@a", "x": "1@a"}


def test_an_object_that_a_pod_refers_to_is_kept_as_gone_until_nobody_does() -> None:
    before = held("S1", "a")
    outcome = folded(before, {}, used={"S"})
    assert told(outcome) == {"s": "1@a-"}
    assert folded(dict(outcome.held), {}, used={"S"}).held == outcome.held
    assert told(folded(dict(outcome.held), {"b": "S2"}, used={"S"})) == {"s": "2@b"}
    assert folded(dict(outcome.held), {}).held == {}


def test_a_rename_of_equal_content_moves_at_once_and_other_content_waits() -> None:
    assert told(folded(held("x1", "a"), {"b": "x1"}, certain=False)) == {"x": "1@b"}
    outcome = folded(held("x1", "a"), {"b": "x2"}, certain=False)
    assert (told(outcome), verdicts(outcome)) == ({"x": "1@a"}, {"b": "DuplicateObject"})
    assert told(folded(held("x1", "a"), {"b": "x2"})) == {"x": "2@b"}


def test_the_holder_wins_a_duplicate_broken_or_not() -> None:
    for content in ("x2", BROKEN, UNREAD):
        outcome = folded(held("x1", "b"), {"a": "x3 y1", "b": content})
        assert verdicts(outcome)["a"] == "DuplicateObject"
        assert "y" not in told(outcome)
        assert "ConfigMap default/x belongs to b" in outcome.verdicts[0].messages[0].message


def test_newcomers_that_want_one_object_are_all_refused() -> None:
    outcome = folded({}, {"a": "x1", "b": "x1 y1", "c": "z1"})
    assert verdicts(outcome) == {"a": "DuplicateObject", "b": "DuplicateObject", "c": "Accepted"}
    assert told(outcome) == {"z": "1@c"}


def test_a_refused_file_keeps_what_it_held() -> None:
    """b gives x up and takes y, which a holds: b is refused, so it has not given x up either."""
    outcome = folded({**held("y1", "a"), **held("x1", "b")}, {"a": "y1", "b": "y2"})
    assert told(outcome) == {"y": "1@a", "x": "1@b"}


def test_a_secret_that_others_may_read_is_refused_with_the_command_that_mends_it() -> None:
    before = held("S1", "a")
    outcome = folded(before, {"a": "S2", "b": "x1"}, mode=0o640)
    assert verdicts(outcome) == {"a": "ReadableByOthers", "b": "Accepted"}
    assert told(outcome) == {"x": "1@b", "s": "1@a"}
    assert (
        outcome.verdicts[0]
        .messages[0]
        .message.endswith("mode 0640 lets others than its owner at it: chmod 600 /objects/a")
    )


def test_an_immutable_object_changes_only_by_way_of_its_absence() -> None:
    before = held("x1!", "a")
    for content in ("x2!", "x1", "x2"):
        outcome = folded(before, {"a": content})
        assert (verdicts(outcome)["a"], told(outcome)) == ("ImmutableObject", {"x": "1@a"})
    assert verdicts(folded(before, {"a": "x1!"})) == {"a": "Accepted"}
    absent = folded(before, {"a": "y1"}, used={"x"})
    assert told(folded(dict(absent.held), {"a": "x2! y1"}, used={"x"})) == {"x": "2@a", "y": "1@a"}


def test_a_refusal_of_fresh_content_is_pending() -> None:
    outcome = folded({}, {"a": BROKEN, "b": "x1"}, unsettled={"a", "b"})
    assert [one.verdict for one in outcome.verdicts] == [Verdict.PENDING, Verdict.ACCEPTED]


FILES = "abc"
CONTENT: st.SearchStrategy[Content] = st.one_of(
    st.lists(
        st.sampled_from(["x1", "x2", "x2!", "S1", "S2", "y1"]), min_size=1, max_size=2, unique_by=lambda t: t[0]
    ).map(" ".join),
    st.sampled_from([BROKEN, EMPTY, UNREAD]),
    st.sampled_from(list(FileTrouble)),
)
LOOK = st.fixed_dictionaries(
    {
        "files": st.dictionaries(st.sampled_from(FILES), CONTENT, max_size=3),
        "used": st.sets(st.sampled_from("xSy")),
        "certain": st.booleans(),
        "degraded": st.sampled_from([None, None, "why"]),
        "mode": st.sampled_from([0o600, 0o644]),
    }
)


@given(st.lists(LOOK, min_size=1, max_size=6))
def test_what_is_used_never_vanishes_and_no_two_rivals_win(looks: list[dict[str, Any]]) -> None:
    now: Held = {}
    for seen in looks:
        outcome = folded(now, **seen)
        assert {k for k in now if k in {key(n) for n in seen["used"]}} <= set(outcome.held)
        accepted = {one.name for one in outcome.verdicts if one.verdict is Verdict.ACCEPTED}
        givers = [(k, name) for name in accepted for k in map(key, {t[0] for t in str(seen["files"][name]).split()})]
        assert len(givers) == len({k for k, _ in givers})
        assert all(outcome.held[k].file == name for k, name in givers)
        listed_broken = {n for n in seen["files"] if n not in accepted}
        for k, one in now.items():
            if one.file in listed_broken and not one.gone:
                assert outcome.held[k].object.digest == one.object.digest or outcome.held[k].file != one.file
        assert folded(dict(outcome.held), **seen) == outcome
        now = dict(outcome.held)
