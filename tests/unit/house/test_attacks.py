"""Marks of attacks name attacks that there are."""

from __future__ import annotations

from tests.attacks.cases import ATTACKS
from tests.attacks.report import shown


def test_no_attack_stands_twice() -> None:
    assert len({attack.id for attack in ATTACKS}) == len(ATTACKS)


def test_every_mark_names_an_attack() -> None:
    assert set(shown()) == {attack.id for attack in ATTACKS}
