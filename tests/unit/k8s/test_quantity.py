from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podstead.k8s import quantity


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("200m", Fraction(1, 5)),
        ("1.5", Fraction(3, 2)),
        (".5", Fraction(1, 2)),
        ("5.", Fraction(5)),
        ("+1", Fraction(1)),
        ("-1k", Fraction(-1000)),
        ("512Mi", Fraction(512 * 2**20)),
        (".5Ki", Fraction(512)),
        ("1e3", Fraction(1000)),
        ("1E3", Fraction(1000)),
        ("1E", Fraction(10**18)),
        ("1e-3", Fraction(1, 1000)),
    ],
)
def test_amounts(text: str, amount: Fraction) -> None:
    assert quantity.parse(text) == amount


def test_what_is_finer_than_a_nano_is_rounded_away_from_zero() -> None:
    assert quantity.parse("0.1n") == Fraction(1, 10**9)
    assert quantity.parse("-1e-999") == Fraction(-1, 10**9)


def test_what_is_too_large_is_the_largest() -> None:
    assert quantity.parse("1e999999999") == quantity.MAX
    assert quantity.parse("100E") == quantity.MAX
    assert quantity.parse("0e999999999") == 0


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("1K", "1Ki counts in 1024s, 1k in 1000s"),
        ("512MB", "512Mi counts in 1024s, 512M in 1000s"),
        ("1 Gi", "1Gi counts in 1024s"),
        ("500 m", "500m without blanks"),
        ("abc", "must be a number"),
        ("", "must be a number"),
        ("1e", "must be a number"),
        ("9" * 70, "must be a number"),
        ("\uff11", "must be a number"),
        ("1\n", "must be a number"),
    ],
)
def test_texts_that_are_no_quantity(text: str, hint: str) -> None:
    assert hint in (quantity.problem(text) or "")
    with pytest.raises(quantity.QuantityError):
        quantity.parse(text)


def test_values_round_up() -> None:
    assert quantity.value("1500m") == 2


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("1024Mi", "1Gi"),
        ("1536Mi", "1536Mi"),
        ("1000m", "1"),
        ("0.5", "500m"),
        ("1000k", "1M"),
        ("0Ki", "0"),
        ("1.5n", "2n"),
    ],
)
def test_the_canonical_text(text: str, canonical: str) -> None:
    assert quantity.render(quantity.parse(text), quantity.style(text)) == canonical


@given(st.integers(min_value=-(10**12), max_value=10**12), st.sampled_from(list(quantity.Style)))
def test_the_canonical_text_means_the_same(nanos: int, style: quantity.Style) -> None:
    amount = Fraction(nanos, 10**9)
    assert quantity.parse(quantity.render(amount, style)) == amount


@given(st.text())
def test_no_text_breaks_the_parser(text: str) -> None:
    reason = quantity.problem(text)
    assert reason is None or reason.startswith("must be")
