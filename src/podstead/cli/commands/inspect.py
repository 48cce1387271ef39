"""`podstead inspect`: what is wrong with this node's static pods, whoever runs them; no agent is needed."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from podstead.cli.command import Command
from podstead.cli.inspection.looking import Asked, endpoints, look_around, tree_at
from podstead.cli.options import Option, Takes, UsageError
from podstead.cli.output import Format, say, say_document, tell
from podstead.clock import SystemClock
from podstead.errors import OperatorError
from podstead.inspection import baseline as baselines
from podstead.inspection.findings import Severity
from podstead.inspection.report import approvable, inspect, sources_of
from podstead.inspection.seen import Kind
from podstead.k8s.text import printable
from podstead.policy.pod_security.levels import Level, standard
from podstead.survey.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from podstead.cli.endpoint import Endpoint
    from podstead.cli.options import Given
    from podstead.inspection.findings import Finding
    from podstead.inspection.report import Facts, Report
    from podstead.inspection.seen import SeenFile

BASELINE = "/etc/podstead/inspect-baseline.json"
NEVER = "never"


def run(given: Given, endpoint: Endpoint) -> int:  # noqa: ARG001 - a command's signature; no agent is asked
    """Run the command: 0 when nothing weighs as much as --fail-on says, else 1. Raises OperatorError."""
    if given.words or given.rest:
        raise UsageError("inspect takes no words: say --dir DIR to inspect one directory")
    form, least = _form(given), _least(given)
    root = tree_at(given.value("root", "/"))
    if not root.is_dir():
        raise OperatorError(f"there is no directory {root} to inspect")
    tree = Tree(root)
    facts = _facts(given, tree)
    facts = replace(facts, troubles=(*facts.troubles, *_unanswered(facts, tree)))
    if given.has("approve"):
        return _approve(given, tree, facts)
    report = inspect(facts, tree.real)
    _print(report, form)
    return 1 if least is not None and report.fails(least) else 0


def _facts(given: Given, tree: Tree) -> Facts:
    directory = given.value("dir")
    if directory and given.has("kubelet"):
        raise UsageError("--dir names what to inspect, and --kubelet finds it: take one of them")
    if directory and not directory.startswith("/"):
        directory = str(Path(directory).absolute())
    level = given.value("pod-security")
    try:
        required = standard(level) if level else None
    except ValueError as error:
        raise UsageError(f"--pod-security: {error}") from None
    asked = Asked(
        directory=directory,
        kubelets_only=given.has("kubelet"),
        required=required,
        baseline=_baseline(given, tree),
    )
    now = SystemClock().now().wall
    facts = look_around(tree, asked, now)
    facts = replace(facts, signatures=_signatures(given, facts, now))
    if os.geteuid() != 0:
        tell("WARNING: this is not root: what root alone may read is not inspected")
    if directory or not tree.is_whole:
        return facts
    sockets = endpoints(tree, facts.kubelets)
    if not sockets:
        return facts
    from podstead.cli.inspection.pods import pods_of

    sandboxes, troubles = pods_of(sockets)
    return replace(facts, sandboxes=sandboxes if len(troubles) < len(sockets) else None, troubles=troubles)


def _unanswered(facts: Facts, tree: Tree) -> Iterator[tuple[str, str]]:
    """Yield what did not answer and why, but for the places and their entries, which say it themselves."""
    told = {path for place in facts.places for path in (place.path, *(entry.path for entry in place.entries))}
    yield from (one for one in tree.patience.silent.items() if one[0] not in told)


def _baseline(given: Given, tree: Tree) -> SeenFile | None:
    """Return the baseline's file: one that is named is this machine's, else the inspected root's own."""
    if named := given.value("baseline"):
        return Tree().look(str(Path(named).absolute()))
    return None if given.value("dir") else tree.look(BASELINE)


def _signatures(given: Given, facts: Facts, now: float) -> tuple[Finding, ...]:
    from podstead.cli.inspection import signatures

    named, revoked = given.value("allowed-signers"), given.value("revoked-keys")
    signers = Path(named) if named else signatures.DEFAULT_SIGNERS
    if not named and not signers.exists():
        return ()
    trust = signatures.trust_in(signers, Path(revoked) if revoked else None, now)
    return tuple(signatures.judge_signatures(facts.places, trust, facts.node))


