"""`podstead diff`: what differs between two contents of a pod, and what going from one to the other restarts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from podstead.cli.answers import decode
from podstead.cli.client import AgentClient, segment
from podstead.cli.command import NAMESPACE, Command
from podstead.cli.manifests import FILE, node_of, read_pods
from podstead.cli.options import Option, Takes, UsageError
from podstead.cli.output import say
from podstead.cli.pods import Pod, pod_of
from podstead.cli.tables import aligned
from podstead.errors import OperatorError
from podstead.manifest.compare import compare
from podstead.manifest.read import read_document
from podstead.manifest.shown_changes import shown_changes
from podstead.server.operations import RevisionReport  # noqa: TC001 - msgspec resolves the annotation at run time

if TYPE_CHECKING:
    from podstead.cli.endpoint import Endpoint
    from podstead.cli.options import Given
    from podstead.k8s import core_v1 as v1


class _Revisions(msgspec.Struct):
    items: tuple[RevisionReport, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """One of the two contents: how it is called, and what it says."""

    name: str
    pod: v1.Pod


def run(given: Given, endpoint: Endpoint) -> int:
    """Run the command."""
    client = AgentClient(endpoint.socket)
    node = node_of(client)
    if path := given.value("filename"):
        if given.words or given.value("revision"):
            raise UsageError("a file names its pods itself: podstead diff -f FILE")
        for found in read_pods(path, node):
            known = Pod(client=client, namespace=found.key.namespace, name=found.key.name)
            effective = known.report().effective
            _show(_stored(known, effective, node), _Side(name=path, pod=found.pod))
        return 0
    if len(given.words) != 1:
        raise UsageError("write: podstead diff POD [--revision A [--revision B]], or podstead diff -f FILE")
    pod = pod_of(client, given, given.words[0])
    old, new = _sides(pod, [word for word in given.value("revision").split(",") if word])
    _show(_stored(pod, old, node), _stored(pod, new, node))
    return 0


def _sides(pod: Pod, named: list[str]) -> tuple[str, str]:
    """Return the two revisions that are meant: what runs, and what waits or is passed over, or the one before."""
    if len(named) > 2:
        raise UsageError("two revisions can be compared, not more")
    report = pod.report()
    if len(named) == 2:
        return named[0], named[1]
    if named:
        return named[0], report.effective
    if other := report.candidate or report.passed_over:
        return report.effective, other
    known = decode(pod.get("/revisions"), _Revisions).items
    ran = [revision.id for revision in known if revision.effective_since and revision.id != report.effective]
    if not ran:
        raise OperatorError(f"{pod} has had one revision only: there is nothing to compare it with")
    return ran[0], report.effective


def _stored(pod: Pod, revision: str, node: str) -> _Side:
    data = pod.get(f"/revisions/{segment(revision)}")
    return _Side(name=f"revision {revision}", pod=read_document(data, node))


def _show(old: _Side, new: _Side) -> None:
    say(f"pod {new.pod.metadata.namespace}/{new.pod.metadata.name}: {old.name} → {new.name}")
    changes = shown_changes(old.pod, new.pod)
    rows = [
        (f"  {change.path}", f"{change.before} → {change.after}" if change.before else "", change.restarts)
        for change in changes
    ]
    say(line.rstrip() for line in aligned(rows, []))
    say(f"restarts {compare(old.pod, new.pod).summary}" if changes else "nothing differs")


COMMAND = Command(
    usage="diff POD [--revision A [--revision B]] | -f FILE",
    summary="Show what differs between two contents of a pod, field by field, and what that would restart.",
    run=run,
    words=(Takes.POD,),
    options=(
        Option(
            name="revision",
            value="ID",
            repeated=True,
            help="a revision of 'podstead history', or its beginning",
            takes=Takes.REVISION,
        ),
        FILE,
        NAMESPACE,
    ),
    notes=(
        "Without revisions: what runs and what waits to run, or else the one before and what runs; with one: that and what\n"
        "runs. With -f: what runs and what the file says. Values of env, commands, arguments and headers are not shown.\n\n"
        "Examples:\n"
        "  podstead diff web\n"
        "  podstead diff web --revision 1f3c --revision 77ab\n"
        "  podstead diff -f web.yaml"
    ),
)
