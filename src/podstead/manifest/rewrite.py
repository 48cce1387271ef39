"""A file of several documents with some of them exchanged or left out; every other byte stays as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from podstead.identity import PodKey
    from podstead.manifest.reading import ManifestPod

SEPARATOR = b"---\n"


class UnplaceableError(OperatorError):
    """A pod's document does not stand in its file by itself, so that it cannot be exchanged alone."""


def rewritten(data: bytes, pods: Sequence[ManifestPod], changes: Mapping[PodKey, bytes | None]) -> bytes:
    """Return a file's bytes with other documents for some of its pods, or without those that are None.

    `pods` are what the file was read as. Whoever writes the result reads it first: whether it says what was meant is not
    looked at here. Raises UnplaceableError.
    """
    pieces: list[bytes] = []
    at = 0
    for pod in sorted(pods, key=lambda pod: pod.document):
        begin = data.find(pod.data, at)
        if begin < 0 or not pod.data:
            raise UnplaceableError(f"pod {pod.key} is an item of a list in its file: edit the file itself")
        pieces.append(data[at:begin])
        at = begin + len(pod.data)
        document = changes.get(pod.key, pod.data)
        if document is not None:
            pieces.append(
                document if document is pod.data else as_document(document, first=not b"".join(pieces).strip())
            )
    return b"".join([*pieces, data[at:]])


def joined(documents: Sequence[bytes]) -> bytes:
    """Return several documents as one file."""
    return b"".join(as_document(document, first=number == 0) for number, document in enumerate(documents))


def as_document(data: bytes, *, first: bool) -> bytes:
    """Return a document so that it can stand after others, and others after it."""
    ended = data if data.endswith(b"\n") else data + b"\n"
    begins = ended.lstrip(b"\xef\xbb\xbf").startswith((b"---", b"%"))
    return ended if first or begins else SEPARATOR + ended
