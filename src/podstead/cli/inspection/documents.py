"""The report as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.cli.inspection.table import moment
from podstead.inspection.findings import Severity

if TYPE_CHECKING:
    from podstead.cli.documents import Json
    from podstead.inspection.findings import Finding
    from podstead.inspection.places import Summary
    from podstead.inspection.report import Report


def document(report: Report) -> Json:
    """Return the report with all that it holds; lists keep their order, the worst finding first."""
    counts = report.counts
    return {
        "node": report.node,
        "time": moment(report.at),
        "root": report.root,
        "summary": {severity.value: counts[severity] for severity in reversed(Severity)},
        "sources": [{"place": one.place, "readBy": list(one.origins)} for one in report.sources],
        "files": [_file(one) for one in report.files],
        "findings": [_finding(one) for one in report.findings],
        "cis": [
            {"item": one.number, "title": one.title, "where": one.where, "passed": one.passed} for one in report.items
        ],
    }


def _file(one: Summary) -> Json:
    return {
        "path": one.path,
        "becomes": one.state.value,
        "pod": one.pod,
        "podSecurity": one.level,
        "images": list(one.images),
        "mode": f"{one.mode:04o}",
        "owner": one.owner,
        "sha256": one.digest,
        "modified": moment(one.modified_at),
    }


def _finding(one: Finding) -> Json:
    return {
        "id": one.rule.id,
        "severity": one.severity.value,
        "title": one.rule.title,
        "where": one.where,
        "line": one.line,
        "column": one.column,
        "what": one.what,
        "why": one.rule.why,
        "mend": one.mend,
        "mendIsCommand": one.command,
        "reference": one.rule.reference,
    }
