"""`podstead get`: objects as tables, JSON, YAML or names, and their changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from podstead.cli.answers import decode
from podstead.cli.client import TABLE, AgentClient, ApiRefusedError
from podstead.cli.command import NAMESPACE, Command
from podstead.cli.documents import json_line, read_json
from podstead.cli.namespaces import DEFAULT_NAMESPACE, explain_missing, pods_elsewhere
from podstead.cli.options import Option, Takes, UsageError
from podstead.cli.output import Format, format_of, output_option, say, say_document, tell
from podstead.cli.resources import FILES, PODS, RESOURCES, Resource, split_target
from podstead.cli.tables import Table, TablePrinter, decode_table
from podstead.errors import PodsteadError
from podstead.k8s.text import printable

if TYPE_CHECKING:
    from podstead.cli.documents import Json
    from podstead.cli.endpoint import Endpoint
    from podstead.cli.options import Given

FORMATS = (Format.WIDE, Format.JSON, Format.YAML, Format.NAME)
OWN_HEAD = ("apiVersion", "kind", "metadata")
"""What the API wraps around our own reports; a reader of `get files -o json` has no use for it."""


class _Status(msgspec.Struct):
    message: str = ""


class _Event(msgspec.Struct):
    type: str
    object: msgspec.Raw


class _Head(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    name: str = ""


class _Object(msgspec.Struct):
    metadata: _Head = msgspec.field(default_factory=_Head)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """What is to be shown and how. An empty `namespace` means all of them."""

    resource: Resource
    names: tuple[str, ...]
    namespace: str
    namespace_given: bool
    form: Format
    query: tuple[tuple[str, str], ...]
    printer: TablePrinter

    @property
    def accept(self) -> str:
        return TABLE if self.form in {Format.TABLE, Format.WIDE} else "application/json"


def run(given: Given, endpoint: Endpoint) -> int:
    """Run the command."""
    if not given.words:
        raise UsageError("say what to get: " + ", ".join(resource.name for resource in RESOURCES))
    wanted = _wanted(given)
    client = AgentClient(endpoint.socket)
    watch = given.has("watch")
    if watch and (wanted.resource.own or len(wanted.names) > 1):
        raise UsageError(
            f"{wanted.resource.name} can be watched only all together, or one by its name"
            if not wanted.resource.own
            else f"{wanted.resource.name} cannot be watched: repeat the command, or watch events"
        )
    version = _show(client, wanted, quiet=watch)
    return _watch(client, wanted, version) if watch else 0


def _wanted(given: Given) -> _Wanted:
    resource, names = split_target(given.words)
    if given.has("all-namespaces") and names and resource.namespaced:
        raise UsageError("a name and --all-namespaces exclude one another: add -n NAMESPACE instead")
    everywhere = given.has("all-namespaces") or not resource.namespaced
    namespace = "" if everywhere else given.value("namespace") or DEFAULT_NAMESPACE
    form = format_of(given, *FORMATS)
    query = [("labelSelector", given.value("selector"))] if given.value("selector") else []
    query += [("fieldSelector", given.value("field-selector"))] if given.value("field-selector") else []
    if query and names:
        raise UsageError("a name and a selector exclude one another: give one of them")
    printer = TablePrinter(
        namespaces=resource.namespaced and given.has("all-namespaces"),
        wide=form is Format.WIDE,
        headers=not given.has("no-headers"),
        labels=given.has("show-labels"),
        prefix=resource.singular if given.words[0].lower() == "all" else "",
    )
    return _Wanted(
        resource=resource,
        names=names,
        namespace=namespace,
        namespace_given="namespace" in given.values,
        form=form,
        query=tuple(query),
        printer=printer,
    )


def _show(client: AgentClient, wanted: _Wanted, *, quiet: bool) -> str:
    """Print what is there and return its version; `quiet`: nothing is no news, a watch follows."""
    path = wanted.resource.path(wanted.namespace)
    if wanted.names:
        bodies = [_one(client, wanted, name) for name in wanted.names]
    else:
        bodies = [client.get(path, wanted.query, wanted.accept)]
    if wanted.form in {Format.TABLE, Format.WIDE}:
        tables = [decode_table(body) for body in bodies]
        merged = msgspec.structs.replace(tables[0], rows=tuple(row for table in tables for row in table.rows))
        say(wanted.printer.lines(merged))
        if not merged.rows and not quiet:
            _nothing(client, wanted)
        return merged.metadata.resource_version
    documents = [_document(wanted.resource, body) for body in bodies]
    if wanted.form is Format.NAME:
        say(f"{wanted.resource.singular}/{printable(name)}" for body in bodies for name in _names(body, wanted))
    else:
        whole: Json = documents[0]
        if len(documents) > 1:
            whole = {"apiVersion": "v1", "kind": "List", "metadata": {}, "items": documents}
        say_document(whole, wanted.form)
    return decode(bodies[0], _Object).metadata.resource_version


def _one(client: AgentClient, wanted: _Wanted, name: str) -> bytes:
    try:
        return client.get(wanted.resource.path(wanted.namespace, name), wanted.query, wanted.accept)
    except ApiRefusedError as error:
        if error.code == 404 and wanted.resource is PODS and not wanted.namespace_given:
            raise explain_missing(client, name, error) from error
        raise


class _List(msgspec.Struct):
    items: list[_Object] | None = None


def _names(body: bytes, wanted: _Wanted) -> list[str]:
    if wanted.names:
        return [decode(body, _Object).metadata.name]
    return [item.metadata.name for item in decode(body, _List).items or ()]


def _document(resource: Resource, body: bytes) -> Json:
    """Return an answer as it is shown: of files, a plain list of reports."""
    value = read_json(body)
    if resource is not FILES or not isinstance(value, dict):
        return value
    items = value.get("items")
    return [_bare(item) for item in items] if isinstance(items, list) else _bare(value)


def _bare(report: Json) -> Json:
    if not isinstance(report, dict):
        return report
    return {key: value for key, value in report.items() if key not in OWN_HEAD}


def _nothing(client: AgentClient, wanted: _Wanted) -> None:
    if not wanted.namespace:
        tell("No resources found")
        return
    hint = ""
    if wanted.resource is PODS and not wanted.namespace_given and (count := len(pods_elsewhere(client))):
        hint = f" {count} {'pod' if count == 1 else 'pods'} in other namespaces: add -A"
    tell(f"No resources found in {printable(wanted.namespace)} namespace.{hint}")


def _watch(client: AgentClient, wanted: _Wanted, version: str) -> int:
    """Print changes until the agent ends the stream."""
    query = [*wanted.query, ("watch", "true"), ("resourceVersion", version)]
    if wanted.names:
        query.append(("fieldSelector", f"metadata.name={wanted.names[0]}"))
    with client.stream(wanted.resource.path(wanted.namespace), query, wanted.accept) as lines:
        for line in lines:
            event = decode(line, _Event)
            if event.type == "ERROR":
                raise PodsteadError(printable(decode(event.object, _Status).message))
            if event.type != "BOOKMARK":
                _say_change(wanted, event.object)
    return 0


def _say_change(wanted: _Wanted, raw: msgspec.Raw) -> None:
    match wanted.form:
        case Format.TABLE | Format.WIDE:
            say(wanted.printer.lines(decode(raw, Table)))
        case Format.NAME:
            name = decode(raw, _Object).metadata.name
            say(f"{wanted.resource.singular}/{printable(name)}")
        case Format.YAML:
            say("---")
            say_document(read_json(bytes(raw)), wanted.form)
        case Format.JSON:
            say(json_line(read_json(bytes(raw))))


COMMAND = Command(
    usage="get RESOURCE [NAME…]",
    summary=(
        "Show pods (po), nodes (no), events (ev), namespaces (ns), configmaps (cm), secrets, or files, the verdicts on"
        " the manifest directory."
    ),
    run=run,
    words=(tuple(resource.name for resource in RESOURCES), Takes.NAME),
    many=True,
    options=(
        NAMESPACE,
        Option(name="all-namespaces", short="A", help="all namespaces"),
        Option(name="selector", short="l", value="LABELS", help="only what has these labels: app=db,tier!=cache"),
        Option(name="field-selector", value="FIELDS", help="only what has these fields: status.phase=Running"),
        output_option(*FORMATS),
        Option(name="watch", short="w", help="go on and print changes"),
        Option(name="no-headers", help="leave the headers out"),
        Option(name="show-labels", help="add a column of labels"),
    ),
    notes="A pod is found by its manifest's name (mysql) as well as by its full name (mysql-NODE).",
)
