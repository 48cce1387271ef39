"""The report as SARIF 2.1.0 (OASIS), for whatever collects results of scanners.

Severities become its three levels and, as scanners of code do it, a number in `security-severity`.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING
from urllib.parse import quote

from podstead import __version__
from podstead.inspection import cis, rules
from podstead.inspection.findings import Severity
from podstead.k8s.text import printable

if TYPE_CHECKING:
    from podstead.cli.documents import Json
    from podstead.inspection.findings import Finding, Rule
    from podstead.inspection.report import Report

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {
    Severity.INFO: ("note", "0.0"),
    Severity.LOW: ("note", "3.0"),
    Severity.MEDIUM: ("warning", "5.5"),
    Severity.HIGH: ("error", "8.0"),
    Severity.CRITICAL: ("error", "9.5"),
}
_RULES = (*rules.RULES, *cis.RULES)
_INDEX = {rule.id: index for index, rule in enumerate(_RULES)}


def sarif(report: Report) -> Json:
    """Return the report as one run of one tool."""
    driver: Json = {
        "name": "podstead inspect",
        "version": __version__,
        "rules": [_rule(rule) for rule in _RULES],
    }
    run: Json = {
        "tool": {"driver": driver},
        "automationDetails": {"id": f"podstead-inspect/{printable(report.node)}/"},
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding) for finding in report.findings],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(rule: Rule) -> Json:
    level, number = _LEVELS[rule.severity]
    told = f"{rule.why} ({rule.reference})" if rule.reference else rule.why
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why},
        "help": {"text": told},
        "defaultConfiguration": {"level": level},
        "properties": {"security-severity": number, "tags": ["security", "kubernetes", "static-pod"]},
    }


def _result(finding: Finding) -> Json:
    level, number = _LEVELS[finding.severity]
    text = f"{finding.what}. Mend: {finding.mend}" if finding.mend else finding.what
    return {
        "ruleId": finding.rule.id,
        "ruleIndex": _INDEX[finding.rule.id],
        "level": level,
        "message": {"text": printable(text)},
        "locations": [_location(finding)],
        "partialFingerprints": {"podsteadFinding/v1": fingerprint(finding)},
        "properties": {"security-severity": number, "severity": finding.severity.value},
    }


def fingerprint(finding: Finding) -> str:
    """Return what stays the same of a finding from one inspection to the next: its rule and its place."""
    said = f"{finding.rule.id}\0{finding.where}".encode("utf-8", "surrogateescape")
    return hashlib.sha256(said).hexdigest()


def _location(finding: Finding) -> Json:
    if not finding.where.startswith("/"):
        return {"logicalLocations": [{"fullyQualifiedName": printable(finding.where), "kind": "resource"}]}
    uri = f"file://{quote(finding.where.encode('utf-8', 'surrogateescape'))}"
    physical: dict[str, Json] = {"artifactLocation": {"uri": uri}}
    if finding.line:
        physical["region"] = {"startLine": finding.line, "startColumn": max(finding.column, 1)}
    return {"physicalLocation": physical}
