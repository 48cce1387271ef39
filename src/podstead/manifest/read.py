"""A manifest file read: bytes in, Pods or every reason against them out.

The steps, in this order and no other: (1) armour and tree, (2) is it a Pod, (3) the walk against the model,
(4) defaults, (5) identity, (6) validation, (7) advice. A file is all or nothing (foundation 9).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from podstead.errors import PodsteadError
from podstead.identity import PodKey, RevisionID
from podstead.k8s import core_v1 as v1
from podstead.manifest.advice import advise
from podstead.manifest.armour import Limits, RefusedError
from podstead.manifest.decode import Decoded, decode
from podstead.manifest.defaults import apply_defaults
from podstead.manifest.documents import Document, documents
from podstead.manifest.findings import Code, Finding, messages_of, parents, reason_of
from podstead.manifest.identity import identity_findings, static_pod
from podstead.manifest.kinds import check_kind
from podstead.manifest.lists import unfolded
from podstead.manifest.reading import ManifestPod, Message, Reading, Severity
from podstead.manifest.tree import Mapping
from podstead.manifest.validate.pod import validate_pod

if TYPE_CHECKING:
    from collections.abc import Iterator

    from podstead.manifest.tree import Node

DEFAULT_LIMITS = Limits()
_REVISION_DIGITS = 16


class UndecodableDocumentError(PodsteadError):
    """Bytes of a stored revision that give no Pod: the store is damaged, or written by a later version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What one document came to; `pod` is None when it is not worth judging further."""

    pod: v1.Pod | None
    findings: tuple[Finding, ...]
    name_place: tuple[int, int] = (0, 0)
    """Line and column of metadata.name, for what is only known when all documents are."""


def read_manifest(
    data: bytes, *, node_name: str, strict: bool = False, local_objects: bool = False, limits: Limits = DEFAULT_LIMITS
) -> Reading:
    """Return what a file's bytes say on the node of that name. Never raises, whatever the bytes.

    With `strict`, slips that the kubelet drops without a word (unknown fields, duplicate keys, numbers for strings)
    are errors. With `local_objects` a pod may refer to ConfigMaps and Secrets of the node. `limits` guard the reader; a
    caller that reads larger files does so where it may die (foundation 7).
    """
    try:
        found = documents(data, limits)
    except RefusedError as refused:
        return rejected(refused.reason, refused.message, refused.line, refused.column)
    if not found:
        return rejected("EmptyManifest", "the file holds no Pod: it is empty, or holds nothing but comments")
    found = unfolded(found)
    if not found:
        return Reading(empty_list=True)
    findings: list[Finding] = []
    pods: dict[PodKey, ManifestPod] = {}
    for document in found:
        read = read_tree(document.root, node_name, local_objects=local_objects)
        findings.extend(read.findings)
        if read.pod is None:
            continue
        pod = _manifest_pod(read.pod, document)
        if (first := pods.setdefault(pod.key, pod)) is not pod:
            text = f"document {first.document} of this file is the pod {pod.key} as well; a name runs once on a node"
            line, column = read.name_place
            findings.append(
                Finding(code=Code.DUPLICATE_NAME, field="metadata.name", text=text, line=line, column=column)
            )
    reason = reason_of(findings, strict=strict)
    messages = messages_of(findings, strict=strict)
    return Reading(pods=() if reason else tuple(pods.values()), messages=messages, reason=reason)


def read_document(data: bytes, node_name: str) -> v1.Pod:
    """Return the Pod of one admitted document, decoded and defaulted by today's code (foundation 13).

    What was admitted once is not judged again: only what cannot be decoded at all is an error.
    Raises UndecodableDocumentError.
    """
    try:
        found = documents(data, Limits(max_bytes=max(len(data), DEFAULT_LIMITS.max_bytes)))
    except RefusedError as refused:
        raise UndecodableDocumentError(f"cannot read a stored revision: {refused.message}") from None
    if len(found) != 1 or not isinstance(root := found[0].root, Mapping):
        raise UndecodableDocumentError("cannot read a stored revision: it is not one document")
    return static_pod(apply_defaults(_converted(decode(root))), node_name)


def read_tree(root: Node, node_name: str, *, local_objects: bool = False) -> Judged:
    """Return what one document says, with everything that is to be said about it."""
    findings = check_kind(root)
    if any(finding.code is Code.NOT_A_POD for finding in findings) or not isinstance(root, Mapping):
        return Judged(pod=None, findings=findings)
    decoded = decode(root)
    given = apply_defaults(_converted(decoded))
    pod = static_pod(given, node_name)
    judged = (
        *identity_findings(given, node_name, decoded.places),
        *(decoded.places.finding(problem) for problem in validate_pod(pod, local_objects=local_objects)),
    )
    told = [*findings, *decoded.findings, *news(judged, decoded)]
    if not any(finding.code.severity is Severity.ERROR for finding in told):
        told.extend(advise(pod, decoded.places))
    nameless = not given.metadata.name
    return Judged(
        pod=None if nameless else pod,
        findings=tuple(told),
        name_place=decoded.places.closest("metadata.name"),
    )


def _converted(decoded: Decoded) -> v1.Pod:
    """Return the decoded values as the model: the walk has seen to it that they fit."""
    return msgspec.convert(decoded.value, v1.Pod)


def news(judged: tuple[Finding, ...], decoded: Decoded) -> Iterator[Finding]:
    """Yield what validation found beyond the walk: nothing about values that the walk refused, no error twice."""
    told = {finding.field for finding in decoded.findings if finding.code.severity is Severity.ERROR}
    spoilt = decoded.failed | {above for path in decoded.failed for above in parents(path)}
    in_file = {finding.text for finding in judged if finding.field in decoded.places.values}
    for finding in judged:
        if finding.field in told or finding.field in spoilt:
            continue
        if not decoded.failed.isdisjoint(parents(finding.field)):
            continue
        if finding.field not in decoded.places.values and finding.text in in_file:
            continue  # a default repeats a value of the file, such as a request its limit, and its fault with it
        if finding.code is Code.WRONG_TYPE:
            told.add(finding.field)  # the suffix is the reason; the rule that it breaks need not be told as well
        yield finding


def _manifest_pod(pod: v1.Pod, document: Document) -> ManifestPod:
    key = PodKey(pod.metadata.namespace or "", pod.metadata.name or "")
    revision = RevisionID(hashlib.sha256(document.data).hexdigest()[:_REVISION_DIGITS])
    return ManifestPod(key=key, revision=revision, pod=pod, data=document.data, document=document.number)


def rejected(reason: str, text: str, line: int = 0, column: int = 0) -> Reading:
    """Return the reading of bytes that say nothing that could be judged further."""
    message = Message(line=line, column=column, field="", severity=Severity.ERROR, message=text)
    return Reading(messages=(message,), reason=reason)
