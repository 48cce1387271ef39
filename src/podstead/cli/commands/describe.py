"""`podstead describe`: everything about a pod, a file or the node, its events last."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from podstead.cli.answers import decode
from podstead.cli.client import TABLE, AgentClient, ApiRefusedError
from podstead.cli.command import NAMESPACE, Command
from podstead.cli.describe_file import describe_file
from podstead.cli.describe_node import describe_node
from podstead.cli.describe_pod import describe_pod
from podstead.cli.namespaces import DEFAULT_NAMESPACE, explain_missing
from podstead.cli.options import Option, Takes, UsageError
from podstead.cli.output import say, tell
from podstead.cli.resources import EVENTS, FILES, NODES, PODS, split_target
from podstead.cli.tables import decode_table
from podstead.k8s import core_v1 as v1
from podstead.k8s.text import printable
from podstead.server.port import FileReport

if TYPE_CHECKING:
    from podstead.cli.endpoint import Endpoint
    from podstead.cli.options import Given
    from podstead.cli.outline import Outline


class _Pods(msgspec.Struct):
    items: list[v1.Pod] = []


class _Nodes(msgspec.Struct):
    items: list[v1.Node] = []


class _Files(msgspec.Struct):
    items: list[FileReport] = []


def run(given: Given, endpoint: Endpoint) -> int:
    """Run the command."""
    if not given.words:
        raise UsageError("write: podstead describe pod NAME, describe file NAME, or describe node")
    resource, names = split_target(given.words)
    client = AgentClient(endpoint.socket)
    if resource is PODS:
        outlines = _pods(client, given, names)
    elif resource is NODES:
        outlines = _nodes(client, names)
    elif resource is FILES:
        outlines = _files(client, names)
    else:
        raise UsageError(
            f"{resource.name} cannot be described: take pod, file or node, or 'podstead get {resource.name}'"
        )
    for index, outline in enumerate(outlines):
        say([*([""] if index else []), *outline.lines()])
    return 0


def _pods(client: AgentClient, given: Given, names: tuple[str, ...]) -> list[Outline]:
    namespace = "" if given.has("all-namespaces") else given.value("namespace") or DEFAULT_NAMESPACE
    if names:
        if given.has("all-namespaces"):
            raise UsageError("a name and --all-namespaces exclude one another: add -n NAMESPACE instead")
        pods = [_pod(client, namespace, name, hint="namespace" not in given.values) for name in names]
    else:
        pods = decode(client.get(PODS.path(namespace)), _Pods).items
    if not pods:
        tell(f"No resources found in {printable(namespace)} namespace." if namespace else "No resources found")
    outlines = []
    for pod in pods:
        outline = describe_pod(pod)
        about = [("kind", "Pod"), ("name", pod.metadata.name or ""), ("namespace", pod.metadata.namespace or "")]
        _add_events(client, outline, about)
        outlines.append(outline)
    return outlines


def _pod(client: AgentClient, namespace: str, name: str, *, hint: bool) -> v1.Pod:
    try:
        return decode(client.get(PODS.path(namespace, name)), v1.Pod)
    except ApiRefusedError as error:
        if error.code == 404 and hint:
            raise explain_missing(client, name, error) from error
        raise


def _nodes(client: AgentClient, names: tuple[str, ...]) -> list[Outline]:
    if names:
        nodes = [decode(client.get(NODES.path(name=name)), v1.Node) for name in names]
    else:
        nodes = decode(client.get(NODES.path()), _Nodes).items
    pods = decode(client.get(PODS.path()), _Pods).items
    outlines = []
    for node in nodes:
        outline = describe_node(node, pods)
        _add_events(client, outline, [("kind", "Node"), ("name", (node.metadata and node.metadata.name) or "")])
        outlines.append(outline)
    return outlines


def _files(client: AgentClient, words: tuple[str, ...]) -> list[Outline]:
    """Describe files of the manifest directory, each by its name or its path."""
    names = [word.rpartition("/")[2] for word in words]
    if names:
        reports = [decode(client.get(FILES.path(name=name)), FileReport) for name in names]
    else:
        reports = decode(client.get(FILES.path()), _Files).items
    if not reports:
        tell("No resources found")
    pods = decode(client.get(PODS.path()), _Pods).items if any(report.pods for report in reports) else []
    outlines = []
    for report in reports:
        outline = describe_file(report, pods)
        _add_events(client, outline, [("kind", "File"), ("name", report.path.rpartition("/")[2])])
        outlines.append(outline)
    return outlines


def _add_events(client: AgentClient, outline: Outline, about: list[tuple[str, str]]) -> None:
    """Add the events about an object, the latest last; their ages are the server's, so its clock counts."""
    terms = ",".join(f"involvedObject.{field}={_escaped(value)}" for field, value in about)
    table = decode_table(client.get(EVENTS.path(), [("fieldSelector", terms), ("includeObject", "Object")], TABLE))
    if not table.rows:
        outline.add("Events")
        return
    places = {column.name: index for index, column in enumerate(table.column_definitions)}
    rows = [("Type", "Reason", "Age", "From", "Message")]
    for row in sorted(table.rows, key=lambda row: row.object.last_timestamp if row.object else ""):
        cells = {name: row.cells[index] for name, index in places.items() if index < len(row.cells)}
        count = cells.get("Count", "1")
        age = cells.get("Last Seen", "")
        age += f" (x{count} over {cells.get('First Seen', '')})" if count not in {"", "1"} else ""
        source = cells.get("Source", "")
        rows.append((cells.get("Type", ""), cells.get("Reason", ""), age, source, cells.get("Message", "")))
    outline.table("Events", rows)


def _escaped(value: str) -> str:
    r"""Return a value for a field selector, where `\`, `,` and `=` are written after a backslash."""
    return "".join(f"\\{character}" if character in "\\,=" else character for character in value)


COMMAND = Command(
    usage="describe pod [NAME…] | file [NAME…] | node [NAME]",
    summary="Show everything about pods, files of the manifest directory or the node, events included.",
    run=run,
    words=(("pod", "file", "node"), Takes.NAME),
    many=True,
    options=(NAMESPACE, Option(name="all-namespaces", short="A", help="all namespaces, where no name is given")),
    notes=(
        "Of a file: the verdict and every reason for it, who wrote it, and who signed what its pods run.\n"
        "Values of environment variables, commands and arguments are never shown."
    ),
)
