"""The record of what is published, and what becomes of it after a look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.identity import PodKey, PodUID, RevisionID
from podstead.state.records import Claim, PodRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

    from podstead.state.fold import Folded
    from podstead.state.sources import ManifestFile

_DIGITS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One published file: SHA-256 of its bytes, the pod that it is, and who stands for it, as a sentence."""

    digest: str
    key: PodKey
    warrant: str = ""


def as_records(published: Mapping[str, Published]) -> dict[PodKey, PodRecord]:
    """Return what is published as the records that a fold goes by: each file holds its pod."""
    return {
        one.key: PodRecord(
            key=one.key,
            uid=PodUID(name),
            claim=Claim(file=name, document=1),
            created_at=0.0,
            effective=RevisionID(one.digest[:_DIGITS]),
        )
        for name, one in published.items()
    }


def next_record(
    published: Mapping[str, Published], folded: Folded, files: Mapping[str, ManifestFile]
) -> dict[str, Published]:
    """Return what has to be published now: what is wanted in its new content, what is kept in its old one."""
    by_key = {one.key: one for one in published.values()}
    found: dict[str, Published] = {}
    for key in folded.keep:
        record = folded.claims.get(key)
        name = record.file if record is not None else _name_of(published, key)
        found[name] = by_key[key]
    for key, wanted in folded.wanted.items():
        file = files[wanted.file]
        found[wanted.file] = Published(digest=file.digest, key=key, warrant=_warrant(file))
    return found


def _name_of(published: Mapping[str, Published], key: PodKey) -> str:
    return next(name for name, one in published.items() if one.key == key)


def _warrant(file: ManifestFile) -> str:
    """Return who stands for the bytes."""
    provenance = file.provenance
    if provenance is None or not provenance.principals:
        return ""
    return f"{provenance.warrant} of {provenance.principals} ({provenance.key})"
