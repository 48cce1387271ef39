"""The node tree of a document: what stands in the file, with its lines and columns, before it means anything.

Aliases share the nodes that they name; the tree's size and height with aliases followed are bounded by the limits.
Merge keys (`<<`) are resolved here, as the kubelet's parser does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import yaml

from podstead.manifest import armour
from podstead.manifest.armour import RefusedError
from podstead.manifest.scalars import ScalarKind, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterable

_TAGS = {
    "tag:yaml.org,2002:str": ScalarKind.STRING,
    "tag:yaml.org,2002:int": ScalarKind.INTEGER,
    "tag:yaml.org,2002:bool": ScalarKind.BOOLEAN,
    "tag:yaml.org,2002:float": ScalarKind.FLOAT,
    "tag:yaml.org,2002:null": ScalarKind.NULL,
    "!": ScalarKind.STRING,
}
_SEQUENCE_TAGS = {None, "tag:yaml.org,2002:seq"}
_MAPPING_TAGS = {None, "tag:yaml.org,2002:map"}


@dataclass(frozen=True, slots=True)
class Scalar:
    """A leaf. `quoted` is True when quotes, a block style or a tag, not its look, make it a string."""

    line: int
    column: int
    text: str
    kind: ScalarKind
    quoted: bool
    size: int = 1
    height: int = 1


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list; `size` counts all nodes in it, itself included; `height` is its deepest nesting."""

    line: int
    column: int
    items: tuple[Node, ...]
    size: int
    height: int


@dataclass(frozen=True, slots=True)
class Mapping:
    """A map in the file's order, duplicate keys kept; merged entries come first and never collide."""

    line: int
    column: int
    entries: tuple[tuple[Scalar, Node], ...]
    size: int
    height: int


Node = Scalar | Sequence | Mapping


@dataclass(frozen=True, slots=True)
class Root:
    """One document of the stream; `start` is the index of its first character in the text."""

    start: int
    node: Node


@dataclass(slots=True)
class _Open:
    """A collection whose end has not come yet."""

    event: yaml.CollectionStartEvent
    nodes: list[Node] = field(default_factory=list)
    size: int = 1
    height: int = 1


def compose(events: Iterable[yaml.Event], limits: armour.Limits) -> tuple[Root, ...]:
    """Return every document of the stream, empty ones too. Raises RefusedError."""
    composer = _Composer(limits)
    for event in events:
        composer.take(event)
    return tuple(composer.roots)


class _Composer:
    """Builds nodes from events with a stack of its own: no recursion, so no nesting can exhaust Python's."""

    def __init__(self, limits: armour.Limits) -> None:
        self.roots: list[Root] = []
        self._limits = limits
        self._start = 0
        self._stack: list[_Open] = []
        self._anchors: dict[str, Node | None] = {}
        self._total = 0

    def take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.DocumentStartEvent):
            self._start = event.start_mark.index if event.start_mark is not None else 0
            self._anchors = {}
        elif isinstance(event, yaml.ScalarEvent):
            self._add(_scalar(event), event)
        elif isinstance(event, yaml.AliasEvent):
            self._add(self._aliased(event), event)
        elif isinstance(event, yaml.CollectionStartEvent):
            if event.anchor is not None:
                self._anchors[event.anchor] = None  # known, but not usable inside itself
            self._stack.append(_Open(event))
        elif isinstance(event, yaml.CollectionEndEvent):
            opened = self._stack.pop()
            self._total -= opened.size - 1  # its parts were counted as they came; _add counts the whole
            self._add(_collection(opened), opened.event)

    def _add(self, node: Node, event: yaml.NodeEvent) -> None:
        self._total += node.size
        if self._total > self._limits.max_nodes:
            raise armour.too_complex(self._limits, event)
        if len(self._stack) + node.height - 1 > self._limits.max_depth:
            raise armour.too_deep(self._limits, event)
        if event.anchor is not None and not isinstance(event, yaml.AliasEvent):
            self._anchors[event.anchor] = node
        if not self._stack:
            self.roots.append(Root(self._start, node))
            return
        top = self._stack[-1]
        top.nodes.append(node)
        top.size += node.size
        top.height = max(top.height, node.height + 1)

    def _aliased(self, event: yaml.AliasEvent) -> Node:
        node = self._anchors.get(event.anchor or "")
        if node is not None:
            return node
        if event.anchor in self._anchors:
            raise RefusedError(
                "InvalidYAML", "an alias stands inside the very value that it names", *armour.place_of(event)
            )
        message = "an alias names no anchor above it; a value that begins with '*' needs quotes"
        raise RefusedError("InvalidYAML", message, *armour.place_of(event))


def _scalar(event: yaml.ScalarEvent) -> Scalar:
    line, column = armour.place_of(event)
    if event.tag is not None:
        kind = _TAGS.get(event.tag)
        if kind is None:
            raise _strange_tag(event)
        looks = kind_of(event.value)
        if kind not in {ScalarKind.STRING, looks} and (kind, looks) != (ScalarKind.FLOAT, ScalarKind.INTEGER):
            raise RefusedError("InvalidYAML", f"the tag says {kind}, and the value is {looks}", line, column)
        return Scalar(line, column, event.value, kind, quoted=kind is ScalarKind.STRING)
    plain, _ = event.implicit
    kind = kind_of(event.value) if plain else ScalarKind.STRING
    return Scalar(line, column, event.value, kind, quoted=not plain)


def _collection(opened: _Open) -> Sequence | Mapping:
    line, column = armour.place_of(opened.event)
    if isinstance(opened.event, yaml.SequenceStartEvent):
        if opened.event.tag not in _SEQUENCE_TAGS:
            raise _strange_tag(opened.event)
        return Sequence(line, column, tuple(opened.nodes), opened.size, opened.height)
    if opened.event.tag not in _MAPPING_TAGS:
        raise _strange_tag(opened.event)
    merged: dict[str, tuple[Scalar, Node]] = {}
    own: list[tuple[Scalar, Node]] = []
    for key, value in zip(opened.nodes[::2], opened.nodes[1::2], strict=True):
        if not isinstance(key, Scalar):
            raise RefusedError("InvalidYAML", "a list or map stands where a field's name is due", key.line, key.column)
        if key.text == "<<" and not key.quoted:
            for entry in _merge_entries(value):
                merged.setdefault(entry[0].text, entry)
        else:
            own.append((key, value))
    for key, _ in own:
        merged.pop(key.text, None)
    return Mapping(line, column, (*merged.values(), *own), opened.size, opened.height)


def _merge_entries(value: Node) -> Iterable[tuple[Scalar, Node]]:
    """Return what `<<` brings in: the entries of a map, or of a list of maps of which the first wins."""
    sources = value.items if isinstance(value, Sequence) else (value,)
    for source in sources:
        if not isinstance(source, Mapping):
            raise RefusedError("InvalidYAML", "'<<' takes a map or a list of maps", value.line, value.column)
    # Within one map the last of two equal keys wins, as everywhere.
    return [
        entry
        for source in sources
        if isinstance(source, Mapping)
        for entry in {k.text: (k, v) for k, v in source.entries}.values()
    ]


def _strange_tag(event: yaml.NodeEvent) -> RefusedError:
    return RefusedError(
        "InvalidYAML", "a YAML tag ('!…') has no meaning here; remove it, or quote the value", *armour.place_of(event)
    )
