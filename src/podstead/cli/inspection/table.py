"""The report as text for a terminal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from podstead.inspection.findings import Severity
from podstead.k8s.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from podstead.inspection.findings import Finding
    from podstead.inspection.report import Report

_WIDTH = max(len(severity) for severity in Severity)
_INDENT = " " * (_WIDTH + 2)


def table_lines(report: Report) -> Iterator[str]:
    """Yield the report, line by line: where pods come from, the files, the findings, and the count of them."""
    below = f", below {report.root}" if report.root != "/" else ""
    yield printable(f"{report.node}, {moment(report.at)}{below}")
    yield ""
    if report.sources:
        yield "Static pods come from"
        yield from _columns([(f"  {one.place}", f"({', '.join(one.origins)})") for one in report.sources])
        yield ""
    if report.files:
        rows = [("FILE", "BECOMES", "POD", "LEVEL", "MODE", "OWNER")]
        rows += [
            (one.path, one.state, one.pod or "-", one.level or "-", f"{one.mode:04o}", one.owner)
            for one in report.files
        ]
        yield from _columns(rows)
        yield ""
    for finding in report.findings:
        yield from _finding(finding)
    failed = sum(not item.passed for item in report.items)
    applied = sum(bool(item.where) for item in report.items)
    yield f"CIS Kubernetes Benchmark: {applied - failed} of {applied} checks pass"
    yield summary(report)


def summary(report: Report) -> str:
    """Return how many findings of each severity there are, the worst first, as half a sentence."""
    counts = report.counts
    told = [f"{counts[severity]} {severity}" for severity in reversed(Severity) if counts[severity]]
    return ", ".join(told) if told else "nothing found"


def moment(at: float) -> str:
    """Return a time as a person reads it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _finding(finding: Finding) -> Iterator[str]:
    yield printable(f"{finding.severity.upper():{_WIDTH}}  {finding.place}: {finding.rule.title} [{finding.rule.id}]")
    yield printable(f"{_INDENT}{finding.what}")
    if finding.mend:
        yield printable(f"{_INDENT}mend: {finding.mend}")
    yield ""


def _columns(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Yield rows in aligned columns."""
    shown = [tuple(printable(cell) for cell in row) for row in rows]
    widths = [max(len(row[index]) for row in shown) for index in range(len(shown[0]))]
    for row in shown:
        yield "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
