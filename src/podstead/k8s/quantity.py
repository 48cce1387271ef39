"""Kubernetes quantities: `250m`, `1.5`, `512Mi`, `2G`, `1e3`.

Values are exact fractions; a part finer than one nano is rounded away from zero, and what is beyond 2^63-1 is that
number, as apimachinery's resource.Quantity does it (spec/kubelet-static-pods.md 2.6).
"""

from __future__ import annotations

import math
import re
from enum import StrEnum
from fractions import Fraction

MAX = 2**63 - 1
"""The largest amount a quantity can have: larger texts mean this one."""
MAX_TEXT = 64
"""Longest text read as a quantity, in characters: exact arithmetic on longer ones would only burn time."""

_NANO = 10**9
_TEXT = re.compile(
    r"(?P<number>[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))(?:(?P<suffix>[KMGTPE]i|[numkMGTPE]?)|[eE](?P<exponent>[+-]?[0-9]+))",
    re.ASCII,
)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_FURTHEST_EXPONENT = 99
"""Beyond this power of ten every text of MAX_TEXT characters is either above MAX or below one nano."""


class Style(StrEnum):
    """The two families of suffixes in which an amount can be written."""

    DECIMAL = "DecimalSI"
    BINARY = "BinarySI"


class QuantityError(ValueError):
    """The text is not a quantity; the exception's text says what to write instead."""


def parse(text: str) -> Fraction:
    """Return the amount that a quantity's text means.

    Raises QuantityError when it is not one.
    """
    match = _TEXT.fullmatch(text) if len(text) <= MAX_TEXT else None
    if match is None:
        raise QuantityError(f"must be a number with an optional suffix (500m, 0.5, 128Mi, 2G){_hint(text)}")
    number = Fraction(match["number"])
    suffix = match["suffix"] or ""
    if match["exponent"] is not None:
        furthest = max(-_FURTHEST_EXPONENT, min(_FURTHEST_EXPONENT, int(match["exponent"])))
        amount = number * Fraction(10) ** furthest
    elif suffix in _BINARY:
        amount = number * (1 << _BINARY[suffix])
    else:
        amount = number * Fraction(10) ** _DECIMAL[suffix]
    amount = _away_from_zero(amount * _NANO) / Fraction(_NANO)
    return max(Fraction(-MAX), min(Fraction(MAX), amount))


def problem(text: str) -> str | None:
    """Return why `text` is not a quantity ("must be …"), or None when it is one."""
    try:
        parse(text)
    except QuantityError as error:
        return str(error)
    return None


def value(text: str) -> int:
    """Return the amount in whole units (bytes, cores), rounded up. Raises QuantityError."""
    return math.ceil(parse(text))


def style(text: str) -> Style:
    """Return the family of the text's suffix; a bare number is decimal."""
    return Style.BINARY if text[-2:] in _BINARY else Style.DECIMAL


def render(amount: Fraction | int, style: Style = Style.DECIMAL) -> str:
    """Return the canonical text: a whole number with the largest suffix that keeps it whole."""
    amount = Fraction(amount)
    if amount == 0:
        return "0"
    if style is Style.BINARY and amount.denominator == 1:
        for suffix, power in reversed(_BINARY.items()):
            if amount % (1 << power) == 0:
                return f"{amount / (1 << power)}{suffix}"
        return str(amount)
    for suffix, power in reversed(_DECIMAL.items()):
        scaled = amount / Fraction(10) ** power
        if scaled.denominator == 1:
            return f"{scaled}{suffix}"
    return f"{_away_from_zero(amount * _NANO)}n"


def _away_from_zero(amount: Fraction) -> int:
    return math.ceil(amount) if amount > 0 else math.floor(amount)


def _hint(text: str) -> str:
    """Return what was probably meant, for the usual mistakes."""
    match = re.fullmatch(r"\s*([+-]?[0-9.]+)\s*([A-Za-z]*)\s*", text, re.ASCII) if len(text) <= MAX_TEXT else None
    if match is None:
        return ""
    number, unit = match.groups()
    letter = unit[:1]
    if unit.lower() in {"kb", "mb", "gb", "tb", "pb", "kib", "mib", "gib", "tib", "k", "g", "ki", "gi", "mi"}:
        capital = letter.upper()
        plain = "k" if capital == "K" else capital
        return f": {number}{capital}i counts in 1024s, {number}{plain} in 1000s"
    if _TEXT.fullmatch(number + unit) is not None:
        return f": write {number}{unit} without blanks"
    return ""
