"""Untrusted text made safe to show (foundation 24)."""

from __future__ import annotations


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
