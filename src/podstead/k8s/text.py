"""Untrusted text made safe to show (foundation 24)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

SECRET_LENGTH = 6
"""Values at least this long are blotted out; shorter ones are everyday words, and no password worth the name."""
_GO_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\a": r"\a", "\b": r"\b", "\f": r"\f", "\v": r"\v"})
"""What `strconv.Quote` writes otherwise than `printable` does."""


def printable(text: str) -> str:
    r"""Return `text` with everything that could steer a terminal or mislead a reader written as an escape.

    Control characters (ESC, newline, tab, C1), bidirectional and other invisible format characters, line and
    paragraph separators, unpaired surrogates, private and unassigned code points become `\n`, `\x1b`, `\u202e` and
    so on; every space but the plain one as well. What a reader can see is left as it is, backslashes included, so
    the result is for display, not for decoding. Printable text is returned unchanged.
    """
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def blotted(text: str, values: Iterable[tuple[str, str]]) -> str:
    """Return `text` with each of these values that it repeats replaced by its label (`[PASSWORD]`), the longest first.

    A value counts in every spelling in which a runtime or `printable` may have passed it on.
    """
    spelt = [(one, label) for value, label in values if len(value) >= SECRET_LENGTH for one in _spellings(value)]
    for value, label in sorted(spelt, key=lambda pair: -len(pair[0])):
        text = text.replace(value, label)
    return text


def _spellings(value: str) -> set[str]:
    """Return a value as it is, as `printable` shows it, and between Go's quotes (`strconv.Quote`), as runc writes it."""
    quoted = value.translate(_GO_ESCAPES)
    return {value, printable(value), quoted, printable(quoted)}
