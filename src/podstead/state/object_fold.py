"""From a look at the objects directory to the ConfigMaps and Secrets that the node has; pure.

The rules are those of manifests (foundation 9): a file is all or nothing, a broken one takes nothing away, the file
that holds an object wins a duplicate, and a holder follows a rename of equal content. What no file gives any more is
dropped, unless a pod refers to it: then it is kept, so that the pod can start again, and said to be gone.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from podstead.manifest.reading import Message, Severity
from podstead.state.objects import HeldObject, LocalObject, ObjectKind, local_object
from podstead.state.reports import OF_TROUBLE, FileVerdict, Verdict

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from podstead.manifest.reading import Reading
    from podstead.state.objects import ObjectKey
    from podstead.state.sources import ManifestFile, SourceSnapshot

DUPLICATE = "DuplicateObject"
IMMUTABLE = "ImmutableObject"
READABLE = "ReadableByOthers"
NO_OBJECTS = "NoObjects"
DECODING = "Decoding"
OTHERS = 0o077
"""Mode bits of everybody but the owner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectsFolded:
    """The objects that the node has from now on, and a verdict on each file, sorted by name."""

    held: Mapping[ObjectKey, HeldObject]
    verdicts: tuple[FileVerdict, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Offer:
    object: LocalObject
    document: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Refusal:
    reason: str
    sentence: str


Offers = dict[str, dict["ObjectKey", _Offer]]
"""By file: the objects that it may give."""


def fold_objects(
    held: Mapping[ObjectKey, HeldObject],
    snapshot: SourceSnapshot,
    readings: Mapping[str, Reading],
    *,
    used: Collection[ObjectKey],
    unsettled: Collection[str] = (),
    now: float = 0.0,
) -> ObjectsFolded:
    """Return what the directory asks for now. `used` are the objects that some pod of this node refers to.

    `readings` and `unsettled` are as for `fold.fold`; `now` is Unix seconds. Deterministic and idempotent.
    """
    offers, refused = _offers(snapshot, readings)
    while found := _refusals(held, offers, snapshot):
        # A refused file takes nothing away, so what it held keeps others out, which may refuse further files.
        refused |= found
        for name in found:
            del offers[name]
    kept = _kept(held, offers, snapshot, used, now)
    by_file: dict[str, list[ObjectKey]] = {}
    for key, one in kept.items():
        if not one.gone:
            by_file.setdefault(one.file, []).append(key)
    return ObjectsFolded(
        held=kept,
        verdicts=tuple(
            _verdict(
                file,
                readings.get(file.name),
                refused.get(file.name),
                tuple(by_file.get(file.name, ())),
                fresh=file.name in unsettled,
            )
            for file in sorted(snapshot.files, key=lambda file: file.name)
        ),
    )


def _offers(snapshot: SourceSnapshot, readings: Mapping[str, Reading]) -> tuple[Offers, dict[str, _Refusal]]:
    """Return what the well-formed files offer, and those that are refused for who else can read them."""
    offers: Offers = {}
    refused: dict[str, _Refusal] = {}
    for file in snapshot.files:
        reading = readings.get(file.name)
        if file.trouble is not None or reading is None or not _well_formed(reading):
            continue
        if file.mode & OTHERS and any(one.kind == ObjectKind.SECRET for one in reading.objects):
            said = f"it holds a Secret, and its mode {file.mode:04o} lets others than its owner at it"
            refused[file.name] = _Refusal(reason=READABLE, sentence=f"{said}: chmod 600 {shlex.quote(file.path)}")
            continue
        given = [_Offer(object=local_object(one), document=one.document) for one in reading.objects]
        offers[file.name] = {offer.object.key: offer for offer in given}
    return offers, refused


def _well_formed(reading: Reading) -> bool:
    # A file without a single object is no way to remove objects: it is what a truncation leaves.
    return reading.accepted and (bool(reading.objects) or reading.empty_list)


def _holder(one: HeldObject, offers: Offers, snapshot: SourceSnapshot) -> str | None:
    """Return the file that holds an object now, None where no file does."""
    if one.gone:
        return None
    if one.file in offers:
        return one.file if one.key in offers[one.file] else _equal(one, offers)
    if any(file.name == one.file for file in snapshot.files):
        return one.file  # broken, refused, or not read yet
    return _equal(one, offers) or (None if snapshot.gone(one.file) else one.file)


def _equal(one: HeldObject, offers: Offers) -> str | None:
    """Return the first file that offers the very content: the holder's new name."""
    key, digest = one.key, one.object.digest
    return next((f for f, given in sorted(offers.items()) if key in given and given[key].object.digest == digest), None)


def _refusals(held: Mapping[ObjectKey, HeldObject], offers: Offers, snapshot: SourceSnapshot) -> dict[str, _Refusal]:
    """Return the files that may not give what they offer, each with the first reason."""
    refused: dict[str, _Refusal] = {}
    rivals: dict[ObjectKey, list[str]] = {}
    for name, given in sorted(offers.items()):
        for key in given:
            rivals.setdefault(key, []).append(name)
    for key, files in rivals.items():
        one = held.get(key)
        holder = _holder(one, offers, snapshot) if one is not None else None
        for name in files:
            if sentence := _rivalry(key, name, holder, files):
                refused.setdefault(name, _Refusal(reason=DUPLICATE, sentence=sentence))
            elif one is not None and name == one.file == holder and _altered(one, offers[name][key].object):
                text = (
                    f"{key} is immutable: remove it from this file first, then write the new one; or give it a new name"
                )
                refused.setdefault(name, _Refusal(reason=IMMUTABLE, sentence=text))
    return refused


def _rivalry(key: ObjectKey, name: str, holder: str | None, files: list[str]) -> str:
    if holder is not None:
        mend = "give it another name or remove one of the files"
        return "" if holder == name else f"{key} belongs to {holder}; {mend}"
    others = ", ".join(other for other in files if other != name)
    return f"{key} stands in {others} too and none of them held it before; remove all but one" if others else ""


def _altered(one: HeldObject, offered: LocalObject) -> bool:
    return one.object.immutable and (offered.digest != one.object.digest or not offered.immutable)


def _kept(
    held: Mapping[ObjectKey, HeldObject],
    offers: Offers,
    snapshot: SourceSnapshot,
    used: Collection[ObjectKey],
    now: float,
) -> dict[ObjectKey, HeldObject]:
    """Return the objects there are now, sorted by their names; of rivals none is left in `offers` but the holder."""
    kept: dict[ObjectKey, HeldObject] = {}
    for name, given in offers.items():
        for key, offer in given.items():
            before = held.get(key)
            same = before is not None and before.object.digest == offer.object.digest
            since = before.since if before is not None and same else now
            kept[key] = HeldObject(object=offer.object, file=name, document=offer.document, since=since)
    for key, one in held.items():
        if key in kept:
            continue
        if snapshot.degraded is not None or _holder(one, offers, snapshot) is not None:
            kept[key] = one
        elif key in used:
            kept[key] = replace(one, gone=True)
    return dict(sorted(kept.items(), key=lambda item: (item[0].kind, item[0].namespace, item[0].name)))


def _verdict(
    file: ManifestFile,
    reading: Reading | None,
    refusal: _Refusal | None,
    holds: tuple[ObjectKey, ...],
    *,
    fresh: bool,
) -> FileVerdict:
    verdict, reason, messages = _judge(file, reading, refusal)
    if fresh and verdict is Verdict.REJECTED and file.trouble is None:
        verdict = Verdict.PENDING
    return FileVerdict(
        name=file.name,
        path=file.path,
        verdict=verdict,
        reason=reason,
        messages=messages,
        objects=holds,
        owner=file.owner,
        modified_at=file.modified_at,
        size=file.size,
    )


def _judge(
    file: ManifestFile, reading: Reading | None, refusal: _Refusal | None
) -> tuple[Verdict, str, tuple[Message, ...]]:
    if file.trouble is not None:
        reason = file.reason or file.trouble.value
        return OF_TROUBLE[file.trouble], reason, (_error(file.message),) if file.message else ()
    if reading is None:
        return Verdict.PENDING, DECODING, ()
    if not reading.accepted:
        return Verdict.REJECTED, reading.reason, reading.messages
    if not _well_formed(reading):
        text = "holds no ConfigMap and no Secret; remove the file to remove what it held"
        return Verdict.REJECTED, NO_OBJECTS, (*reading.messages, _error(text))
    if refusal is not None:
        return Verdict.REJECTED, refusal.reason, (_error(refusal.sentence), *reading.messages)
    return Verdict.ACCEPTED, "", reading.messages


def _error(text: str) -> Message:
    return Message(line=0, column=0, field="", severity=Severity.ERROR, message=text)
