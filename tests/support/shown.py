"""Which test shows which case of a page: marks read from the source, and outcomes kept from a run."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import pytest

TESTS = Path(__file__).parents[1]
PASSED = "passed"
RINGS = {
    "functional": "simulator",
    "unit": "simulator",
    "fuzz": "simulator",
    "contract": "both",
    "real": "containerd",
    "vm": "a machine",
}


@dataclass(frozen=True, slots=True, order=True)
class Shown:
    """A test that shows a case: its module below tests/ and its name."""

    module: str
    name: str

    @property
    def ring(self) -> str:
        """Against what it runs."""
        return RINGS[self.module.partition("/")[0]]


def marked(mark: str, cases: Iterable[str]) -> dict[str, list[Shown]]:
    """Return, by case, the tests that are marked with it. Raises KeyError for a mark that names no case."""
    found: dict[str, list[Shown]] = {case: [] for case in cases}
    for path in sorted(TESTS.rglob("test_*.py")):
        for test, case in _marks(path, mark):
            found[case].append(test)
    return found


def _marks(path: Path, name: str) -> Iterator[tuple[Shown, str]]:
    text = path.read_text(encoding="utf-8")
    if f"mark.{name}(" not in text:
        return
    module = path.relative_to(TESTS).as_posix()
    for node in ast.parse(text).body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for mark in node.decorator_list:
            if isinstance(mark, ast.Call) and isinstance(mark.func, ast.Attribute) and mark.func.attr == name:
                for argument in mark.args:
                    yield Shown(module, node.name), str(ast.literal_eval(argument))


def result(tests: Iterable[Shown], outcomes: Mapping[Shown, str] | None) -> str:
    """Return what a page says of a case; without outcomes as it is when every test has passed."""
    shown = list(tests)
    results = {PASSED if outcomes is None else outcomes.get(test, "not run") for test in shown}
    if not results:
        return "**no test**"
    if results != {PASSED}:
        return "**" + ", ".join(sorted(results)) + "**"
    rings = sorted({test.ring for test in shown})
    return f"passed: {', '.join(rings)}".replace("both", "containerd, simulator")


def names(tests: Iterable[Shown]) -> str:
    """Return the tests as a cell of a table."""
    return "<br>".join(f"`{test.module}::{test.name}`" for test in sorted(set(tests)))


class PageOfRun:
    """Keeps the worst outcome of each test with a mark, and writes the page at the end of the run."""

    def __init__(self, mark: str, path: Path, page: Callable[[Mapping[Shown, str]], str]) -> None:
        self._mark = mark
        self._path = path
        self._page = page
        self._outcomes: dict[Shown, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how a phase of a test went; a test of many parameters has passed when all of them have."""
        if self._mark not in report.keywords:
            return
        path, _, name = report.nodeid.partition("::")
        test = Shown(path.removeprefix("tests/"), name.partition("[")[0])
        if report.outcome != PASSED or test not in self._outcomes:
            self._outcomes[test] = report.outcome

    def pytest_sessionfinish(self) -> None:
        """Write the page."""
        self._path.write_text(self._page(self._outcomes), encoding="utf-8")
