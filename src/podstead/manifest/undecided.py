"""Pods as a file gives them, before anything decides on them: for rules that judge a Pod whoever is to run it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from podstead.k8s import core_v1 as v1
from podstead.manifest.armour import Limits, RefusedError
from podstead.manifest.decode import decode
from podstead.manifest.defaults import apply_defaults
from podstead.manifest.documents import documents
from podstead.manifest.findings import Code, messages_of, reason_of
from podstead.manifest.kinds import check_kind
from podstead.manifest.lists import unfolded
from podstead.manifest.reading import Message, Severity
from podstead.manifest.tree import Mapping

if TYPE_CHECKING:
    from podstead.manifest.findings import Finding, Places

_DECIDED = frozenset({Code.UNSUPPORTED, Code.IGNORED, Code.ADVICE})
"""What only this agent says about a Pod."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UndecidedPod:
    """One Pod document, decoded and with its defaults; `places` says where each field stands in the file."""

    pod: v1.Pod
    places: Places


@dataclass(frozen=True, slots=True, kw_only=True)
class UndecidedReading:
    """The pods of a file and what is to be said of its form; with a `reason` the file gives no pods."""

    pods: tuple[UndecidedPod, ...] = ()
    messages: tuple[Message, ...] = ()
    reason: str = ""


def read_undecided(data: bytes, limits: Limits, *, strict: bool = False) -> UndecidedReading:
    """Return the pods of a file, whether or not this agent would run them. Never raises, whatever the bytes.

    Refused is only what is no Pod at all: bytes that are no YAML, another kind, fields without the values that they must
    have.
    """
    try:
        found = unfolded(documents(data, limits))
    except RefusedError as refused:
        told = Message(
            line=refused.line, column=refused.column, field="", severity=Severity.ERROR, message=refused.message
        )
        return UndecidedReading(messages=(told,), reason=refused.reason)
    if not found:
        text = "the file holds no Pod"
        told = Message(line=0, column=0, field="", severity=Severity.ERROR, message=text)
        return UndecidedReading(messages=(told,), reason="EmptyManifest")
    findings: list[Finding] = []
    pods: list[UndecidedPod] = []
    for document in found:
        kinds = check_kind(document.root)
        findings += kinds
        if not isinstance(document.root, Mapping) or any(finding.code is Code.NOT_A_POD for finding in kinds):
            continue
        decoded = decode(document.root)
        findings += (finding for finding in decoded.findings if finding.code not in _DECIDED)
        pod = apply_defaults(msgspec.convert(decoded.value, v1.Pod))
        pods.append(UndecidedPod(pod=pod, places=decoded.places))
    reason = reason_of(findings, strict=strict)
    return UndecidedReading(
        pods=() if reason else tuple(pods), messages=messages_of(findings, strict=strict), reason=reason
    )
