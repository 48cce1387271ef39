"""Text in systemd's quoting: words of a command line, assignments, environment files (systemd.syntax(7), systemd.exec(5))."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_BLANK = " \t\n\r"
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "s": " "}
_NUMBERED = re.compile(r"x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})")
_BRACED = re.compile(r"\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def split_words(text: str) -> tuple[str, ...]:
    """Return the words of a text: split at blanks, quotes and C's escapes undone. An unclosed quote reaches to the end."""
    words: list[str] = []
    word: str | None = None
    quote = ""
    at = 0
    while at < len(text):
        character = text[at]
        at += 1
        if character == "\\" and at < len(text):
            made, at = _escape(text, at)
            word = (word or "") + made
        elif quote:
            if character == quote:
                quote = ""
            else:
                word = (word or "") + character
        elif character in "'\"":
            quote, word = character, word or ""
        elif character in _BLANK:
            if word is not None:
                words.append(word)
            word = None
        else:
            word = (word or "") + character
    return (*words, word) if word is not None else tuple(words)


def _escape(text: str, at: int) -> tuple[str, int]:
    """Return what the escape means whose first character after the backslash is at `at`, and where the text goes on."""
    if (numbered := _NUMBERED.match(text, at)) is not None:
        digits = numbered[1] or numbered[2] or numbered[3]
        code = int(digits, 16) if digits else int(numbered[4], 8)
        return (chr(code) if code <= 0x10FFFF else ""), numbered.end()
    return _ESCAPES.get(text[at], text[at]), at + 1


def expand(words: tuple[str, ...], environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return a command line with its variables: `$NAME` as a word of its own gives many, `${NAME}` stays within one."""
    found: list[str] = []
    for word in words:
        if word.startswith("$") and _NAME.fullmatch(word[1:]):
            found += split_words(environment.get(word[1:], ""))
        else:
            found.append(_BRACED.sub(lambda m: "$" if m[1] is None else environment.get(m[1], ""), word))
    return tuple(found)


def assignments(text: str) -> Iterator[tuple[str, str]]:
    """Yield the variables of an `Environment=` line."""
    for word in split_words(text):
        name, equals, value = word.partition("=")
        if equals and _NAME.fullmatch(name):
            yield name, value


def environment_file(text: str) -> Iterator[tuple[str, str]]:
    """Yield the variables of an `EnvironmentFile=`, as systemd reads it: values may go over several lines."""
    at = 0
    while at < len(text):
        if text[at] in _BLANK:
            at += 1
        elif text[at] in "#;":
            at = _comment(text, at)
        else:
            end = text.find("=", at)
            line = text.find("\n", at)
            if end < 0 or 0 <= line < end:
                at = len(text) if line < 0 else line + 1
                continue
            name = text[at:end].strip()
            value, at = _value(text, end + 1)
            if _NAME.fullmatch(name):
                yield name, value


def _comment(text: str, at: int) -> int:
    """Return where a comment ends; a backslash at its line's end prolongs it."""
    while (end := text.find("\n", at)) >= 0 and text[end - 1] == "\\":
        at = end + 1
    return len(text) if end < 0 else end + 1


def _value(text: str, at: int) -> tuple[str, int]:
    """Return the value that begins at `at`, and where its line ends."""
    value, kept, quote = "", 0, ""
    while at < len(text):
        character = text[at]
        at += 1
        if quote:
            if character == quote:
                quote, kept = "", len(value)
            elif character == "\\" and quote == '"' and at < len(text):
                follows, at = text[at], at + 1
                value += "" if follows == "\n" else follows if follows in '"\\`$' else f"\\{follows}"
            else:
                value += character
        elif character == "\n":
            break
        elif character == "\\" and at < len(text):
            value += "" if text[at] == "\n" else text[at]
            at, kept = at + 1, len(value)
        elif character in "'\"" and len(value) == kept:
            quote = character
        elif character in _BLANK:
            value += character if value else ""
        else:
            value += character
            kept = len(value)
    return (value if quote else value[:kept]), at
