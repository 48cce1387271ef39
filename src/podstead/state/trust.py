"""What the node must not forget of its trust: the highest index, the floor, the strictest mode, whom it trusts.

Class A (foundation 21): written down before anything comes of it. Every function takes a record and returns the one to write.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from podstead.config.security import SignatureMode
from podstead.hints import USUAL

if TYPE_CHECKING:
    from podstead.hints import Hints
    from podstead.signing.index import Index, IndexMark

MAX_REASON = 500
"""So many characters of a reason that root gives are kept; it is a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lowering:
    """Root lowered the mode: why, and when in Unix seconds."""

    reason: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustRecord:
    """The record under STATE/trust.

    `accepted` is the highest index that was accepted here; once there is one, signatures beside single files never admit
    again. `floor` is the lowest version that counts, None as long as neither root nor an index has given one. `mode` is the
    strictest that was in force since root lowered it last. `signers` is the SHA-256 of the allowed signers in force, whose bytes
    are kept beside the record; empty: none yet; None: nobody knows, for they were lost with the record that named them.
    """

    accepted: IndexMark | None = None
    floor: int | None = None
    mode: SignatureMode = SignatureMode.OFF
    signers: str | None = ""
    lowering: Lowering | None = None
    lost: bool = False
    """Whether there was a record that could not be read: nothing new counts until root says from which version on."""


EMPTY = TrustRecord()
LOST = TrustRecord(mode=SignatureMode.ENFORCE, signers=None, lost=True)
"""What a record that cannot be read is worth: as strict as there is."""


class TrustRefusal(ValueError):
    """A change of the record that is not to be; the text is one sentence without a full stop."""


def stricter(one: SignatureMode, other: SignatureMode) -> SignatureMode:
    """Return the stricter of two modes."""
    return max(one, other, key=lambda mode: mode.strictness)


def mode_in_force(configured: SignatureMode, record: TrustRecord, hints: Hints = USUAL) -> tuple[SignatureMode, str]:
    """Return the mode that holds, and a sentence where it is not the one that is configured."""
    holds = stricter(configured, record.mode)
    if holds is configured:
        return holds, ""
    return holds, (
        f"signature mode {configured} is configured, and {holds} was in force: the stricter one holds until"
        f" {hints.trust} lower --mode {configured} --reason TEXT{hints.stopped}"
    )


def with_mode(record: TrustRecord, mode: SignatureMode) -> TrustRecord:
    """Return the record once a mode is in force; one that is as strict already stays as it is."""
    return record if stricter(mode, record.mode) is record.mode else replace(record, mode=mode, lowering=None)


def with_index(record: TrustRecord, index: Index, mark: IndexMark) -> TrustRecord:
    """Return the record once an index is accepted; whoever calls has judged it by this record. The floor never falls."""
    return replace(record, accepted=mark, floor=max(index.floor, record.floor or 0), lost=False)


def with_signers(record: TrustRecord, digest: str) -> TrustRecord:
    """Return the record once other signers are in force."""
    return replace(record, signers=digest)


def signers_lost(digest: str | None, path: str, hints: Hints) -> str:
    """Return what there is to do where the signers on record are no more: `path` is the configured file, which is not theirs."""
    if digest is None:
        return (
            f"which allowed signers were in force is lost with the record of trust, and {path} does not count by itself:"
            f" nobody is trusted for anything new until {hints.rotate} FILE --reason TEXT says whom{hints.stopped}"
        )
    return (
        f"the allowed signers in force, SHA-256 {digest}, are gone from the state directory, and {path} is not they: nobody is"
        f" trusted for anything new until {hints.rotate} FILE brings them back, or trusts others with --reason"
        f" TEXT{hints.stopped}"
    )


def reason_fault(reason: str) -> str:
    """Return why what root says is no reason; empty: it is one."""
    if not reason.strip():
        return "a reason is due: --reason TEXT"
    if len(reason) > MAX_REASON:
        return f"the reason has {len(reason)} characters, and {MAX_REASON} are the most"
    return ""


def initialised(record: TrustRecord, floor: int) -> TrustRecord:
    """Return the record once root has given a floor. Raises TrustRefusal: floors and versions only rise."""
    if record.floor is not None and floor < record.floor:
        raise TrustRefusal(f"the floor is {record.floor} already, and it only rises")
    if record.accepted is not None and floor > record.accepted.version:
        text = (
            f"index {record.accepted.version} is in force, and a floor of {floor} would end it: sign a newer set first"
        )
        raise TrustRefusal(text)
    return replace(record, floor=floor, lost=False)


def lowered(record: TrustRecord, mode: SignatureMode, reason: str, at: float) -> TrustRecord:
    """Return the record once root wants a lower mode than the last in force. Raises TrustRefusal. `at` is Unix seconds."""
    if fault := reason_fault(reason):
        raise TrustRefusal(fault)
    if stricter(mode, record.mode) is mode:
        raise TrustRefusal(f"the last mode in force is {record.mode}, and {mode} is not lower")
    return replace(record, mode=mode, lowering=Lowering(reason=reason, at=at))
