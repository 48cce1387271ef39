"""Which test shows which case, and the page that says so."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.conformance.cases import CASES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

MARK = "conformance"
TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "conformance.md"
PASSED = "passed"
RINGS = {"functional": "simulator", "unit": "simulator", "contract": "both", "real": "containerd"}
INTRODUCTION = """\
# Conformance with the kubelet's static pods

The behaviours S1 to S40 of a kubelet 1.36 without an API server, and what Podstead does. Where a difference is named it is on
purpose, and the tests are of our behaviour. *simulator* is the CRI simulator or pure code, *containerd* the real one. Written by
`make conformance`, which runs these tests; `make test` runs them too, and checks that this page names each of them.

"""


@dataclass(frozen=True, slots=True, order=True)
class Shown:
    """A test that shows a case: its module below tests/ and its name."""

    module: str
    name: str

    @property
    def ring(self) -> str:
        """Against what it runs."""
        return RINGS[self.module.partition("/")[0]]


def marked() -> dict[str, list[Shown]]:
    """Return, by case, the tests that are marked with it."""
    found: dict[str, list[Shown]] = {case.id: [] for case in CASES}
    for path in sorted(TESTS.rglob("test_*.py")):
        for test, case in _marks(path):
            found[case].append(test)
    return found


def _marks(path: Path) -> Iterator[tuple[Shown, str]]:
    text = path.read_text(encoding="utf-8")
    if f"mark.{MARK}(" not in text:
        return
    module = path.relative_to(TESTS).as_posix()
    for node in ast.parse(text).body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for mark in node.decorator_list:
            if isinstance(mark, ast.Call) and isinstance(mark.func, ast.Attribute) and mark.func.attr == MARK:
                for argument in mark.args:
                    yield Shown(module, node.name), str(ast.literal_eval(argument))


def page(outcomes: Mapping[Shown, str] | None = None) -> str:
    """Return the page; without outcomes as it is when every test has passed."""
    tests = marked()
    lines = ["| | scenario | the kubelet | Podstead | result | shown by |", "|---|---|---|---|---|---|"]
    for case in CASES:
        shown = tests[case.id]
        ours = f"**differs**: {case.difference}" if case.difference else "the same"
        results = {PASSED if outcomes is None else outcomes.get(test, "not run") for test in shown}
        lines.append(
            f"| {case.id} | {case.scenario} | {case.kubelet} | {ours} | {_result(results, shown)} | {_names(shown)} |"
        )
    return INTRODUCTION + "\n".join(lines) + "\n"


def _result(results: set[str], shown: Iterable[Shown]) -> str:
    if not results:
        return "**no test**"
    if results != {PASSED}:
        return "**" + ", ".join(sorted(results)) + "**"
    rings = sorted({test.ring for test in shown})
    return f"passed: {', '.join(rings)}".replace("both", "containerd, simulator")


def _names(shown: Iterable[Shown]) -> str:
    return "<br>".join(f"`{test.module}::{test.name}`" for test in sorted(set(shown)))
