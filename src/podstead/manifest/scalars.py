"""What a YAML scalar means to the kubelet: YAML 1.1 as its parser reads it (spec/kubelet-static-pods.md 2.1).

`yes`, `on` and `y` are booleans, `0777` is octal, `1_000` is a number; `1:30` and dates are plain text.
"""

from __future__ import annotations

import re
from enum import StrEnum


class ScalarKind(StrEnum):
    """The type of an unquoted scalar; a quoted one is always a string. The value is how messages call it."""

    NULL = "nothing"
    BOOLEAN = "a boolean"
    INTEGER = "an integer"
    FLOAT = "a number with a fraction or exponent"
    STRING = "a string"


_NULLS = {"", "~", "null", "Null", "NULL"}
_TRUE = {"y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"}
_FALSE = {"n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"}
_INTEGER = re.compile(r"[-+]?(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|[1-9][0-9]*|0)", re.ASCII)
_FLOAT = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", re.ASCII
)

MAX_DIGITS = 40
"""Longest text that `integer` reads: a 64-bit number in binary notation does not matter to anyone."""


def kind_of(text: str) -> ScalarKind:
    """Return the type of an unquoted, untagged scalar."""
    if text in _NULLS:
        return ScalarKind.NULL
    if text in _TRUE or text in _FALSE:
        return ScalarKind.BOOLEAN
    if text[0] not in "+-.0123456789":
        return ScalarKind.STRING
    digits = text.replace("_", "")
    if _INTEGER.fullmatch(digits) is not None:
        return ScalarKind.INTEGER
    return ScalarKind.FLOAT if _FLOAT.fullmatch(digits) is not None else ScalarKind.STRING


def boolean(text: str) -> bool:
    """Return the value of a scalar of kind BOOLEAN."""
    return text in _TRUE


def integer(text: str) -> int | None:
    """Return the value of a scalar of kind INTEGER or FLOAT when it is a whole number of 64 bits, else None."""
    digits = text.replace("_", "")
    if len(digits) > MAX_DIGITS:
        return None
    if _INTEGER.fullmatch(digits) is not None:
        bare = digits.lstrip("+-")
        octal = len(bare) > 1 and bare[0] == "0" and bare[1].isdigit()
        number = int(bare, 8 if octal else 0) * (-1 if digits[0] == "-" else 1)
    else:
        fraction = float(digits) if _FLOAT.fullmatch(digits) and "n" not in digits.lower() else 0.5
        if not fraction.is_integer() or abs(fraction) >= 2**53:
            return None
        number = int(fraction)
    return number if -(2**63) <= number < 2**63 else None
