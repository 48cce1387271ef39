"""The report as one page of HTML that needs nothing else: no other file, no network, and scripts only to copy a command."""

from __future__ import annotations

import base64
import hashlib
import posixpath
from html import escape
from typing import TYPE_CHECKING

from podstead import __version__
from podstead.cli.inspection.page_style import SCRIPT, STYLE
from podstead.cli.inspection.table import moment
from podstead.inspection.findings import Severity
from podstead.k8s.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from podstead.inspection.findings import Finding
    from podstead.inspection.places import Summary
    from podstead.inspection.report import Report

_VERDICTS = {
    Severity.CRITICAL: "Somebody else than root can decide what this node runs. Begin with what is critical.",
    Severity.HIGH: "There are ways from a pod, or from a file that nobody approved, to the whole node.",
    Severity.MEDIUM: "No open door was found. Some things help whoever gets in, or hide what runs.",
    Severity.LOW: "In good order, with small things to mend.",
    Severity.INFO: "In good order.",
}


def page(report: Report) -> str:
    """Return the whole page. Every text that comes from the node is escaped, for HTML and for the eye."""
    title = f"Static pods of {report.node}"
    body = [
        *_head(report, title),
        *_files(report),
        *_groups(report),
        *_items(report),
        (
            "<footer class='soft small'><p>Made by podstead inspect "
            f"{_text(__version__)}: a look at one moment, from this node itself. Paths and names are shown with unseen characters as "
            "escapes. Values of environments are never shown.</p></footer>"
        ),
    ]
    policy = f"default-src 'none'; style-src '{_hash(STYLE)}'; script-src '{_hash(SCRIPT)}'; base-uri 'none'; form-action 'none'"
    return "\n".join(
        (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="referrer" content="no-referrer">',
            f"<title>{_text(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>",
            *body,
            f"<script>{SCRIPT}</script>\n</body>\n</html>",
        )
    )


def _text(text: str) -> str:
    return escape(printable(text), quote=True)


def _hash(content: str) -> str:
    """Return what a content security policy calls the one inline element that it allows."""
    return f"sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}"


def _head(report: Report, title: str) -> Iterator[str]:
    counts = report.counts
    worst = max(counts, key=lambda severity: severity.rank, default=Severity.INFO)
    below = f" &middot; below <code>{_text(report.root)}</code>" if report.root != "/" else ""
    yield f"<header><h1>{_text(title)}</h1><p class='soft'>{moment(report.at)}{below}</p></header>"
    yield f"<p class='verdict'>{_VERDICTS[worst]}</p>"
    yield "<div class='tiles'>"
    for severity in reversed(Severity):
        none = "" if counts[severity] else " none"
        yield f"<div class='tile {severity}{none}'><b>{counts[severity]}</b><span class='small'>{severity}</span></div>"
    yield "</div>"
    applied = [item for item in report.items if item.where]
    passed = sum(item.passed for item in applied)
    yield "<dl>"
    for source in report.sources:
        yield f"<dt>Pods come from</dt><dd><code>{_text(source.place)}</code> <span class='soft'>read by {_text(', '.join(source.origins))}</span></dd>"
    if not report.sources:
        yield "<dt>Pods come from</dt><dd>nowhere that was found</dd>"
    if applied:
        yield f"<dt>CIS Benchmark</dt><dd><a href='#cis'>{passed} of {len(applied)} checks pass</a></dd>"
    yield "</dl>"


def _files(report: Report) -> Iterator[str]:
    """Yield a table for each directory."""
    anchors = _anchors(report)
    directories: dict[str, list[Summary]] = {}
    for file in report.files:
        directories.setdefault(posixpath.dirname(file.path), []).append(file)
    for directory, files in directories.items():
        yield f"<h2>Files in <code>{_text(directory)}</code></h2>"
        names = ("", "file", "becomes", "pod", "level", "mode and owner")
        yield from _table(names, [_file(report, file, anchors) for file in files], fixed={0, 2, 4, 5})


