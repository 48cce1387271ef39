"""What the article's configuration promises, asked of the server through SQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """One value of the server. `expected` is what `mysqld.cnf` sets; empty where it sets nothing."""

    name: str
    expression: str
    expected: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A value as the server tells it."""

    name: str
    value: str
    expected: str

    @property
    def fits(self) -> bool:
        """True when the server has what the configuration sets."""
        return not self.expected or self.value == self.expected


EXPECTATIONS = (
    Expectation(name="version", expression="VERSION()"),
    Expectation(name="port", expression="@@port", expected="3311"),
    Expectation(name="character_set_server", expression="@@character_set_server", expected="utf8mb4"),
    Expectation(name="slow_query_log", expression="IF(@@slow_query_log, 'ON', 'OFF')", expected="ON"),
    Expectation(name="long_query_time", expression="TRIM(TRAILING '0' FROM @@long_query_time)", expected="0.1"),
    Expectation(name="log_bin", expression="IF(@@log_bin, 'ON', 'OFF')", expected="ON"),
    Expectation(name="max_connections", expression="@@max_connections", expected="512"),
    Expectation(name="datadir", expression="@@datadir", expected="/var/lib/mysql/"),
)


def verify(query: Callable[[str], list[list[str]]]) -> list[Finding]:
    """Ask the server for every value, in one query."""
    row = query(f"SELECT {', '.join(one.expression for one in EXPECTATIONS)}")[0]
    return [
        Finding(name=one.name, value=value, expected=one.expected) for one, value in zip(EXPECTATIONS, row, strict=True)
    ]


def table(findings: list[Finding]) -> list[str]:
    """Return the lines of a table: name, value, and whether it is what the configuration sets."""
    names = max(len(one.name) for one in findings)
    values = max(len(one.value) for one in findings)
    return [f"{one.name.ljust(names)}  {one.value.ljust(values)}  {_judgement(one)}".rstrip() for one in findings]


def left_out(log: str) -> list[str]:
    """Return the options that a stand-in left out, as its pod's log names them."""
    return [line.partition("stand-in: ")[2] for line in log.splitlines() if line.endswith(": left out")]


def _judgement(finding: Finding) -> str:
    if not finding.expected:
        return ""
    return "as in mysqld.cnf" if finding.fits else f"NOT as in mysqld.cnf: {finding.expected}"
