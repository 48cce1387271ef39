"""Whose signature stands under some bytes: the evidence that goes on with them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from podstead.signing.envelope import read_envelope, signed_bytes
from podstead.signing.keys import fault_of
from podstead.signing.patterns import matches
from podstead.signing.revocation import NOTHING
from podstead.signing.wire import MalformedError

if TYPE_CHECKING:
    from podstead.signing.keys import PublicKey
    from podstead.signing.revocation import Revoked
    from podstead.signing.signers import Signer

MANIFEST = "podstead.io/manifest"
"""The namespace of a signature under one manifest; a signature of another one is refused in its place."""
INDEX = "podstead.io/index"
"""Under the index of a whole set."""
POLICY = "podstead.io/policy"
"""Under a policy file."""
TRUST = "podstead.io/trust"
"""Under a new file of allowed signers, by a key of the old one."""


class Fault(StrEnum):
    """Why a signature does not count, as a reason."""

    DAMAGED = "SignatureDamaged"
    OTHER_PURPOSE = "SignatureForOtherPurpose"
    WRONG = "SignatureWrong"
    REVOKED = "KeyRevoked"
    UNKNOWN_KEY = "KeyUnknown"
    NOT_ALLOWED = "SignerNotAllowed"
    NOT_VALID = "KeyNotValid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """The signature counts: the line of the signers' file that says so."""

    key: PublicKey
    signer: Signer


@dataclass(frozen=True, slots=True, kw_only=True)
class Invalid:
    """The signature does not count; `message` is one sentence without a full stop."""

    fault: Fault
    message: str
    key: PublicKey | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Whom to trust, and when it is: seconds since the epoch."""

    signers: tuple[Signer, ...]
    now: float
    revoked: Revoked = NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Attested:
    """The signature is this key's under the data, made for this namespace; whether the key counts is another question."""

    key: PublicKey
    namespace: str


def verify(data: bytes, signature: bytes, trust: Trust, *, namespace: str, principal: str = "") -> Signed | Invalid:
    """Return whose signature a file's bytes are under the data. Never raises.

    With a `principal` only its signers count. All of this is asked of the very bytes that are given: whoever parses them
    later parses these.
    """
    attested = attest(data, signature, namespace=namespace)
    return attested if isinstance(attested, Invalid) else allowed(attested, trust, principal)


def attest(data: bytes, signature: bytes, *, namespace: str) -> Attested | Invalid:
    """Return which key signed the data: what costs time, and is the same whenever it is asked. Never raises."""
    try:
        envelope = read_envelope(signature)
    except MalformedError as error:
        return Invalid(fault=Fault.DAMAGED, message=f"the signature cannot be read: {error}")
    key = envelope.key
    if envelope.namespace != namespace:
        text = f"the signature was made for {envelope.namespace[:60]!r}, and here {namespace!r} is due"
        return Invalid(fault=Fault.OTHER_PURPOSE, message=text, key=key)
    if fault := fault_of(key, envelope.signature, signed_bytes(envelope.namespace, envelope.digest, data)):
        return Invalid(fault=Fault.WRONG, message=f"the signature does not hold: {fault}", key=key)
    return Attested(key=key, namespace=namespace)


def allowed(attested: Attested, trust: Trust, principal: str = "") -> Signed | Invalid:
    """Return the signer that a good signature is of, or the nearest reason why there is none."""
    key = attested.key
    if key in trust.revoked:
        return Invalid(fault=Fault.REVOKED, message=f"the key {key.fingerprint} is revoked", key=key)
    known = [signer for signer in trust.signers if signer.key == key]
    if not known:
        text = f"the key {key.fingerprint} is none of the allowed signers'"
        return Invalid(fault=Fault.UNKNOWN_KEY, message=text, key=key)
    meant = [signer for signer in known if not principal or matches(principal, signer.principals)]
    if not meant:
        text = f"the key {key.fingerprint} is not one of {principal!r}, but of {known[0].principals!r}"
        return Invalid(fault=Fault.NOT_ALLOWED, message=text, key=key)
    able = [signer for signer in meant if signer.may_sign(attested.namespace)]
    if not able:
        text = f"the key {key.fingerprint} may sign for {meant[0].namespaces!r}, not for {attested.namespace!r}"
        return Invalid(fault=Fault.NOT_ALLOWED, message=text, key=key)
    for signer in able:
        if not signer.time_fault(trust.now):
            return Signed(key=key, signer=signer)
    return Invalid(fault=Fault.NOT_VALID, message=able[0].time_fault(trust.now), key=key)
