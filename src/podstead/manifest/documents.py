"""A file's documents: which bytes belong to which, and what stands in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.manifest import armour, tree
from podstead.manifest.scalars import ScalarKind

if TYPE_CHECKING:
    from podstead.manifest.tree import Node

_SURROGATES = re.compile(r"(\\\\)|\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")
_LINE_BREAKS = {0x85: "\\u0085", 0x2028: "\\u2028", 0x2029: "\\u2029"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One document that is not empty. `number` counts from 1 among all documents of the file, empty ones too.

    `data` are its bytes: read alone they give the same tree, but for the line numbers.
    """

    number: int
    data: bytes
    root: Node


def documents(data: bytes, limits: armour.Limits) -> tuple[Document, ...]:
    """Return the file's documents, YAML or JSON, leaving out those that hold nothing but comments.

    The only document of a file has the whole file as its bytes. Of several, each reaches from its own beginning
    (its `---`, or its directives) to that of the next one. Raises armour.RefusedError.
    """
    text = armour.text_of(data, limits)
    is_json = text.lstrip().startswith("{")
    roots = tree.compose(armour.events(_json_as_yaml(text) if is_json else text, limits), limits)
    kept = [(number, root) for number, root in enumerate(roots, start=1) if not _is_empty(root.node)]
    if len(kept) <= 1:
        return tuple(Document(number=number, data=data, root=root.node) for number, root in kept)
    if is_json and _json_as_yaml(text) != text:
        # The places of the later documents are those of the rewritten text; JSON has one object a file anyway.
        raise armour.RefusedError("InvalidYAML", "a JSON file holds one object; use YAML for several documents")
    ends = [root.start for root in roots[1:]] + [len(text)]
    return tuple(
        Document(number=number, data=text[root.start if number > 1 else 0 : ends[number - 1]].encode(), root=root.node)
        for number, root in kept
    )


def _is_empty(node: Node) -> bool:
    return isinstance(node, tree.Scalar) and node.kind is ScalarKind.NULL


def _json_as_yaml(text: str) -> str:
    """Return JSON text with the things rewritten that YAML 1.1 reads otherwise.

    A tab before the first brace is an error in YAML; a character beyond U+FFFF, two escapes in JSON, is one in YAML;
    and three characters that JSON has in its strings are line breaks in YAML.
    """

    def joined(match: re.Match[str]) -> str:
        if match[1]:
            return match[1]
        code = 0x10000 + ((int(match[2], 16) - 0xD800) << 10) + int(match[3], 16) - 0xDC00
        return f"\\U{code:08X}"

    body = text.lstrip()
    lead = text[: len(text) - len(body)].replace("\t", " ")
    return lead + (_SURROGATES.sub(joined, body) if "\\u" in body else body).translate(_LINE_BREAKS)
