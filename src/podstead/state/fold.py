"""From a look at the directory to what is wanted: the rules under which a pod comes, stays and goes (foundation 9).

Invariant, tested from random histories: a pod whose file is broken, pending, unreadable or not certainly gone is in
`keep`, never in `remove`; and of two files that want one pod at most one is Accepted.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from podstead.manifest.reading import Message, Severity
from podstead.state import claims as claiming
from podstead.state.claims import Offer
from podstead.state.records import UNKNOWN_FILE, Claim
from podstead.state.reports import OF_TROUBLE, FileVerdict, Verdict
from podstead.state.sources import FileTrouble, is_url
from podstead.state.start_order import circles

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from podstead.identity import PodKey
    from podstead.manifest.reading import ManifestPod, Reading
    from podstead.state.records import PodRecord
    from podstead.state.sources import ManifestFile, SourceSnapshot

DUPLICATE = "DuplicatePod"
CIRCLE = "StartOrderCircle"
DECODING = "Decoding"
NO_PODS = "NoPods"


class RemovalReason(StrEnum):
    """Why a pod is wanted no more."""

    FILE_GONE = "FileGone"
    """Its file is certainly gone."""
    NOT_IN_FILE = "NotInFile"
    """The accepted content of its file names it no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A pod whose accepted content should run."""

    revision: ManifestPod
    file: str
    document: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """The outcome of a look. Every record that is not terminating is in exactly one of `wanted`, `keep`, `remove`,
    but for a pod that leaves one file and stands with other content in another: it is in `remove` and in `wanted`,
    and its new incarnation begins when the old one has ended.

    `wanted` also holds pods without a record, and those of terminating records: their next incarnations. `claims` are
    the changes to make to records that stay; they restart nothing. `verdicts` are sorted by name.
    """

    wanted: Mapping[PodKey, Wanted]
    keep: frozenset[PodKey]
    remove: Mapping[PodKey, RemovalReason]
    claims: Mapping[PodKey, Claim]
    verdicts: tuple[FileVerdict, ...]


def fold(
    records: Mapping[PodKey, PodRecord],
    snapshot: SourceSnapshot,
    readings: Mapping[str, Reading],
    unsettled: Collection[str] = (),
) -> Folded:
    """Return what the directory asks for now.

    `readings` has the outcome of decoding, by file name, of the very bytes in the snapshot; a file with bytes and
    without a reading is being decoded. `unsettled` names the files whose content is so new that a refusal may be that
    of half a write: they are Pending until it has stood for a moment (foundation 10). Deterministic and idempotent:
    a second fold over the records that follow from the first changes nothing.
    """
    listed = {file.name: file for file in snapshot.files}
    well_formed = {
        name: reading for name in listed if (reading := readings.get(name)) and _well_formed(listed[name], reading)
    }
    circular = circles(well_formed, records)
    well_formed = {name: reading for name, reading in well_formed.items() if name not in circular}
    offers = _offers(well_formed)
    live = {key: record for key, record in sorted(records.items()) if not record.terminating}
    vacated = [key for key, record in live.items() if _vacated(key, record.claim.file, listed, well_formed)]
    moved = claiming.follow(live, offers, vacated) | _found_again(live, offers)
    claims = {key: record.claim for key, record in live.items()} | moved
    leaving = {
        key: reason
        for key in ([] if _is_decoding(listed, readings) else vacated)
        if key not in moved and (reason := _removal(claims[key].file, snapshot, listed, well_formed)) is not None
    }
    remove, refused = _settle(records, claims, leaving, offers)
    wanted = {
        key: Wanted(revision=offer.pod, file=offer.file, document=offer.pod.document)
        for key, rivals in sorted(offers.items())
        for offer in rivals
        if offer.file not in refused
    }
    claims |= {
        key: Claim(file=w.file, document=w.document) for key, w in wanted.items() if key in live and key not in remove
    }
    held: dict[str, list[PodKey]] = {}
    for key in live:
        if key not in remove:
            held.setdefault(claims[key].file, []).append(key)
    return Folded(
        wanted=wanted,
        keep=frozenset(key for key in live if key not in wanted and key not in remove),
        remove=remove,
        claims={key: claims[key] for key in live if claims[key] != live[key].claim},
        verdicts=tuple(
            _verdict(
                file,
                readings.get(name),
                _Refusal(duplicates=refused.get(name, ()), circle=circular.get(name, "")),
                tuple(held.get(name, ())),
                fresh=name in unsettled,
            )
            for name, file in sorted(listed.items())
        ),
    )


def _found_again(live: Mapping[PodKey, PodRecord], offers: Mapping[PodKey, tuple[Offer, ...]]) -> dict[PodKey, Claim]:
    """Return claims for pods whose record was lost, on the one file that names them, whatever it says by now."""
    return {
        key: Claim(file=offers[key][0].file, document=offers[key][0].pod.document)
        for key, record in live.items()
        if record.claim.file == UNKNOWN_FILE and len(offers.get(key, ())) == 1
    }


def _settle(
    records: Mapping[PodKey, PodRecord],
    claims: Mapping[PodKey, Claim],
    leaving: Mapping[PodKey, RemovalReason],
    offers: Mapping[PodKey, tuple[Offer, ...]],
) -> tuple[dict[PodKey, RemovalReason], claiming.Refusals]:
    """Return which pods leave and which files are refused.

    A refused file takes nothing away (it is all or nothing), so its pods stay and their claims keep others out, which
    may refuse further files. Each round only adds to the pods that stay and to the refused files, so it ends.
    """
    remove = dict(leaving)
    while True:
        lapsed = {key: record.claim.file for key, record in records.items() if key in remove or record.terminating}
        holders = {key: claim.file for key, claim in claims.items() if key not in remove}
        refused = claiming.refusals(offers, holders, lapsed)
        stays = [
            key for key, reason in remove.items() if reason is RemovalReason.NOT_IN_FILE and claims[key].file in refused
        ]
        if not stays:
            return remove, refused
        for key in stays:
            del remove[key]


def _well_formed(file: ManifestFile, reading: Reading) -> bool:
    # A file without a single pod is no way to remove pods: it is what a truncation leaves. A URL has no other way.
    return file.trouble is None and reading.accepted and (bool(reading.pods) or _emptied(file, reading))


def _emptied(file: ManifestFile, reading: Reading) -> bool:
    return reading.empty_list and is_url(file.name)


def _offers(well_formed: Mapping[str, Reading]) -> dict[PodKey, tuple[Offer, ...]]:
    found: dict[PodKey, list[Offer]] = {}
    for name, reading in sorted(well_formed.items()):
        for pod in reading.pods:
            found.setdefault(pod.key, []).append(Offer(file=name, pod=pod))
    return {key: tuple(offers) for key, offers in found.items()}


def _vacated(key: PodKey, file: str, listed: Mapping[str, ManifestFile], well_formed: Mapping[str, Reading]) -> bool:
    """Return whether the file that holds a pod does not give it in this look, for whatever reason but being broken."""
    if file not in listed:
        return True
    return file in well_formed and all(pod.key != key for pod in well_formed[file].pods)


def _removal(
    file: str, snapshot: SourceSnapshot, listed: Mapping[str, ManifestFile], well_formed: Mapping[str, Reading]
) -> RemovalReason | None:
    """Return why a vacated pod leaves, None where its absence is not certain.

    A pod whose record was lost may stand in any file that has not been read yet, or that is broken now.
    """
    if snapshot.degraded is not None:
        return None
    if file == UNKNOWN_FILE:
        meant = [name for name, one in listed.items() if one.trouble is not FileTrouble.IGNORED]
        if any(name not in well_formed for name in meant):
            return None
    if file in listed:
        return RemovalReason.NOT_IN_FILE
    return RemovalReason.FILE_GONE if snapshot.gone(file) else None


def _is_decoding(listed: Mapping[str, ManifestFile], readings: Mapping[str, Reading]) -> bool:
    """Return whether a file's bytes are there and their meaning is to come; one whose bytes do not come has no digest.

    A pod's file may have been renamed to it: whether the pod leaves is known a moment later.
    """
    return any(
        (file.data is not None and name not in readings) or (file.trouble is FileTrouble.PENDING and bool(file.digest))
        for name, file in listed.items()
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Refusal:
    """What the other files have against one that is good by itself."""

    duplicates: tuple[tuple[PodKey, str], ...]
    circle: str


def _verdict(
    file: ManifestFile,
    reading: Reading | None,
    refusal: _Refusal,
    held: tuple[PodKey, ...],
    *,
    fresh: bool,
) -> FileVerdict:
    verdict, reason, messages = _judge(file, reading, refusal)
    messages = (*messages, *(_warning(sentence) for sentence in file.warnings))
    if fresh and verdict is Verdict.REJECTED and file.trouble is None:
        verdict = Verdict.PENDING
    offered = reading.pods if reading is not None and file.trouble is None else ()
    return FileVerdict(
        name=file.name,
        path=file.path,
        verdict=verdict,
        reason=reason,
        messages=messages,
        pods=tuple(pod.key for pod in offered) if verdict is Verdict.ACCEPTED else held,
        revisions=tuple(pod.revision for pod in offered),
        owner=file.owner,
        modified_at=file.modified_at,
        size=file.size,
    )


def _judge(file: ManifestFile, reading: Reading | None, refusal: _Refusal) -> tuple[Verdict, str, tuple[Message, ...]]:
    """Return the verdict, its reason and all that is to be said."""
    if file.trouble is not None:
        return (
            OF_TROUBLE[file.trouble],
            file.reason or file.trouble.value,
            (_error(file.message),) if file.message else (),
        )
    if reading is None:
        return Verdict.PENDING, DECODING, ()
    if not reading.accepted:
        return Verdict.REJECTED, reading.reason, reading.messages
    if not reading.pods and not _emptied(file, reading):
        return (
            Verdict.REJECTED,
            NO_PODS,
            (*reading.messages, _error("holds no Pod; remove the file to remove its pods")),
        )
    if refusal.circle:
        return Verdict.REJECTED, CIRCLE, (_error(refusal.circle, "metadata.annotations"), *reading.messages)
    if refusal.duplicates:
        duplicates = tuple(_error(sentence, "metadata.name") for _, sentence in refusal.duplicates)
        return Verdict.REJECTED, DUPLICATE, (*duplicates, *reading.messages)
    return Verdict.ACCEPTED, "", reading.messages


def _error(sentence: str, field: str = "") -> Message:
    return Message(line=0, column=0, field=field, severity=Severity.ERROR, message=sentence)


def _warning(sentence: str) -> Message:
    return Message(line=0, column=0, field="", severity=Severity.WARNING, message=sentence)
