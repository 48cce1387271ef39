"""A file of the objects directory read: bytes in, ConfigMaps and Secrets or every reason against them out.

The steps are those of a manifest, without defaults: armour and tree, kind, the walk against the model, validation. A
file is all or nothing, and no message holds a value of `data`, `binaryData` or `stringData` (foundation 24).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from podstead.k8s import core_v1 as v1
from podstead.manifest import schema
from podstead.manifest.armour import Limits, RefusedError
from podstead.manifest.decode import decode
from podstead.manifest.documents import documents
from podstead.manifest.findings import Code, Finding, messages_of, reason_of
from podstead.manifest.identity import DEFAULT_NAMESPACE
from podstead.manifest.kinds import check_object_kind
from podstead.manifest.lists import unfolded
from podstead.manifest.read import news, rejected
from podstead.manifest.reading import ManifestObject, Reading
from podstead.manifest.tree import Mapping
from podstead.manifest.validate.findings import Findings
from podstead.manifest.validate.objects import OPAQUE, ObjectData, judge_config_map, judge_secret

if TYPE_CHECKING:
    from podstead.manifest.decode import Decoded
    from podstead.manifest.documents import Document

DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """What one document came to; `object` is None when it has no name."""

    object: ManifestObject | None
    findings: tuple[Finding, ...]
    name_place: tuple[int, int] = (0, 0)


def read_objects(data: bytes, *, strict: bool = False, limits: Limits = DEFAULT_LIMITS) -> Reading:
    """Return the ConfigMaps and Secrets of a file. Never raises, whatever the bytes; `strict` as for manifests."""
    try:
        found = documents(data, limits)
    except RefusedError as refused:
        return rejected(refused.reason, refused.message, refused.line, refused.column)
    if not found:
        return rejected("EmptyManifest", "the file holds no object: it is empty, or holds nothing but comments")
    found = unfolded(found)
    if not found:
        return Reading(empty_list=True)
    findings: list[Finding] = []
    objects: dict[tuple[str, str, str], ManifestObject] = {}
    for document in found:
        judged = _read_document(document)
        findings.extend(judged.findings)
        if (given := judged.object) is None:
            continue
        if (first := objects.setdefault((given.kind, given.namespace, given.name), given)) is not given:
            text = f"document {first.document} of this file has a {given.kind} of this name as well; keep one of them"
            line, column = judged.name_place
            findings.append(
                Finding(code=Code.DUPLICATE_NAME, field="metadata.name", text=text, line=line, column=column)
            )
    reason = reason_of(findings, strict=strict)
    messages = messages_of(findings, strict=strict)
    return Reading(objects=() if reason else tuple(objects.values()), messages=messages, reason=reason)


def holds_objects(data: bytes) -> bool:
    """Return whether a file is meant for the objects directory: it has a ConfigMap or a Secret, and nothing else."""
    try:
        found = unfolded(documents(data, DEFAULT_LIMITS))
    except RefusedError:
        return False
    return bool(found) and all(check_object_kind(document.root)[0] is not None for document in found)


def _read_document(document: Document) -> _Judged:
    model, findings = check_object_kind(document.root)
    if model is None or not isinstance(document.root, Mapping):
        return _Judged(object=None, findings=findings)
    decoded = decode(document.root, model)
    found = Findings()
    given = _judge(model, decoded, found, document.number)
    judged = tuple(decoded.places.finding(problem) for problem in found.problems)
    return _Judged(
        object=given if given.name else None,
        findings=(*findings, *decoded.findings, *news(judged, decoded)),
        name_place=decoded.places.closest("metadata.name"),
    )


def _judge(model: schema.Shape, decoded: Decoded, found: Findings, number: int) -> ManifestObject:
    """Return the object that the decoded values are: the walk has seen to it that they fit the model."""
    if model is schema.SECRET:
        secret = msgspec.convert(decoded.value, v1.Secret)
        return _object("Secret", secret, judge_secret(secret, found), secret.type or OPAQUE, number)
    config = msgspec.convert(decoded.value, v1.ConfigMap)
    return _object("ConfigMap", config, judge_config_map(config, found), "", number)


def _object(kind: str, given: v1.ConfigMap | v1.Secret, data: ObjectData, type_: str, number: int) -> ManifestObject:
    metadata = given.metadata or v1.ObjectMeta()
    return ManifestObject(
        kind=kind,
        namespace=metadata.namespace or DEFAULT_NAMESPACE,
        name=metadata.name or "",
        data=data.values,
        binary=frozenset(data.binary),
        type=type_,
        immutable=bool(given.immutable),
        document=number,
    )
