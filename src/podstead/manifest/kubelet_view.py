"""What a kubelet 1.36 takes out of a manifest file: the first document, the last of equal keys, the fields that it knows.

(spec/kubelet-static-pods.md 2.1.) Beside it stands what a person who reads the file could take it for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.k8s import labels
from podstead.manifest.armour import Limits, RefusedError
from podstead.manifest.documents import documents
from podstead.manifest.findings import Code, Finding
from podstead.manifest.read import Judged, read_tree

if TYPE_CHECKING:
    from podstead.k8s import core_v1 as v1

MAX_BYTES = 10 * 2**20
"""The kubelet's maxConfigLength: a file that reaches it is an error."""
_REJECTING = {Code.WRONG_TYPE, Code.REQUIRED, Code.INVALID, Code.TEXT_TAKEN}
_MIRROR = f"metadata.annotations[{labels.CONFIG_MIRROR}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeletView:
    """What becomes of a file. `rejection` says why a kubelet would refuse it, empty where it would not.

    `undecided`: its limits on nesting and aliases differ, so it may read what was not examined here. `further` counts the
    documents after the first. `findings` are about the first document.
    """

    rejection: str = ""
    place: tuple[int, int] = (0, 0)
    undecided: bool = False
    further: int = 0
    pod: v1.Pod | None = None
    findings: tuple[Finding, ...] = ()
    faults: tuple[Finding, ...] = ()
    """The fields for which it would refuse the file."""

    def of(self, code: Code) -> tuple[Finding, ...]:
        """Return the findings of this code."""
        return tuple(finding for finding in self.findings if finding.code is code)

    @property
    def is_mirror(self) -> bool:
        """Whether it would take the pod for a copy of an object of the API, and never run it."""
        return any(finding.field == _MIRROR for finding in self.findings)

    @property
    def runs(self) -> bool:
        """Whether it would run a pod."""
        return not self.rejection and not self.undecided and not self.is_mirror and self.pod is not None

    @property
    def ambiguous(self) -> tuple[tuple[str, tuple[int, int]], ...]:
        """Why a reader of the file may take it for something else, one sentence each with its place; empty: nothing."""
        told = [
            (f"{finding.field} stands twice, and the last one counts", (finding.line, finding.column))
            for finding in self.of(Code.DUPLICATE_KEY)
        ]
        if self.further:
            number = "a document" if self.further == 1 else f"{self.further} documents"
            told.append((f"{number} after the first would be ignored in silence", (0, 0)))
        return tuple(told)


def view(data: bytes, node_name: str, *, max_bytes: int = MAX_BYTES) -> KubeletView:
    """Return what a kubelet on the node of that name makes of a file's bytes. Never raises, whatever the bytes."""
    if len(data) >= MAX_BYTES:
        return KubeletView(rejection="it has 10 MiB or more")
    try:
        found = documents(data, Limits(max_bytes=max_bytes))
    except RefusedError as refused:
        place = (refused.line, refused.column)
        if refused.reason in {"TooDeep", "TooComplex"} or (refused.reason == "TooLarge" and max_bytes < MAX_BYTES):
            return KubeletView(undecided=True, place=place)
        return KubeletView(rejection="it is not YAML or JSON", place=place)
    if not found or found[0].number > 1:
        return KubeletView(rejection="its first document is empty, and no other is read")
    return _of_first(read_tree(found[0].root, node_name), further=len(found) - 1)


def _of_first(read: Judged, further: int) -> KubeletView:
    strange = next((finding for finding in read.findings if finding.code is Code.NOT_A_POD), None)
    if strange is not None:
        why = "it is not a Pod, and only Pods are read from files"
        return KubeletView(rejection=why, place=(strange.line, strange.column), further=further, findings=read.findings)
    faults = tuple(f for f in read.findings if f.code in _REJECTING and f.field != _MIRROR)
    number = f"{len(faults)} field" if len(faults) == 1 else f"{len(faults)} fields"
    return KubeletView(
        rejection=f"{number} it would not accept, {listed(faults)}" if faults else "",
        place=(faults[0].line, faults[0].column) if faults else (0, 0),
        further=further,
        pod=read.pod,
        findings=read.findings,
        faults=faults,
    )


def listed(findings: tuple[Finding, ...]) -> str:
    """Return fields with their lines; of many, the first five."""
    places = [f"{finding.field or 'the document'} (line {finding.line})" for finding in findings]
    return ", ".join(places[:5]) + (", …" if len(places) > 5 else "")
