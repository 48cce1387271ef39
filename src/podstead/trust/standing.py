"""Which signed index is in force on the node, and what is wrong about it or about the one that lies in the directory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.signing.index import INDEX_FILE
from podstead.signing.index_verify import IndexFault, node_fault, time_fault, version_fault
from podstead.signing.provenance import INDEX, Attested, Invalid, Signed, allowed
from podstead.trust.evidence import INDEX_SIGNATURE, ReadIndex, of, pair_of
from podstead.trust.rules import Finding, Lack, Objection
from podstead.trust.values import WAIT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from podstead.signing.index import Index
    from podstead.state.sources import ManifestFile
    from podstead.trust.evidence import Evidence
    from podstead.trust.values import Question


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What every content is judged under.

    `index` is the one in force with `signed`, its signer; `objection` says why it lets nothing new in, or why there is none
    although something that is named like one lies there.
    `due`: this node goes by an index, so a detached signature alone admits nothing. `accept` is an index that counts and has
    to be recorded before anything comes of it. `waiting` is since when the index's own pair has been incomplete.
    """

    due: bool
    index: Index | None = None
    signed: Signed | None = None
    objection: Objection | None = None
    findings: tuple[Finding, ...] = ()
    accept: ReadIndex | None = None
    waiting: float | None = None


def stand(companions: Mapping[str, ManifestFile], question: Question) -> Standing:
    """Return which index is in force, given what lies beside the manifests."""
    found = _found(companions, question)
    past = question.past
    if isinstance(found, ReadIndex):
        if past.last is not None and found.mark == past.last:
            return _in_force(found, question)
        against = _against(found, question)
        if against is None and not question.frozen:
            return _in_force(found, question, accept=found)
        objection = against or Objection(reason=Lack.RECORD_NOT_WRITTEN, message=question.frozen)
    elif found is None:
        if not _due(question):
            return Standing(due=False)
        objection = Objection(reason=Lack.INDEX_MISSING, message=f"{INDEX_FILE} is gone, and this node goes by one")
    else:
        objection = found
    return _without(objection, question)


def _found(companions: Mapping[str, ManifestFile], question: Question) -> ReadIndex | Objection | None:
    """Return the index that lies in the directory, or what is wrong with it by itself; None: there is none."""
    index, signature = companions.get(INDEX_FILE), companions.get(INDEX_SIGNATURE)
    if index is None:
        return None
    for half in (index, signature):
        if half is not None and half.data is None:
            return Objection(reason=Lack.INDEX_MISSING, message=f"{half.name} cannot be read: {half.message}")
    pair = pair_of(index, signature, INDEX)
    if pair is None:
        return Objection(reason=Lack.SIGNATURE_MISSING, message=f"{INDEX_FILE} has no signature beside it")
    return _usable(of(question.evidence, pair[0]), question)


def _usable(evidence: Evidence, question: Question) -> ReadIndex | Objection:
    """Return an index that was read, or why it was not: nothing of what a stranger signed is parsed."""
    if isinstance(evidence, ReadIndex | Objection):
        return evidence
    asked = question.signers.at(question.now.wall)
    signer = allowed(evidence, asked) if isinstance(evidence, Attested) else evidence
    if isinstance(signer, Invalid):
        return Objection(reason=signer.fault, message=f"of {INDEX_FILE} {signer.message}")
    return Objection(reason=Lack.INDEX_MISSING, message=f"{INDEX_FILE} has not been read yet")


def _due(question: Question) -> bool:
    return question.past.last is not None or question.past.indexed


def _against(found: ReadIndex, question: Question) -> Objection | None:
    """Return why an index that is not in force yet does not come into force."""
    signer = allowed(found.attested, question.signers.at(question.now.wall))
    if isinstance(signer, Invalid):
        return Objection(reason=signer.fault, message=f"of {INDEX_FILE} {signer.message}")
    fault = (
        node_fault(found.index, question.node)
        or version_fault(found.mark, last=question.past.last, floor=question.past.floor)
        or time_fault(found.index, question.now.wall)
    )
    return None if fault is None else Objection(reason=fault[0], message=fault[1])


def _in_force(held: ReadIndex, question: Question, accept: ReadIndex | None = None) -> Standing:
    """Return the standing under an index that was accepted, as far as today's keys, clock and name still let it count."""
    signer = allowed(held.attested, question.signers.at(question.now.wall))
    objection: Objection | None = None
    if isinstance(signer, Invalid):
        objection = Objection(reason=signer.fault, message=f"of {INDEX_FILE} {signer.message}")
    elif fault := node_fault(held.index, question.node) or time_fault(held.index, question.now.wall):
        objection = Objection(reason=fault[0], message=fault[1])
    return Standing(
        due=True,
        index=held.index,
        signed=signer if isinstance(signer, Signed) else None,
        objection=objection,
        findings=() if objection is None else (_finding(objection, question),),
        accept=accept,
    )


def _without(objection: Objection, question: Question) -> Standing:
    """Return the standing where the directory's index does not count: the one before it stays in force where it is kept."""
    since = question.since(INDEX_FILE) if objection.rule.waits else None
    late = since is None or question.now.boot - since >= WAIT_SECONDS
    own = (_finding(objection, question),) if late else ()
    past = question.past
    if past.kept is not None and past.last is not None and past.kept.mark == past.last:
        before = _in_force(past.kept, question)
        return Standing(
            due=True,
            index=before.index,
            signed=before.signed,
            objection=before.objection,
            findings=own + before.findings,
            waiting=since,
        )
    return Standing(due=_due(question), objection=objection, findings=own, waiting=since)


def _finding(objection: Objection, question: Question) -> Finding:
    reason = str(objection.reason)
    # A signature's fault says of which file only in its sentence: in the list of a node's problems the reason says it too.
    known = reason.startswith("Index") or isinstance(objection.reason, IndexFault | Lack)
    return Finding(reason=reason if known else f"Index{reason}", message=objection.sentence(question.hints))
