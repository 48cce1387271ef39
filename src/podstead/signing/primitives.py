"""Raw signatures checked by the cryptographic library, a check for each kind of key."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

from podstead.signing.wire import MalformedError, Reader

if TYPE_CHECKING:
    from collections.abc import Callable

RSA_DIGESTS = {"rsa-sha2-256": hashes.SHA256(), "rsa-sha2-512": hashes.SHA512()}
"""Names of an RSA key's signatures; `ssh-rsa`, which is SHA-1, is none of them."""
MIN_RSA_BITS, MAX_RSA_BITS = 2048, 16384
"""ssh-keygen's own least; its greatest bounds the time that a check may take."""
CURVES: dict[str, tuple[ec.EllipticCurve, hashes.HashAlgorithm]] = {
    "nistp256": (ec.SECP256R1(), hashes.SHA256()),
    "nistp384": (ec.SECP384R1(), hashes.SHA384()),
    "nistp521": (ec.SECP521R1(), hashes.SHA512()),
}

Check: TypeAlias = "Callable[[str, bytes, bytes], bool]"
"""Takes the signature's type, the signature and the data; raises MalformedError where the signature is none."""


def ed25519_check(point: bytes) -> Check:
    """Return the check of an Ed25519 key. Raises MalformedError."""
    try:
        key = ed25519.Ed25519PublicKey.from_public_bytes(point)
    except ValueError:
        raise MalformedError("it is not a valid Ed25519 key") from None

    def check(_: str, raw: bytes, data: bytes) -> bool:
        try:
            key.verify(raw, data)
        except InvalidSignature:
            return False
        return True

    return check


def ecdsa_check(curve: str, point: bytes) -> Check:
    """Return the check of a key on a NIST curve. Raises MalformedError."""
    of, digest = CURVES[curve]
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(of, point)
    except ValueError:
        raise MalformedError("it is not a point of its curve") from None

    def check(_: str, raw: bytes, data: bytes) -> bool:
        reader = Reader(raw)
        r, s = reader.mpint(), reader.mpint()
        reader.end()
        try:
            key.verify(utils.encode_dss_signature(r, s), data, ec.ECDSA(digest))
        except InvalidSignature:
            return False
        return True

    return check


def rsa_check(exponent: int, modulus: int) -> Check:
    """Return the check of an RSA key. Raises MalformedError."""
    if not MIN_RSA_BITS <= modulus.bit_length() <= MAX_RSA_BITS:
        raise MalformedError(f"it is an RSA key of {modulus.bit_length()} bits, and {MIN_RSA_BITS} are the least")
    try:
        key = rsa.RSAPublicNumbers(exponent, modulus).public_key()
    except ValueError:
        raise MalformedError("it is not a valid RSA key") from None

    def check(named: str, raw: bytes, data: bytes) -> bool:
        try:
            key.verify(raw, data, padding.PKCS1v15(), RSA_DIGESTS[named])
        except InvalidSignature:
            return False
        return True

    return check
