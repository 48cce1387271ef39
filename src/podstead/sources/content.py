"""What a directory's files are read as; the same in the agent and in the child that reads large ones."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from podstead.manifest.reading import Reading


class Content(StrEnum):
    """The value is what the child is told."""

    PODS = "pods"
    """Manifests on a node without local objects: a reference to one is refused."""
    PODS_AND_REFERENCES = "pods-and-references"
    """Manifests whose pods may refer to local ConfigMaps and Secrets."""
    OBJECTS = "objects"
    """ConfigMaps and Secrets."""


def read_content(data: bytes, content: Content, *, node_name: str, strict: bool) -> Reading:
    """Return what a file's bytes say. Never raises, whatever the bytes."""
    if content is Content.OBJECTS:
        from podstead.manifest.read_objects import read_objects  # noqa: PLC0415 - only where there are objects

        return read_objects(data, strict=strict)
    from podstead.manifest.read import read_manifest  # noqa: PLC0415 - in the child under its limits

    return read_manifest(data, node_name=node_name, strict=strict, local_objects=content is Content.PODS_AND_REFERENCES)
