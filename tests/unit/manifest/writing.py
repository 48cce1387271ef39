"""Manifests for tests: a Pod with one container, more fields by need, and what is read of it."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from podstead.manifest.read import read_manifest

if TYPE_CHECKING:
    from podstead.manifest.reading import Reading

NODE = "node1"


def manifest(*, container: str = "", spec: str = "", metadata: str = "", name: str = "web") -> str:
    """Return a valid Pod with lines added to its container, its spec or its metadata."""
    return (
        f"apiVersion: v1\nkind: Pod\nmetadata:\n  name: {name}\n"
        + textwrap.indent(textwrap.dedent(metadata), "  ")
        + "spec:\n  containers:\n  - name: main\n    image: registry.example/app:1\n"
        + textwrap.indent(textwrap.dedent(container), "    ")
        + textwrap.indent(textwrap.dedent(spec), "  ")
    )


def read(text: str | bytes, *, strict: bool = False) -> Reading:
    """Read a manifest on the node of these tests."""
    return read_manifest(text if isinstance(text, bytes) else text.encode(), node_name=NODE, strict=strict)


def told(reading: Reading) -> list[str]:
    """Return the messages as one line each, the way a user sees them."""
    return [f"{m.line}:{m.column} {m.field} {m.severity}: {m.message}" for m in reading.messages]
