"""Whether one content counts: the same rules for a manifest, an object, a URL's body, a profile, a policy."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from podstead.signing.index import Expiry
from podstead.signing.index_verify import IndexFault
from podstead.signing.provenance import MANIFEST, Attested, Fault, Invalid, allowed
from podstead.state.provenance import Provenance, Warrant
from podstead.trust.evidence import Pair, of
from podstead.trust.rules import Lack, Objection
from podstead.trust.values import principals_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from podstead.signing.index import Entry, Index
    from podstead.trust.standing import Standing
    from podstead.trust.values import Question


class Kind(StrEnum):
    """What a content is for; the value is how a sentence calls it."""

    MANIFEST = "manifest"
    OBJECT = "object file"
    URL = "body of the URL"
    PROFILE = "profile"
    HOST_FILE = "file of the node"
    POLICY = "policy"


_LASTING = frozenset({Warrant.SIGNATURE, Warrant.INDEX})
"""Warrants that doubt leaves standing: what nobody signed had none, and root's word (`allowed`) ends in its time, doubt or not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """One content: what it is, its name in the index, its SHA-256 in hexadecimal digits and its length in bytes.

    `signature` is the digest of the signature file beside it; empty: there is none.
    """

    kind: Kind
    name: str
    digest: str
    size: int
    signature: str = ""
    namespace: str = MANIFEST

    @property
    def pair(self) -> Pair:
        """What was examined where there is a signature."""
        return Pair(self.digest, self.signature, self.namespace)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """`provenance` says who stands for the content; None: it does not count, for the `objection`.

    With both it counts although something is not as it should be: it was admitted here before.
    """

    provenance: Provenance | None = None
    objection: Objection | None = None


def rule(content: Content, standing: Standing, question: Question) -> Ruling:
    """Return whether a content counts under what stands on the node."""
    if content.digest in question.allowed:
        return Ruling(provenance=Provenance(warrant=Warrant.ALLOWED, digest=content.digest))
    found = _found(content, standing, question)
    if isinstance(found, Provenance):
        return Ruling(provenance=found)
    before = question.admitted.get(content.digest)
    if before is not None and before.warrant in _LASTING and _excused(found, before, standing, question):
        return Ruling(provenance=before, objection=found)
    return Ruling(objection=found)


def _found(content: Content, standing: Standing, question: Question) -> Provenance | Objection:
    if question.signers.unknown:
        return Objection(reason=Lack.STORE_MISSING, message=question.signers.trouble)
    if standing.due:
        return _by_index(content, standing)
    if not content.signature and standing.objection is not None:  # whoever signs a whole set signs no single files
        return standing.objection
    return _by_signature(content, question)


def _excused(objection: Objection, before: Provenance, standing: Standing, question: Question) -> bool:
    """Return whether a content that was admitted here before counts on: doubt refuses what is new only."""
    if before.key and before.key not in question.signers.keys and not question.signers.unknown:
        return False
    hard = standing.index is not None and standing.index.expiry is Expiry.HARD
    return objection.rule.doubt and not (hard and objection.reason is IndexFault.EXPIRED)


def _by_index(content: Content, standing: Standing) -> Provenance | Objection:
    index, signed = standing.index, standing.signed
    if index is None:
        lost = "no index is in force, and this node goes by one"
        return standing.objection or Objection(reason=Lack.INDEX_MISSING, message=lost)
    entry = listed(index, content.kind).get(content.name)
    if entry is None:
        text = f"the index of version {index.version} does not list this {content.kind}"
        return Objection(reason=Lack.NOT_IN_INDEX, message=text)
    if entry.sha256 != content.digest or entry.size != content.size:
        text = (
            f"its SHA-256 is {content.digest[:12]}…, and the index of version {index.version} has {entry.sha256[:12]}…"
        )
        return Objection(reason=Lack.DIGEST_MISMATCH, message=text)
    if standing.objection is not None:
        return standing.objection
    if signed is None:
        return Objection(reason=Lack.INDEX_MISSING, message="nobody signed the index that is in force")
    return Provenance(
        warrant=Warrant.INDEX,
        principals=principals_of(signed),
        key=signed.key.fingerprint,
        index_version=index.version,
        pins=tuple(sorted(index.images.items())),
        until=float(index.expires),
        digest=content.digest,
    )


def _by_signature(content: Content, question: Question) -> Provenance | Objection:
    if not content.signature:
        text = f"nobody signed this {content.kind}"
        if content.kind is Kind.URL:
            text += ": it counts by a signed index that lists it"
        return Objection(reason=Lack.SIGNATURE_MISSING, message=text)
    evidence = of(question.evidence, content.pair)
    if not isinstance(evidence, Attested):
        if isinstance(evidence, Invalid):
            return Objection(reason=evidence.fault, message=evidence.message)
        return Objection(reason=Fault.OTHER_PURPOSE, message="its signature is that of an index")
    signer = allowed(evidence, question.signers.at(question.now.wall))
    if isinstance(signer, Invalid):
        return Objection(reason=signer.fault, message=signer.message)
    return Provenance(
        warrant=Warrant.SIGNATURE,
        principals=principals_of(signer),
        key=signer.key.fingerprint,
        until=signer.signer.valid_before,
        digest=content.digest,
    )


def listed(index: Index, kind: Kind) -> Mapping[str, Entry]:
    """Return the index's table of contents for what a content is for; a policy stands there under its own name."""
    match kind:
        case Kind.MANIFEST:
            return index.files
        case Kind.OBJECT:
            return index.objects
        case Kind.URL:
            return index.urls
        case Kind.PROFILE:
            return index.profiles
        case Kind.HOST_FILE:
            return index.host_files
        case Kind.POLICY:
            return {} if index.policy is None else {"policy": index.policy}
