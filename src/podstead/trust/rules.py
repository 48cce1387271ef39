"""Every reason why some bytes do not count, and what follows from each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from podstead.signing.index_verify import IndexFault
from podstead.signing.provenance import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from podstead.hints import Hints


class Lack(StrEnum):
    """What is missing where something signed is due; faults of what is there are `Fault` and `IndexFault`."""

    SIGNATURE_MISSING = "SignatureMissing"
    NOT_IN_INDEX = "NotInIndex"
    DIGEST_MISMATCH = "DigestMismatch"
    INDEX_MISSING = "IndexMissing"
    LISTED_FILE_MISSING = "ListedFileMissing"
    RECORD_NOT_WRITTEN = "TrustRecordNotWritten"
    STORE_MISSING = "SignersMissing"


Reason = Lack | Fault | IndexFault


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What follows from a reason.

    `waits`: the other half may be on its way, so it is no alarm at once. `doubt`: it says nothing against the bytes, only
    that it is not certain that they are still meant; so what was admitted here before counts on. `mend` is what to do; names in
    braces stand for fields of `Hints`.
    """

    waits: bool = False
    doubt: bool = False
    mend: str


_SIGN = "sign it again: podstead sign"
_INDEX = "sign the whole set again: podstead sign --index"
_SIGNERS = "{keys} shows whose signatures count here"
_CLOCK = "set the clock (timedatectl), or bring a new index"

RULES: Mapping[Reason, Rule] = {
    Lack.SIGNATURE_MISSING: Rule(waits=True, mend="sign it: podstead sign"),
    Lack.NOT_IN_INDEX: Rule(waits=True, mend=_INDEX),
    Lack.DIGEST_MISMATCH: Rule(waits=True, mend=_INDEX),
    Lack.INDEX_MISSING: Rule(waits=True, doubt=True, mend="bring the index and its signature back"),
    Lack.LISTED_FILE_MISSING: Rule(waits=True, mend="bring it back, or sign an index without it"),
    Lack.RECORD_NOT_WRITTEN: Rule(doubt=True, mend="free disk space"),
    Lack.STORE_MISSING: Rule(doubt=True, mend="write the file of allowed signers"),
    Fault.DAMAGED: Rule(waits=True, mend=_SIGN),
    Fault.WRONG: Rule(waits=True, mend=_SIGN),
    Fault.OTHER_PURPOSE: Rule(mend=_SIGN),
    Fault.REVOKED: Rule(mend="sign it again with another key"),
    Fault.UNKNOWN_KEY: Rule(mend=_SIGNERS),
    Fault.NOT_ALLOWED: Rule(mend=_SIGNERS),
    Fault.NOT_VALID: Rule(doubt=True, mend="sign it again with a key that is valid now"),
    IndexFault.MALFORMED: Rule(mend=_INDEX),
    IndexFault.OTHER_NODE: Rule(mend="bring this node's own set"),
    IndexFault.OLDER: Rule(mend="bring the latest set"),
    IndexFault.FORKED: Rule(mend=_INDEX),
    IndexFault.BELOW_FLOOR: Rule(mend="bring a later set"),
    IndexFault.NO_RECORD: Rule(doubt=True, mend="{trust} init --floor VERSION{stopped}"),
    IndexFault.NOT_YET: Rule(doubt=True, mend=_CLOCK),
    IndexFault.EXPIRED: Rule(doubt=True, mend=_INDEX),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Objection:
    """Why some bytes do not count: `message` is one clause without a full stop."""

    reason: Reason
    message: str

    @property
    def rule(self) -> Rule:
        """What follows."""
        return RULES[self.reason]

    def sentence(self, hints: Hints) -> str:
        """Return the objection with what to do about it, unless it says so itself."""
        mend = self.rule.mend.format(trust=hints.trust, keys=hints.keys, stopped=hints.stopped)
        said = mend.partition(":")[0] in self.message or "podstead " in self.message
        return self.message if said else f"{self.message}; {mend}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something about the whole node's set that its operator has to hear of. `alarm`: it is not as it should be."""

    reason: str
    message: str
    subject: str = "podstead.index"
    alarm: bool = True
