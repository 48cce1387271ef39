"""Asks the agent for the names that a shell offers: pods, namespaces, containers, revisions, images.

A key was pressed: the answer is quick or there is none, and nothing is ever said about why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from podstead.cli.client import TABLE, AgentClient
from podstead.cli.completions import Choice
from podstead.cli.namespaces import DEFAULT_NAMESPACE
from podstead.cli.options import Takes
from podstead.cli.pods import pod_of
from podstead.cli.resources import IMAGES, NAMESPACES, NODES, PODS, Resource, resource_named
from podstead.cli.tables import Table, decode_table
from podstead.errors import PodsteadError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from podstead.cli.completions import Asked
    from podstead.cli.options import Given

ANSWER_SECONDS = 1.5
"""Longer than this nobody looks at a shell that does not move."""
STATUS = "Status"
STATE = "State"


class _Container(msgspec.Struct):
    name: str
    image: str = ""


class _Spec(msgspec.Struct, rename="camel"):
    containers: tuple[_Container, ...] = ()
    init_containers: tuple[_Container, ...] = ()


class _Pod(msgspec.Struct):
    spec: _Spec


def known_names(asked: Asked, socket: Path) -> tuple[Choice, ...]:
    """Return what the agent knows of what is asked for; nothing where none answers."""
    find = _FINDERS.get(asked.takes)
    if find is None:
        return ()
    try:
        return tuple(find(AgentClient(socket, ANSWER_SECONDS), asked))
    except (PodsteadError, msgspec.DecodeError, OSError):
        return ()


def _pods(client: AgentClient, asked: Asked) -> Iterable[Choice]:
    """Return pods by their manifests' names, or in full where that is what was begun."""
    namespace = _namespace(asked.given)
    taken = {word.rpartition("/")[2] for word in asked.given.words}
    found = _rows(decode_table(client.get(PODS.path(namespace), (), TABLE)))
    suffixes = [f"-{choice.word}" for choice in _rows(decode_table(client.get(NODES.path(), (), TABLE)))]
    suffix = suffixes[0] if suffixes else ""
    short = [Choice(word=choice.word.removesuffix(suffix), help=choice.help) for choice in found]
    offered = short if any(choice.word.startswith(asked.typed) for choice in short) else found
    return [choice for choice in offered if choice.word not in taken]


def _names(client: AgentClient, asked: Asked) -> Iterable[Choice]:
    first = asked.given.words[0] if asked.given.words else ""
    if asked.command == "image":
        return _images(client) if first == "rm" else ()
    resource = resource_named(first)
    if resource is PODS:
        return _pods(client, asked)
    return _of(client, resource, asked.given)


def _of(client: AgentClient, resource: Resource, given: Given) -> Iterable[Choice]:
    path = resource.path(_namespace(given) if resource.namespaced else "")
    return _rows(decode_table(client.get(path, (), TABLE)))


def _images(client: AgentClient) -> Iterable[Choice]:
    """Return every name of every image."""
    rows = _rows(decode_table(client.get(IMAGES.path(), (), TABLE)))
    return [Choice(word=name) for row in rows for name in row.word.split(",")]


def _namespaces(client: AgentClient, asked: Asked) -> Iterable[Choice]:
    return _of(client, NAMESPACES, asked.given)


def _containers(client: AgentClient, asked: Asked) -> Iterable[Choice]:
    if not asked.given.words:
        return ()
    pod = pod_of(client, asked.given, asked.given.words[0])
    spec = msgspec.json.decode(client.get(PODS.path(pod.namespace, pod.name)), type=_Pod).spec
    return [Choice(word=each.name, help=each.image) for each in (*spec.containers, *spec.init_containers)]


def _revisions(client: AgentClient, asked: Asked) -> Iterable[Choice]:
    if not asked.given.words:
        return ()
    table = decode_table(pod_of(client, asked.given, asked.given.words[0]).get("/revisions", (), TABLE))
    return _rows(table, STATE)


def _rows(table: Table, told: str = STATUS) -> list[Choice]:
    """Return the names of the rows, each with what stands in the column `told`."""
    places = {column.name: place for place, column in enumerate(table.column_definitions)}
    names = [place for place, column in enumerate(table.column_definitions) if column.format == "name"]
    return [
        Choice(word=cells[names[0]], help=cells[places[told]] if told in places else "")
        for cells in (row.cells for row in table.rows)
        if names and len(cells) == len(places)
    ]


def _namespace(given: Given) -> str:
    return given.value("namespace") or DEFAULT_NAMESPACE


_FINDERS: dict[Takes, Callable[[AgentClient, Asked], Iterable[Choice]]] = {
    Takes.POD: _pods,
    Takes.NAMESPACE: _namespaces,
    Takes.CONTAINER: _containers,
    Takes.REVISION: _revisions,
    Takes.NAME: _names,
}
