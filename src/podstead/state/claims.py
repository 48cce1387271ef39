"""Who holds which pod: claims that follow a rename, holders that win, rivals that are refused (foundation 9)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.identity import PodKey
from podstead.state.records import Claim
from podstead.state.updates import said_by_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from podstead.manifest.reading import ManifestPod
    from podstead.state.records import PodRecord


Refusals = dict[str, tuple[tuple[PodKey, str], ...]]
"""By file: the pods that it may not give, each with the sentence that says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A document of a well-formed file that wants to be a pod."""

    file: str
    pod: ManifestPod

    @property
    def claim(self) -> Claim:
        """The claim that this offer would hold."""
        return Claim(file=self.file, document=self.pod.document)


def follow(
    records: Mapping[PodKey, PodRecord], offers: Mapping[PodKey, tuple[Offer, ...]], vacated: Iterable[PodKey]
) -> dict[PodKey, Claim]:
    """Return the claims that go over to another file because its document is equal to what runs or waits.

    `vacated` are the pods that their file does not give at present: it is not there, or its accepted content names
    them no more. The first of several equal files by name gets the pod, so that it is never stopped for want of a
    choice.
    """
    moved: dict[PodKey, Claim] = {}
    for key in vacated:
        record = records[key]
        known = {record.effective, record.candidate, said_by_file(record)} - {None}
        equal = [offer.claim for offer in offers.get(key, ()) if offer.pod.revision in known]
        if equal:
            moved[key] = min(equal, key=lambda claim: (claim.file, claim.document))
    return moved


def refusals(
    offers: Mapping[PodKey, tuple[Offer, ...]], holders: Mapping[PodKey, str], lapsed: Mapping[PodKey, str]
) -> Refusals:
    """Return, by file, the pods that it may not give and the sentence that says why.

    `holders` name the file that holds a pod, whatever state that file is in now. `lapsed` name the file that held one
    whose incarnation is ending: it wins among rivals, and keeps nobody out when it does not offer the pod itself.
    """
    refused: dict[str, list[tuple[PodKey, str]]] = {}
    for key, rivals in sorted(offers.items()):
        files = sorted({offer.file for offer in rivals})
        holder = holders.get(key)
        if holder is None and lapsed.get(key) in files:
            holder = lapsed[key]
        for file in files:
            own = [offer for offer in rivals if offer.file == file]
            if sentence := _refusal(key, file, own, holder, [other for other in files if other != file]):
                refused.setdefault(file, []).append((key, sentence))
    return {file: tuple(found) for file, found in refused.items()}


def _refusal(key: PodKey, file: str, own: list[Offer], holder: str | None, others: list[str]) -> str:
    """Return why a file may not give a pod; empty when it may."""
    if len(own) > 1:
        documents = ", ".join(str(offer.pod.document + 1) for offer in own)
        return f"pod {key} stands in documents {documents} of this file; keep one of them"
    if holder is not None:
        return (
            "" if holder == file else f"pod {key} belongs to {holder}; give it another name or remove one of the files"
        )
    if others:
        return f"pod {key} stands in {', '.join(others)} too and none of them held it before; remove all but one"
    return ""
