"""The page on attacks names the tests that there are, and none of them as failed."""

from __future__ import annotations

from tests.attacks.cases import ATTACKS
from tests.attacks.report import PAGE, page, shown


def test_no_attack_stands_twice() -> None:
    assert len({attack.id for attack in ATTACKS}) == len(ATTACKS)


def test_every_attack_is_shown_by_a_test() -> None:
    assert [attack for attack, tests in shown().items() if not tests] == []


def test_the_page_is_that_of_a_run_in_which_all_passed() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run make attacks"
