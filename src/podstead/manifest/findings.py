"""What the reading of a manifest notes on its way, before strictness decides how much it weighs."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from podstead.k8s.text import printable
from podstead.manifest.reading import Message, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from podstead.manifest.problems import FieldProblem

MAX_MESSAGES = 100
"""So many messages are kept of one file: beyond that nobody reads on, and verdicts have a budget (foundation 8)."""

_SHOWN = 60
"""So many characters of a file's text are shown in a message."""


class Code(Enum):
    """What a finding is: the text that its message begins with, the reason of a refusal, and how strictly it counts."""

    NOT_A_POD = ("Not a Pod", "NotAPod", Severity.ERROR)
    NOT_AN_OBJECT = ("Not a ConfigMap or Secret", "NotAnObject", Severity.ERROR)
    WRONG_TYPE = ("Invalid value", "InvalidManifest", Severity.ERROR)
    REQUIRED = ("Required value", "InvalidManifest", Severity.ERROR)
    DUPLICATE_NAME = ("Duplicate value", "InvalidManifest", Severity.ERROR)
    INVALID = ("", "InvalidManifest", Severity.ERROR)
    """Found by validation, whose own kinds of problems begin the message."""
    UNSUPPORTED = ("", "Unsupported", Severity.ERROR)
    UNKNOWN_FIELD = ("Unknown field", "StrictWarnings", Severity.WARNING)
    DUPLICATE_KEY = ("Duplicate key", "StrictWarnings", Severity.WARNING)
    TEXT_TAKEN = ("Not a string", "StrictWarnings", Severity.WARNING)
    KEY_TAKEN = ("Not a string as key", "StrictWarnings", Severity.WARNING)
    IGNORED = ("Ignored", "", Severity.WARNING)
    ADVICE = ("", "", Severity.WARNING)

    def __init__(self, opening: str, reason: str, severity: Severity) -> None:
        self.opening = opening
        self.reason = reason
        self.severity = severity

    def weight(self, *, strict: bool) -> Severity:
        """Return the severity; what a strict reading refuses are the slips that the kubelet drops without a word."""
        return Severity.ERROR if strict and self.reason == "StrictWarnings" else self.severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One remark about one place; `line` and `column` count from 1, 0 means the file as a whole."""

    code: Code
    field: str
    text: str
    line: int = 0
    column: int = 0

    def message(self, *, strict: bool) -> Message:
        """Return the remark as it is shown."""
        text = f"{self.code.opening}: {self.text}" if self.code.opening else self.text
        severity = self.code.weight(strict=strict)
        return Message(line=self.line, column=self.column, field=self.field, severity=severity, message=text)


@dataclass(slots=True)
class Places:
    """Where each field of a document stands: its value, and the key or list dash that introduces it."""

    values: dict[str, tuple[int, int]] = field(default_factory=dict)
    keys: dict[str, tuple[int, int]] = field(default_factory=dict)
    root: tuple[int, int] = (1, 1)

    def closest(self, path: str) -> tuple[int, int]:
        """Return the place of a field's value or, where the file has none, of the nearest thing around it."""
        if (found := self.values.get(path)) is not None:
            return found
        for above in parents(path):
            if (found := self.keys.get(above)) is not None:
                return found
        return self.root

    def finding_at(self, path: str, code: Code, text: str) -> Finding:
        """Return a finding at the place of a path."""
        line, column = self.closest(path)
        # A key of a map stands in the path as the file has it.
        return Finding(code=code, field=printable(path), text=text, line=line, column=column)

    def finding(self, problem: FieldProblem) -> Finding:
        """Return a validation problem with its place."""
        code = Code.INVALID if problem.severity is Severity.ERROR else Code.ADVICE
        return self.finding_at(problem.field, code, f"{problem.kind}: {problem.message}")


def parents(path: str) -> Iterator[str]:
    """Yield the paths of what a field stands in, the nearest first: `spec.a[0].b` lies in `spec.a[0]`, `spec.a`, `spec`."""
    while path:
        path = path[: max(path.rfind("["), 0)] if path.endswith("]") else path[: max(path.rfind("."), 0)]
        if path:
            yield path


def reason_of(findings: Iterable[Finding], *, strict: bool) -> str:
    """Return the reason of a refusal: that of the weightiest error, in the order of the codes; empty without one."""
    reasons = {finding.code.reason for finding in findings if finding.code.weight(strict=strict) is Severity.ERROR}
    return next((code.reason for code in Code if code.reason in reasons), "")


def messages_of(findings: Iterable[Finding], *, strict: bool) -> tuple[Message, ...]:
    """Return the messages in the file's order; of too many, errors are kept first, and the last one counts the rest."""
    messages = sorted(finding.message(strict=strict) for finding in findings)
    if len(messages) <= MAX_MESSAGES:
        return tuple(messages)
    kept = sorted(sorted(messages, key=lambda message: message.severity)[:MAX_MESSAGES])
    rest = len(messages) - MAX_MESSAGES
    last = Message(line=0, column=0, field="", severity=Severity.WARNING, message=f"{rest} more messages are not shown")
    return (*kept, last)


def shown(text: str) -> str:
    """Return a text of the file for a message: cut and quoted, with everything escaped that a terminal could obey."""
    return repr(text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…")


def shown_key(key: str) -> str:
    """Return a map's key for a field path, where the usual ones stand as they are."""
    return key if re.fullmatch(r"[A-Za-z0-9_./-]{1,253}", key) else shown(key)
