"""What a judgement is made from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from podstead.config.security import SignatureMode
from podstead.hints import USUAL, Hints
from podstead.signing.provenance import Trust
from podstead.signing.revocation import NOTHING, Revoked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from podstead.signing.index import IndexMark
    from podstead.signing.provenance import Signed
    from podstead.signing.signers import Signer
    from podstead.state.provenance import Provenance
    from podstead.trust.evidence import Evidence, Pair, ReadIndex

WAIT_SECONDS = 10.0
"""How long the other half of a pair may be on its way before its lack is an alarm: two files that one program writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signers:
    """Whom to trust. `trouble` says why they are those of an earlier reading, or none at all; empty: they are as on disk."""

    signers: tuple[Signer, ...] = ()
    revoked: Revoked = NOTHING
    trouble: str = ""

    def at(self, now: float) -> Trust:
        """Return whom to trust at a time, Unix seconds."""
        return Trust(signers=self.signers, now=now, revoked=self.revoked)

    @property
    def unknown(self) -> bool:
        """Whether nobody can be trusted for want of a file that says whom."""
        return bool(self.trouble) and not self.signers

    @property
    def keys(self) -> frozenset[str]:
        """Fingerprints of the keys that count, whatever their times."""
        return frozenset(one.key.fingerprint for one in self.signers if one.key not in self.revoked)


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What is on record of the indexes that were accepted here.

    `last` is the highest of them, `kept` its own bytes where they are still there, `floor` the lowest version that root or
    an index lets count. `indexed`: some content here was admitted by an index, whatever else has been lost.
    """

    last: IndexMark | None = None
    floor: int | None = None
    kept: ReadIndex | None = None
    indexed: bool = False

    def also(self, *, indexed: bool) -> Past:
        """Return the same with what the revisions say of it."""
        return replace(self, indexed=self.indexed or indexed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When it is: Unix seconds for what signatures say, boot-clock seconds for what is waited for."""

    wall: float
    boot: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is judged by. `admitted` has the contents that run or wait here by their digests, with what stood for them.

    `allowed` has the digests that root let through for a while, with the sentence that says so. `waiting` says since when, on
    the boot clock, something has been incomplete. `frozen`: what is new cannot be recorded, for this reason. `hints` are the
    commands that reach who judges.
    """

    mode: SignatureMode = SignatureMode.ENFORCE
    signers: Signers
    node: str
    now: Moment
    past: Past
    evidence: Mapping[Pair, Evidence]
    admitted: Mapping[str, Provenance] = field(default_factory=lambda: MappingProxyType({}))
    allowed: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    waiting: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    frozen: str = ""
    hints: Hints = USUAL

    def with_evidence(self, evidence: Mapping[Pair, Evidence]) -> Question:
        """Return the same question with other signatures examined."""
        return replace(self, evidence=evidence)

    def since(self, name: str) -> float:
        """Return since when a name is incomplete: now, unless it was before."""
        return self.waiting.get(name, self.now.boot)


def principals_of(signed: Signed) -> str:
    """Return who signed, as provenance has it."""
    return signed.signer.principals