def _approve(given: Given, tree: Tree, facts: Facts) -> int:
    """Write what was seen as the approved state."""
    from podstead.store import files

    file = facts.baseline
    if file is None:
        raise UsageError("--approve of one directory needs a file of its own: add --baseline FILE")
    if file.kind not in {Kind.FILE, Kind.MISSING} or file.target:
        raise OperatorError(f"cannot write the baseline {file.path}: a {file.kind} is in its place")
    path = Path(file.path) if given.value("baseline") else tree.host(file.path)
    approved = baselines.approve(
        approvable(facts),
        (source.place for source in sources_of(facts)),
        node=facts.node,
        at=facts.at,
        by=os.environ.get("SUDO_USER") or tree.user(os.geteuid()),
    )
    files.make_directory(path.parent, 0o755)
    files.write(path, baselines.encode(approved))
    say(printable(f"approved: {len(approved.files)} files, in {path}"))
    return 0


def _print(report: Report, form: str) -> None:
    match form:
        case "json":
            from podstead.cli.inspection.documents import document

            say_document(document(report), Format.JSON)
        case "sarif":
            from podstead.cli.inspection.sarif import sarif

            say_document(sarif(report), Format.JSON)
        case "html":
            from podstead.cli.inspection.page import page

            say(page(report))
        case _:
            from podstead.cli.inspection.table import table_lines

            say(table_lines(report))


FORMS = ("table", "json", "sarif", "html")


def _form(given: Given) -> str:
    word = given.value("output", FORMS[0])
    if word not in FORMS:
        raise UsageError(f"there is no output format {word!r} here: take {', '.join(FORMS)}")
    return word


def _least(given: Given) -> Severity | None:
    word = given.value("fail-on", Severity.HIGH)
    if word == NEVER:
        return None
    try:
        return Severity(word)
    except ValueError:
        raise UsageError(f"--fail-on: {word!r} is no severity: take {', '.join(Severity)} or {NEVER}") from None


COMMAND = Command(
    usage="inspect [--dir DIR | --kubelet] [FLAGS]",
    summary="Report what is wrong with a node's static pods, whoever runs them: a kubelet or Podstead. No agent is needed.",
    run=run,
    options=(
        Option(name="dir", value="DIR", takes=Takes.DIRECTORY, help="inspect this manifest directory alone"),
        Option(name="kubelet", help="inspect what kubelets read, and leave Podstead's own places out"),
        Option(
            name="root",
            value="DIR",
            takes=Takes.DIRECTORY,
            help="inspect what lies below DIR: a disk that is mounted there, an image, another container's root",
        ),
        Option(
            name="output", short="o", value="FORMAT", help=f"{', '.join(FORMS)} (default: {FORMS[0]})", choices=FORMS
        ),
        Option(
            name="fail-on",
            value="SEVERITY",
            help="the least severity for which the exit code is 1 (default: high)",
            choices=(*Severity, NEVER),
        ),
        Option(name="approve", help="take the present state for the approved one, and write that down"),
        Option(
            name="baseline",
            value="FILE",
            takes=Takes.FILE,
            help=f"where the approved state stands (default: {BASELINE})",
        ),
        Option(
            name="pod-security",
            value="LEVEL[:vX.Y]",
            help="find the pods that do not reach this level of the Pod Security Standards",
            choices=tuple(Level),
        ),
        Option(
            name="allowed-signers",
            value="FILE",
            takes=Takes.FILE,
            help="find manifests that none of these signed, alone or by an index (default: /etc/podstead/allowed_signers, where it is there)",
        ),
        Option(name="revoked-keys", value="FILE", takes=Takes.FILE, help="keys whose signatures do not count any more"),
    ),
    notes="Nothing is changed, and nothing that is found is run. Exit code: 0, 1 when something weighs as much as --fail-on, 2 for a wrong command line.",
)
