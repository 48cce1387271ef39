"""Who is trusted next: a new file of allowed signers counts when a key of the old one has signed it."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from podstead.signing.provenance import TRUST, Invalid, Trust, verify
from podstead.signing.revocation import NOTHING, Revoked
from podstead.signing.signers import SignersError, read_signers


@dataclass(frozen=True, slots=True, kw_only=True)
class SignersInForce:
    """The signers' file that counts: its bytes and their SHA-256 in hexadecimal digits.

    `changed`: it is another one than before, and has to be written down before anything comes of it. `message` says in one
    sentence without a full stop why a file that was offered does not count; empty: it does.
    """

    data: bytes
    digest: str
    changed: bool = False
    message: str = ""


def signers_in_force(
    offered: bytes | None,
    signature: bytes | None,
    held: bytes | None,
    *,
    now: float,
    revoked: Revoked = NOTHING,
    recorded: str | None = "",
) -> SignersInForce | None:
    """Return which of two files counts: the one `offered` where it is configured, or the one `held` since before.

    The first ever is taken as it is: root put it there. Where the record has the digest of one in force (`recorded`, empty:
    there was none; None: nobody knows) and its bytes are not held any more, no other one is the first: only the same bytes
    count. Returned is None where there is neither, where the one that would be first cannot be read or is not that one, and
    where the one that is held cannot be read; then nobody is trusted. `now` is Unix seconds. Never raises.
    """
    if held is not None and signers_fault(held):
        return None
    if held is None:
        if offered is None or signers_fault(offered) or recorded not in {"", sha256(offered).hexdigest()}:
            return None
        return _force(offered, changed=True)
    if offered == held:
        return _force(held)
    if offered is None:
        return _force(held, message="the file of allowed signers is gone, and the one in force before still holds")
    if fault := succession_fault(offered, signature, held, now=now, revoked=revoked):
        return _force(held, message=f"the new allowed signers do not count, and the ones before still hold: {fault}")
    return _force(offered, changed=True)


def succession_fault(
    offered: bytes, signature: bytes | None, held: bytes, *, now: float, revoked: Revoked = NOTHING
) -> str:
    """Return why a file of signers may not follow another; empty: it may. Never raises."""
    if fault := signers_fault(offered):
        return fault
    if signature is None:
        return "no key of the old ones has signed them (podstead sign --signature-namespace podstead.io/trust)"
    if signers_fault(held):
        return "the old ones cannot be read, so nobody can tell whether a key of theirs has signed the new ones"
    trust = Trust(signers=read_signers(held, None), now=now, revoked=revoked)
    found = verify(offered, signature, trust, namespace=TRUST)
    return found.message if isinstance(found, Invalid) else ""


def signers_fault(data: bytes) -> str:
    """Return why a file names nobody to trust; empty: it does."""
    try:
        signers = read_signers(data, None)
    except SignersError as error:
        return f"they cannot be read: {error}"
    return "" if signers else "they name nobody"


def _force(data: bytes, *, changed: bool = False, message: str = "") -> SignersInForce:
    return SignersInForce(data=data, digest=sha256(data).hexdigest(), changed=changed, message=message)
