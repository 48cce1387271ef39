"""Writes the conformance page from a run's outcomes (`--conformance`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.conformance.report import MARK, PAGE, PASSED, Shown, page

if TYPE_CHECKING:
    import pytest


class ConformanceReport:
    """Keeps the worst outcome of each marked test, and writes the page at the end."""

    def __init__(self) -> None:
        self._outcomes: dict[Shown, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how a phase of a test went; a test of many parameters has passed when all of them have."""
        if MARK not in report.keywords:
            return
        path, _, name = report.nodeid.partition("::")
        test = Shown(path.removeprefix("tests/"), name.partition("[")[0])
        if report.outcome != PASSED or test not in self._outcomes:
            self._outcomes[test] = report.outcome

    def pytest_sessionfinish(self) -> None:
        """Write the page."""
        PAGE.write_text(page(self._outcomes), encoding="utf-8")
