"""The page that says which test shows which attack refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.attacks.cases import ATTACKS
from tests.support.shown import TESTS, Shown, marked, names, result

if TYPE_CHECKING:
    from collections.abc import Mapping

MARK = "attack"
PAGE = TESTS.parent / "docs" / "attacks.md"
INTRODUCTION = """\
# Attacks

What is tried against the node, by whom, and what comes of it; [security](security.md) says what is promised to whom. *simulator* is the
CRI simulator or pure code, *containerd* the real one. Written by `make attacks`, which runs these tests; `make test` runs them too,
and checks that this page names each of them.

"""


def shown() -> dict[str, list[Shown]]:
    """Return, by attack, the tests that are marked with it."""
    return marked(MARK, (attack.id for attack in ATTACKS))


def page(outcomes: Mapping[Shown, str] | None = None) -> str:
    """Return the page; without outcomes as it is when every test has passed."""
    tests = shown()
    lines = ["| attack | by | what comes of it | result | shown by |", "|---|---|---|---|---|"]
    for one in ATTACKS:
        here = tests[one.id]
        lines.append(f"| {one.attack} | {one.adversary} | {one.outcome} | {result(here, outcomes)} | {names(here)} |")
    return INTRODUCTION + "\n".join(lines) + "\n"
