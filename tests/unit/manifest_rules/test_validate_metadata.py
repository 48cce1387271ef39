"""Rules of metadata."""

from __future__ import annotations

import pytest

from podstead.k8s.annotations import START_AFTER

from .rules import FORBIDDEN, INVALID, REQUIRED, TOO_LONG, Case, check, title

METADATA: list[Case] = [
    ([], [("metadata.name", "")], "metadata.name", REQUIRED),
    ([("metadata.name", "a.b-c")], [("metadata.name", "MySQL")], "metadata.name", INVALID),
    ([("metadata.name", "a" * 253)], [("metadata.name", "a" * 254)], "metadata.name", INVALID),
    ([("metadata.namespace", "a-b")], [("metadata.namespace", "a.b")], "metadata.namespace", INVALID),
    (
        [("metadata.labels", {"x.y/z": "A_1"})],
        [("metadata.labels", {"-x": "1"})],
        "metadata.labels[-x]",
        INVALID,
    ),
    ([("metadata.labels.a", "")], [("metadata.labels.a", "two words")], "metadata.labels[a]", INVALID),
    (
        [("metadata.annotations", {"A.b/C": "any text: \n"})],
        [("metadata.annotations", {"a b": ""})],
        "metadata.annotations[a b]",
        INVALID,
    ),
    (
        [("metadata.annotations.a", "x" * (256 * 1024 - 1))],
        [("metadata.annotations.a", "x" * 256 * 1024)],
        "metadata.annotations",
        TOO_LONG,
    ),
    (
        [("metadata.annotations", {"kubernetes.io/config.hash": "x"})],
        [("metadata.annotations", {"kubernetes.io/config.mirror": "x"})],
        "metadata.annotations[kubernetes.io/config.mirror]",
        FORBIDDEN,
    ),
]
START_ORDER: list[Case] = [
    (
        [("metadata.annotations", {START_AFTER: "db, kube-system/etcd,"})],
        [("metadata.annotations", {START_AFTER: text})],
        f"metadata.annotations[{START_AFTER}]",
        INVALID,
    )
    for text in ("Db", "a/b/c", "/db", "other,mysql-node1", ",".join(f"p{n}" for n in range(17)))
]


@pytest.mark.parametrize("one", METADATA + START_ORDER, ids=title)
def test_a_rule_of_metadata(one: Case) -> None:
    check(one)