def _file(report: Report, file: Summary, anchors: Mapping[str, str]) -> tuple[str, ...]:
    found = [finding.severity for finding in report.findings if finding.where == file.path]
    mark = _mark(max(found, key=lambda severity: severity.rank)) if found else "<span class='mark good'>good</span>"
    name = f"<code>{_text(posixpath.basename(file.path))}</code>"
    named = f"<a href='#{anchors[file.path]}'>{name}</a>" if file.path in anchors else name
    said = (file.state, file.pod or "-", file.level or "-", f"{file.mode:04o} {file.owner}")
    return (mark, named, *map(_text, said))


def _groups(report: Report) -> Iterator[str]:
    groups: dict[str, list[Finding]] = {}
    for finding in report.findings:
        groups.setdefault(finding.where, []).append(finding)
    anchors = _anchors(report)
    yield "<h2>Findings</h2>"
    if not groups:
        yield "<p class='soft'>Nothing was found.</p>"
    for where, findings in groups.items():
        number = "1 finding" if len(findings) == 1 else f"{len(findings)} findings"
        yield f"<section class='group' id='{anchors[where]}'><header><h3>{_text(where)}</h3><span class='soft small'>{number}</span></header>"
        for finding in findings:
            yield from _finding(finding)
        yield "</section>"


def _finding(finding: Finding) -> Iterator[str]:
    line = f" <span class='soft small'>line {finding.line}</span>" if finding.line else ""
    yield f"<article class='finding'><div>{_mark(finding.severity)}</div><div>"
    yield f"<b>{_text(finding.rule.title)}</b>{line}<p>{_text(_sentence(finding.what))}</p>"
    if finding.command:
        yield f"<div class='mend'><code>{_text(finding.mend)}</code><button type='button'>copy</button></div>"
    elif finding.mend:
        yield f"<p class='edit'>Mend: {_text(finding.mend)}.</p>"
    reference = f" {_text(finding.rule.reference)}." if finding.rule.reference else ""
    yield f"<p class='soft small'>{_text(finding.rule.why)}{reference} <code>{_text(finding.rule.id)}</code></p></div></article>"


def _items(report: Report) -> Iterator[str]:
    applied = [item for item in report.items if item.where]
    if not applied:
        return
    yield "<h2 id='cis'>CIS Kubernetes Benchmark</h2>"
    rows = [
        (
            f"<span class='mark {'good' if item.passed else 'high'}'>{'pass' if item.passed else 'fail'}</span>",
            _text(item.number),
            _text(item.title),
            f"<code>{_text(item.where)}</code>",
        )
        for item in applied
    ]
    yield from _table(("", "item", "what is asked for", "where"), rows, fixed={0, 1})
    left = sorted(
        {item.number for item in report.items if not item.where}, key=lambda n: [int(p) for p in n.split(".")]
    )
    if left:
        yield f"<p class='soft small'>No such file on this node: {_text(', '.join(left))}.</p>"


def _table(names: Sequence[str], rows: Sequence[Sequence[str]], *, fixed: set[int]) -> Iterator[str]:
    yield (
        "<div class='wide'><table><thead><tr>" + "".join(f"<th>{name}</th>" for name in names) + "</tr></thead><tbody>"
    )
    for row in rows:
        cells = (f"<td{' class=fixed' if at in fixed else ''}>{cell}</td>" for at, cell in enumerate(row))
        yield f"<tr>{''.join(cells)}</tr>"
    yield "</tbody></table></div>"


def _mark(severity: Severity) -> str:
    return f"<span class='mark {severity}'>{severity}</span>"


def _anchors(report: Report) -> dict[str, str]:
    """Return the anchor of each place that something was found at."""
    return {where: f"f{number}" for number, where in enumerate(dict.fromkeys(one.where for one in report.findings), 1)}


def _sentence(text: str) -> str:
    """Return half a sentence as a whole one; what begins with a path stays as it is."""
    first = (
        text[:1].upper() + text[1:]
        if text[:1].isascii() and text[:1].islower() and "." not in text.split(" ", maxsplit=1)[0]
        else text
    )
    return first if first.endswith((".", "!", "?")) else f"{first}."
