"""A password that must not get out, and a text that must not steer a terminal (foundation 24)."""

from __future__ import annotations

import base64

CANARY = "canary-9c41-Passw0rd"
HIDDEN = "canary-b1d7-S3cret"
"""The value of a Secret: it may stand nowhere at all, not even encoded."""
HOSTILE = "\x1b[31m\nrow-of-its-own\x1b]0;title\x07\u202egpj\u200b\u009b<script>alert(1)</script>"
ROW = "row-of-its-own"
"""Stands after the newline of HOSTILE: a line that begins so was broken by it."""


def leaks(text: str) -> list[str]:
    """Return what is wrong with an output meant for people; empty is how it must be."""
    return [*_canary(CANARY, text), *betrays(text), *steering(text)]


def betrays(text: str) -> list[str]:
    """Return what of a Secret an output holds, be it in base64 at any offset."""
    encoded = [base64.b64encode(b"x" * shift + HIDDEN.encode()).decode()[shift + 2 : 20] for shift in range(3)]
    return [found for value in (HIDDEN, *encoded) for found in _canary(value, text)]


def _canary(value: str, text: str) -> list[str]:
    return [f"the canary: …{text[max(0, text.index(value) - 80) :][:160]!r}"] if value in text else []


def steering(text: str) -> list[str]:
    """Return what of an output would steer a terminal or break its rows."""
    strange = sorted({c for c in text if not c.isprintable() and c not in "\n\t"})
    found = [f"the characters {strange}"] if strange else []
    return found + [f"the line {line!r}" for line in text.splitlines() if line.startswith(ROW)]
