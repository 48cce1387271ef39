"""Lists of patterns as OpenSSH matches them (ssh_config(5), PATTERNS): `*`, `?`, commas, and `!` for what is left out."""

from __future__ import annotations

MAX_LENGTH = 8192


def pattern_fault(patterns: str) -> str:
    """Return what is wrong with a list; empty: nothing."""
    if len(patterns) > MAX_LENGTH:
        return f"longer than {MAX_LENGTH} characters"
    if any(not pattern.lstrip("!") for pattern in patterns.split(",")):
        return "an entry of the list is empty"
    return ""


def matches(text: str, patterns: str) -> bool:
    """Return whether a text is matched by one of the patterns and by none that is negated.

    A list of negated patterns alone matches nothing.
    """
    found = False
    for pattern in patterns.split(","):
        negated = pattern.startswith("!")
        if _matches(text, pattern.removeprefix("!")):
            if negated:
                return False
            found = True
    return found


def _matches(text: str, pattern: str) -> bool:
    """Match one pattern in time that grows with the product of both lengths, whatever the stars in it."""
    at = in_text = mark = 0
    star = -1
    while in_text < len(text):
        if at < len(pattern) and pattern[at] == "*":
            star, mark = at, in_text
            at += 1
        elif at < len(pattern) and pattern[at] in {"?", text[in_text]}:
            at += 1
            in_text += 1
        elif star >= 0:
            mark += 1
            at, in_text = star + 1, mark
        else:
            return False
    return all(character == "*" for character in pattern[at:])
