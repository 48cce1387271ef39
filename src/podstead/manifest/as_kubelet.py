"""What a kubelet 1.36 would do with a manifest file, in sentences (spec/kubelet-static-pods.md 1.2, 2 and 9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.k8s import labels
from podstead.manifest.findings import Code
from podstead.manifest.kubelet_view import MAX_BYTES, KubeletView, listed, view

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MAX_BYTES", "explain"]

_REJECTS = "It would reject the file: {why}."
_REJECTED = (
    "Rejected means a line in its log at each listing, no event and no status. In a directory, the pod that ran from "
    "this file is killed at the next listing, within 20 s."
)
_ANY_NAME = (
    "It reads every file of its directory whose name does not begin with '.', whatever the extension: a copy named "
    "x.yaml.bak is read as well, and may replace the pod."
)


def explain(data: bytes, node_name: str) -> tuple[str, ...]:
    """Return sentences on what the kubelet would do with a file of this content; they never hold its values."""
    return (*_sentences(view(data, node_name)), _ANY_NAME)


def _sentences(seen: KubeletView) -> Iterator[str]:
    if seen.undecided:
        yield "It has other limits on nesting and aliases, so it may try to read this file; that is not examined here."
        return
    if seen.further:
        yield f"It would read the first document only; {_count(seen.further, 'document')} after it would be ignored in silence."
    if not seen.rejection or seen.faults:
        dropped, doubled = seen.of(Code.UNKNOWN_FIELD), seen.of(Code.DUPLICATE_KEY)
        if dropped:
            yield f"It would drop {_count(len(dropped), 'unknown field')} in silence: {listed(dropped)}."
        if doubled:
            yield f"It would take the last of equal keys in silence: {listed(doubled)}."
    if seen.rejection:
        yield _REJECTS.format(why=seen.rejection)
        yield _REJECTED
        return
    if seen.is_mirror:
        yield f"It would take the pod for a copy of an API object, for its annotation {labels.CONFIG_MIRROR}, and never run it."
        return
    if seen.pod is not None:
        yield f"It would run the pod {seen.pod.metadata.namespace}/{seen.pod.metadata.name}."
        yield from _differences(seen)


def _differences(seen: KubeletView) -> Iterator[str]:
    """Yield what it would make of a pod that both accept, or that only the kubelet does."""
    unsupported = seen.of(Code.UNSUPPORTED)
    if unsupported:
        yield f"It knows fields that Podstead refuses in this version: {listed(unsupported)}."
    ignored = {finding.field for finding in seen.of(Code.IGNORED)}
    if "metadata.uid" in ignored:
        yield "It would keep metadata.uid; an edit that keeps it is then applied by halves."
    if "metadata.deletionTimestamp" in ignored:
        yield "It would terminate the pod at once, for its metadata.deletionTimestamp."
    spec = seen.pod.spec if seen.pod is not None else None
    if spec is not None and spec.priority_class_name and spec.priority is None:
        yield "It would not look up the priority class: every static pod is critical to it, and none has a priority from its class."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
