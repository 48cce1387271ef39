from __future__ import annotations

import pytest

from podstead.manifest.armour import Limits, RefusedError, events
from podstead.manifest.scalars import ScalarKind
from podstead.manifest.tree import Mapping, Node, Scalar, Sequence, compose


def tree_of(text: str) -> Node:
    (root,) = compose(events(text, Limits()), Limits())
    return root.node


def plain(node: Node) -> object:
    if isinstance(node, Scalar):
        return node.text
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    return {key.text: plain(value) for key, value in node.entries}


def refusal(text: str) -> tuple[str, int, int]:
    with pytest.raises(RefusedError) as refused:
        tree_of(text)
    return refused.value.message, refused.value.line, refused.value.column


def test_scalars_keep_text_kind_and_place() -> None:
    node = tree_of("a: 1\nb: '1'\nc: !!str 1\nd: ! 1\ne: |\n  1\n")
    assert isinstance(node, Mapping)
    values = [value for _, value in node.entries if isinstance(value, Scalar)]
    assert [(v.text, v.kind, v.quoted, v.line, v.column) for v in values] == [
        ("1", ScalarKind.INTEGER, False, 1, 4),
        ("1", ScalarKind.STRING, True, 2, 4),
        ("1", ScalarKind.STRING, True, 3, 4),
        ("1", ScalarKind.STRING, True, 4, 4),
        ("1\n", ScalarKind.STRING, True, 5, 4),
    ]


def test_duplicate_keys_are_kept_for_the_walk_to_name() -> None:
    node = tree_of("a: 1\na: 2")
    assert isinstance(node, Mapping)
    assert [(key.text, plain(value)) for key, value in node.entries] == [("a", "1"), ("a", "2")]


def test_sizes_and_heights_count_what_aliases_stand_for() -> None:
    node = tree_of("- &a [x, y]\n- *a\n")
    assert (node.size, node.height) == (7, 3)


def test_an_anchor_may_be_given_again() -> None:
    assert plain(tree_of("- &a 1\n- *a\n- &a 2\n- *a")) == ["1", "1", "2", "2"]


def test_anchors_end_with_their_document() -> None:
    with pytest.raises(RefusedError, match="no anchor above"):
        compose(events("&a 1\n---\n*a\n", Limits()), Limits())


@pytest.mark.parametrize(
    ("text", "merged"),
    [
        ("x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}", {"a": "1", "b": "3"}),
        ("x: &x {a: 1, b: 2}\ny: {b: 3, <<: *x}", {"a": "1", "b": "3"}),
        ("x: {}\ny: {<<: [{a: 1}, {a: 2, b: 3}]}", {"a": "1", "b": "3"}),
        ("x: {}\ny: {<<: {a: 1, a: 2}}", {"a": "2"}),
        ("x: {}\ny: {'<<': 1}", {"<<": "1"}),
    ],
)
def test_merge_keys(text: str, merged: dict[str, str]) -> None:
    node = plain(tree_of(text))
    assert isinstance(node, dict)
    assert node["y"] == merged


@pytest.mark.parametrize(
    ("text", "part", "line", "column"),
    [
        ("a: *b", "no anchor above", 1, 4),
        ("a: &a [*a]", "inside the very value", 1, 8),
        ("a: !Ref x", "YAML tag", 1, 4),
        ("a: !!binary aGk=", "YAML tag", 1, 4),
        ("a: !!bool maybe", "the tag says a boolean, and the value is a string", 1, 4),
        ("a: !!set {x}", "YAML tag", 1, 4),
        ("a: !!omap [x]", "YAML tag", 1, 4),
        ("? [a]\n: b", "where a field's name is due", 1, 3),
        ("<<: 1", "takes a map", 1, 5),
        ("<<: [1]", "takes a map", 1, 5),
    ],
)
def test_what_has_no_meaning_in_a_manifest(text: str, part: str, line: int, column: int) -> None:
    message, *place = refusal(text)
    assert part in message
    assert place == [line, column]
