"""The page that says which test shows which case."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.conformance.cases import CASES
from tests.support.shown import TESTS, Shown, marked, names, result

if TYPE_CHECKING:
    from collections.abc import Mapping

MARK = "conformance"
PAGE = TESTS.parent / "docs" / "conformance.md"
INTRODUCTION = """\
# Conformance with the kubelet's static pods

The behaviours S1 to S40 of a kubelet 1.36 without an API server, and what Podstead does. Where a difference is named it is on
purpose, and the tests are of our behaviour. *simulator* is the CRI simulator or pure code, *containerd* the real one. Written by
`make conformance`, which runs these tests; `make test` runs them too, and checks that this page names each of them.

"""


def shown() -> dict[str, list[Shown]]:
    """Return, by case, the tests that are marked with it."""
    return marked(MARK, (case.id for case in CASES))


def page(outcomes: Mapping[Shown, str] | None = None) -> str:
    """Return the page; without outcomes as it is when every test has passed."""
    tests = shown()
    lines = ["| | scenario | the kubelet | Podstead | result | shown by |", "|---|---|---|---|---|---|"]
    for case in CASES:
        here = tests[case.id]
        ours = f"**differs**: {case.difference}" if case.difference else "the same"
        lines.append(
            f"| {case.id} | {case.scenario} | {case.kubelet} | {ours} | {result(here, outcomes)} | {names(here)} |"
        )
    return INTRODUCTION + "\n".join(lines) + "\n"
