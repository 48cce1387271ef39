"""A list of Pods taken apart: `kind: PodList`, or `kind: List`, becomes one document for each of its items.

An item's bytes are written anew, as one flow mapping: read alone they give the same tree, whatever stood around them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from podstead.manifest.documents import Document
from podstead.manifest.scalars import ScalarKind, kind_of
from podstead.manifest.tree import Mapping, Scalar, Sequence

if TYPE_CHECKING:
    from podstead.manifest.tree import Node

LIST_KINDS = ("PodList", "List")


def list_of(root: Node) -> Sequence | None:
    """Return the items of a list of the core API, None where the document is none, or one without `items`."""
    if not isinstance(root, Mapping):
        return None
    fields = {key.text: value for key, value in root.entries}
    kind, version, items = fields.get("kind"), fields.get("apiVersion"), fields.get("items")
    if not isinstance(kind, Scalar) or kind.text not in LIST_KINDS:
        return None
    if not isinstance(version, Scalar) or version.text != "v1":
        return None
    return items if isinstance(items, Sequence) else None


def unfolded(found: tuple[Document, ...]) -> tuple[Document, ...]:
    """Return the items of a file's only document as documents, numbered from 1, where it is a list; else the same."""
    items = list_of(found[0].root) if len(found) == 1 else None
    if items is None:
        return found
    typed = _kind_of(found[0].root) == "PodList"
    return tuple(_document(number, item, typed=typed) for number, item in enumerate(items.items, start=1))


def _document(number: int, item: Node, *, typed: bool) -> Document:
    if typed and isinstance(item, Mapping):
        item = _with_type(item)
    return Document(number=number, data=as_text(item).encode(), root=item)


def _with_type(item: Mapping) -> Mapping:
    """Return an item with the type that its list says for all: an API server leaves it out of a PodList's items."""
    given = {key.text for key, _ in item.entries}
    line, column = item.line, item.column
    said = tuple(
        (_string(name, line, column), _string(value, line, column))
        for name, value in (("apiVersion", "v1"), ("kind", "Pod"))
        if name not in given
    )
    return Mapping(line, column, (*said, *item.entries), item.size + 2 * len(said), item.height)


def _string(text: str, line: int, column: int) -> Scalar:
    return Scalar(line, column, text, ScalarKind.STRING, quoted=True)


def _kind_of(root: Node) -> str:
    entries = root.entries if isinstance(root, Mapping) else ()
    return next((value.text for key, value in entries if key.text == "kind" and isinstance(value, Scalar)), "")


def as_text(node: Node) -> str:
    """Return a tree as flow YAML on one line; its height is bounded by the armour that it came through."""
    if isinstance(node, Mapping):
        return "{" + ", ".join(f"{_scalar(key)}: {as_text(value)}" for key, value in node.entries) + "}"
    if isinstance(node, Sequence):
        return "[" + ", ".join(as_text(item) for item in node.items) + "]"
    return _scalar(node)


def _scalar(scalar: Scalar) -> str:
    if scalar.kind is ScalarKind.NULL:
        return "null"
    plain = not scalar.quoted and scalar.kind is not ScalarKind.STRING and kind_of(scalar.text) is scalar.kind
    return scalar.text if plain else json.dumps(scalar.text)
