"""What a kubelet 1.36 would do with a manifest file, in sentences (spec/kubelet-static-pods.md 1.2, 2 and 9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.k8s import labels
from podstead.manifest.armour import Limits, RefusedError
from podstead.manifest.documents import documents
from podstead.manifest.findings import Code, Finding
from podstead.manifest.read import Judged, read_tree

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BYTES = 10 * 2**20
"""The kubelet's maxConfigLength: a file that reaches it is an error."""

_REJECTS = "It would reject the file: {why}."
_REJECTED = (
    "Rejected means a line in its log at each listing, no event and no status. In a directory, the pod that ran from "
    "this file is killed at the next listing, within 20 s."
)
_ANY_NAME = (
    "It reads every file of its directory whose name does not begin with '.', whatever the extension: a copy named "
    "x.yaml.bak is read as well, and may replace the pod."
)
_REJECTING = {Code.WRONG_TYPE, Code.REQUIRED, Code.INVALID, Code.TEXT_TAKEN}
_MIRROR = f"metadata.annotations[{labels.CONFIG_MIRROR}]"


def explain(data: bytes, node_name: str) -> tuple[str, ...]:
    """Return sentences on what the kubelet would do with a file of this content; they never hold its values."""
    return (*_sentences(data, node_name), _ANY_NAME)


def _sentences(data: bytes, node_name: str) -> Iterator[str]:
    if len(data) >= MAX_BYTES:
        yield _REJECTS.format(why="it has 10 MiB or more")
        yield _REJECTED
        return
    try:
        found = documents(data, Limits(max_bytes=MAX_BYTES))
    except RefusedError as refused:
        if refused.reason in {"TooDeep", "TooComplex"}:
            yield "It has other limits on nesting and aliases, so it may try to read this file; that is not examined here."
            return
        yield _REJECTS.format(why="it is not YAML or JSON")
        yield _REJECTED
        return
    if not found or found[0].number > 1:
        yield _REJECTS.format(why="its first document is empty, and no other is read")
        yield _REJECTED
        return
    if len(found) > 1:
        yield f"It would read the first document only; {_count(len(found) - 1, 'document')} after it would be ignored in silence."
    yield from _of_pod(read_tree(found[0].root, node_name))


def _of_pod(read: Judged) -> Iterator[str]:
    """Yield what becomes of the first document."""
    for finding in read.findings:
        if finding.code is Code.NOT_A_POD:
            yield _REJECTS.format(why="it is not a Pod, and only Pods are read from files")
            yield _REJECTED
            return
    dropped = [finding for finding in read.findings if finding.code is Code.UNKNOWN_FIELD]
    if dropped:
        yield f"It would drop {_count(len(dropped), 'unknown field')} in silence: {_listed(dropped)}."
    doubled = [finding for finding in read.findings if finding.code is Code.DUPLICATE_KEY]
    if doubled:
        yield f"It would take the last of equal keys in silence: {_listed(doubled)}."
    mirror = any(finding.field == _MIRROR for finding in read.findings)
    faults = [f for f in read.findings if f.code in _REJECTING and f.field != _MIRROR]
    if faults:
        yield _REJECTS.format(why=f"{_count(len(faults), 'field')} it would not accept, {_listed(faults)}")
        yield _REJECTED
        return
    if mirror:
        yield f"It would take the pod for a copy of an API object, for its annotation {labels.CONFIG_MIRROR}, and never run it."
        return
    if read.pod is not None:
        yield f"It would run the pod {read.pod.metadata.namespace}/{read.pod.metadata.name}."
        yield from _differences(read)


def _differences(read: Judged) -> Iterator[str]:
    """Yield what it would make of a pod that both accept, or that only the kubelet does."""
    unsupported = [finding for finding in read.findings if finding.code is Code.UNSUPPORTED]
    if unsupported:
        yield f"It knows fields that Podstead refuses in this version: {_listed(unsupported)}."
    ignored = {finding.field for finding in read.findings if finding.code is Code.IGNORED}
    if "metadata.uid" in ignored:
        yield "It would keep metadata.uid; an edit that keeps it is then applied by halves."
    if "metadata.deletionTimestamp" in ignored:
        yield "It would terminate the pod at once, for its metadata.deletionTimestamp."
    spec = read.pod.spec if read.pod is not None else None
    if spec is not None and spec.priority_class_name and spec.priority is None:
        yield "It would not look up the priority class: every static pod is critical to it, and none has a priority from its class."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _listed(findings: list[Finding]) -> str:
    """Return fields with their lines; of many, the first five."""
    places = [f"{finding.field or 'the document'} (line {finding.line})" for finding in findings]
    return ", ".join(places[:5]) + (", …" if len(places) > 5 else "")
