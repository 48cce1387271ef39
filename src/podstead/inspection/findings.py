"""Findings as values, and how much each weighs."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad it is, rising; `rank` compares."""

    INFO = "info"
    """Worth knowing: nothing has to be done."""
    LOW = "low"
    """Not as it should be, and no way in by itself."""
    MEDIUM = "medium"
    """Helps whoever has got in, or hides what runs."""
    HIGH = "high"
    """A pod that owns the node, a manifest that nobody approved, or a file that others read what they must not of."""
    CRITICAL = "critical"
    """Somebody else than root can decide what this node runs."""

    @property
    def rank(self) -> int:
        """Its place in the order, from 0."""
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One kind of finding. `title` is a statement, `why` what it means for the node, `reference` where it is asked for."""

    id: str
    severity: Severity
    title: str
    why: str
    reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing found. `line` and `column` count from 1, 0 means the file as a whole.

    `where` is a path, a process (`pid 123`) or a pod of the runtime; `what` one or more sentences about this case; `mend`
    the `command`, or else the edit in words, that mends it; empty where only a person can tell.
    """

    rule: Rule
    where: str
    what: str
    mend: str = ""
    command: bool = False
    line: int = 0
    column: int = 0
    severity: Severity

    @property
    def place(self) -> str:
        """The path with line and column, as compilers print it."""
        return f"{self.where}:{self.line}:{self.column}" if self.line else self.where


def found(
    rule: Rule,
    where: str,
    what: str,
    *,
    mend: str = "",
    edit: str = "",
    at: tuple[int, int] = (0, 0),
    severity: Severity | None = None,
) -> Finding:
    """Return a finding of a rule, with the rule's severity unless this case weighs otherwise; `mend` is a command."""
    line, column = at
    return Finding(
        rule=rule,
        where=where,
        what=what,
        mend=mend or edit,
        command=bool(mend),
        line=line,
        column=column,
        severity=severity or rule.severity,
    )


def shell(path: str) -> str:
    """Return a path for a command line: as it is where a shell takes it so, else quoted; unseen characters as escapes."""
    if path.isprintable():
        return shlex.quote(path)
    raw = path.encode("utf-8", "surrogateescape")
    plain = "".join(chr(b) if 0x20 <= b < 0x7F and chr(b) not in "'\\" else f"\\x{b:02x}" for b in raw)
    return f"$'{plain}'"
