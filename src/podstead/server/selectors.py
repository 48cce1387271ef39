"""Label selectors: decoded from the query, matched against an object's labels. Pure.

Source: the Kubernetes documentation on labels and selectors; the syntax is that of `kubectl -l`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from podstead.errors import PodsteadError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class SelectorError(PodsteadError):
    """The client's selector cannot be understood; the text says which part."""


class Operator(StrEnum):
    """How a label is compared."""

    IN = "in"
    NOT_IN = "notin"
    EXISTS = "exists"
    DOES_NOT_EXIST = "!"
    GREATER_THAN = ">"
    LESS_THAN = "<"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One term of a label selector. `=` and `==` are IN of one value, `!=` is NOT_IN of one value."""

    key: str
    operator: Operator
    values: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return whether an object with these labels satisfies the term; an absent key satisfies `!=` and `notin`."""
        value = labels.get(self.key)
        match self.operator:
            case Operator.EXISTS:
                return value is not None
            case Operator.DOES_NOT_EXIST:
                return value is None
            case Operator.IN:
                return value in self.values
            case Operator.NOT_IN:
                return value not in self.values
            case Operator.GREATER_THAN | Operator.LESS_THAN:
                if value is None or not re.fullmatch(r"-?[0-9]+", value):
                    return False
                limit = int(next(iter(self.values)))
                return int(value) > limit if self.operator is Operator.GREATER_THAN else int(value) < limit


_TOKEN = re.compile(r"\s*(?P<token>==|!=|[=!<>(),]|[^\s=!<>(),]+)")
_KEY = re.compile(r"([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_END = ""


def _tokens(text: str) -> Iterator[str]:
    position = 0
    while position < len(text.rstrip()):
        found = _TOKEN.match(text, position)
        if found is None:
            raise SelectorError(f"cannot read the label selector {text!r} at character {position + 1}")
        yield found["token"]
        position = found.end()


class _Reader:
    """Reads one label selector left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(_tokens(text))
        self._next = 0

    def peek(self) -> str:
        return self._tokens[self._next] if self._next < len(self._tokens) else _END

    def take(self) -> str:
        token = self.peek()
        self._next += 1
        return token

    def fail(self, found: str, expected: str) -> SelectorError:
        shown = repr(found) if found else "the end"
        return SelectorError(f"cannot read the label selector {self._text!r}: found {shown}, expected {expected}")

    def key(self) -> str:
        token = self.take()
        if not _KEY.fullmatch(token):
            raise self.fail(token, "a label key")
        return token

    def value(self) -> str:
        """Read one value; an empty one is legal and has no token."""
        token = _END if self.peek() in {",", ")", _END} else self.take()
        if not _VALUE.fullmatch(token):
            raise self.fail(token, "a label value")
        return token

    def values(self) -> frozenset[str]:
        if (token := self.take()) != "(":
            raise self.fail(token, "'('")
        found = {self.value()}
        while (mark := self.take()) == ",":
            found.add(self.value())
        if mark != ")":
            raise self.fail(mark, "',' or ')'")
        return frozenset(found)

    def requirement(self) -> Requirement:
        if self.peek() == "!":
            self.take()
            return Requirement(self.key(), Operator.DOES_NOT_EXIST)
        key = self.key()
        match self.peek():
            case "," | "":
                return Requirement(key, Operator.EXISTS)
            case "=" | "==":
                self.take()
                return Requirement(key, Operator.IN, frozenset({self.value()}))
            case "!=":
                self.take()
                return Requirement(key, Operator.NOT_IN, frozenset({self.value()}))
            case "in" | "notin" as word:
                self.take()
                return Requirement(key, Operator(word), self.values())
            case ">" | "<" as sign:
                self.take()
                number = self.take()
                if not re.fullmatch(r"-?[0-9]{1,18}", number):
                    raise self.fail(number, "a whole number")
                return Requirement(key, Operator(sign), frozenset({number}))
            case other:
                raise self.fail(other, "one of = == != in notin < > or ','")

    def all(self) -> tuple[Requirement, ...]:
        if self.peek() == _END:
            return ()
        found = [self.requirement()]
        while (token := self.take()) == ",":
            found.append(self.requirement())
        if token != _END:
            raise self.fail(token, "','")
        return tuple(found)


def parse_label_selector(text: str) -> tuple[Requirement, ...]:
    """Return the terms of a label selector, all of which must hold; raise `SelectorError` when it is malformed."""
    return _Reader(text).all()
