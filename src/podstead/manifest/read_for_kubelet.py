"""A manifest read for a kubelet that is to run it: what it would run, or every reason why that must not be left to it.

Stricter than the kubelet wherever a person could take the file for something else, and where the kubelet could know more
than we do: what cannot be judged must not run.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from podstead.identity import PodKey, RevisionID
from podstead.manifest.findings import Code
from podstead.manifest.kubelet_view import view
from podstead.manifest.reading import ManifestPod, Message, Reading, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from podstead.manifest.kubelet_view import KubeletView

READS_DIFFERENTLY = "ReadsDifferently"
NOT_FOR_KUBELET = "KubeletWouldReject"
MAX_BYTES = 2**20
_REVISION_DIGITS = 16


def read_for_kubelet(data: bytes, node_name: str) -> Reading:
    """Return the one pod that a kubelet on the node of that name would run. Never raises, whatever the bytes."""
    seen = view(data, node_name, max_bytes=MAX_BYTES)
    if seen.rejection or seen.undecided or seen.pod is None:
        return Reading(messages=tuple(_rejection(seen)), reason=NOT_FOR_KUBELET)
    if messages := tuple(_differences(seen)):
        return Reading(messages=messages, reason=READS_DIFFERENTLY)
    key = PodKey(seen.pod.metadata.namespace or "", seen.pod.metadata.name or "")
    revision = RevisionID(hashlib.sha256(data).hexdigest()[:_REVISION_DIGITS])
    return Reading(pods=(ManifestPod(key=key, revision=revision, pod=seen.pod, data=data, document=1),))


def _rejection(seen: KubeletView) -> Iterator[Message]:
    if seen.faults:
        yield from (fault.message(strict=True) for fault in seen.faults)
    elif seen.undecided:
        yield _error("it is nested too deeply, or has too many aliases or bytes, to be judged here", seen.place)
    else:
        yield _error(f"a kubelet would refuse the file: {seen.rejection or 'it has no name'}", seen.place)


def _differences(seen: KubeletView) -> Iterator[Message]:
    """Yield where a reader of the file and the kubelet part, or where the kubelet may know what we do not."""
    for sentence, place in seen.ambiguous:
        yield _error(f"{sentence}: leave one document, and each key once", place)
    for finding in seen.of(Code.UNKNOWN_FIELD):
        text = "nobody knows what a kubelet of another version makes of this field: correct or remove it"
        yield _error(text, (finding.line, finding.column), finding.field)
    if seen.is_mirror:
        yield _error("its annotation makes a kubelet take the pod for the API's copy, and never run it", (0, 0))


def _error(text: str, place: tuple[int, int], field: str = "") -> Message:
    line, column = place
    return Message(line=line, column=column, field=field, severity=Severity.ERROR, message=text)
