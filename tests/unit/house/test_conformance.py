"""The page on conformance names the tests that there are, and none of them as failed."""

from __future__ import annotations

from tests.conformance.cases import CASES
from tests.conformance.report import PAGE, page, shown


def test_there_is_a_case_for_each_number() -> None:
    assert [case.id for case in CASES] == [f"S{number}" for number in range(1, 41)]


def test_every_case_is_shown_by_a_test() -> None:
    assert [case for case, tests in shown().items() if not tests] == []


def test_the_page_is_that_of_a_run_in_which_all_passed() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run make conformance"
