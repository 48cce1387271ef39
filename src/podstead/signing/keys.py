"""Public keys as SSH writes them, and whether a signature is theirs.

Ed25519, ECDSA on the three NIST curves, RSA with SHA-2, and the first two on a security key (sk-*), whose signatures count
only if somebody touched it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.signing.primitives import RSA_DIGESTS, ecdsa_check, ed25519_check, rsa_check
from podstead.signing.wire import MalformedError, Reader

if TYPE_CHECKING:
    from podstead.signing.primitives import Check

ED25519 = "ssh-ed25519"
RSA = "ssh-rsa"
SK_ED25519 = "sk-ssh-ed25519@openssh.com"
SK_ECDSA = "sk-ecdsa-sha2-nistp256@openssh.com"
CURVES = {
    "ecdsa-sha2-nistp256": "nistp256",
    "ecdsa-sha2-nistp384": "nistp384",
    "ecdsa-sha2-nistp521": "nistp521",
    SK_ECDSA: "nistp256",
}
SECURITY_KEYS = (SK_ED25519, SK_ECDSA)
KEY_TYPES = (ED25519, SK_ED25519, *CURVES, RSA)
USER_PRESENT = 0x01
"""The flag by which a security key says that somebody touched it (PROTOCOL.u2f)."""
SHOWN = 40
"""So many characters of a name that nobody knows are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """One public key: its type as SSH names it, and its whole encoding."""

    type: str
    blob: bytes

    @property
    def fingerprint(self) -> str:
        """The key's SHA-256 as `ssh-keygen -l` prints it."""
        return "SHA256:" + base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")

    @property
    def short_type(self) -> str:
        """The type as ssh-keygen prints it: ED25519, RSA, ECDSA, and `-SK` behind it for a security key."""
        words = {ED25519: "ED25519", RSA: "RSA", SK_ED25519: "ED25519-SK", SK_ECDSA: "ECDSA-SK"}
        return words.get(self.type, "ECDSA")

    @property
    def text(self) -> str:
        """The key as a line of a .pub file, without a comment."""
        return f"{self.type} {base64.b64encode(self.blob).decode()}"


def read_key(blob: bytes) -> PublicKey:
    """Return the key of an encoding. Raises MalformedError: of a type that is not supported, or no key of its type."""
    kind = Reader(blob).name()
    if kind not in KEY_TYPES:
        said = "a certificate" if "-cert-v" in kind else f"of type {kind[:SHOWN]!r}"
        raise MalformedError(f"it is {said}; supported are {', '.join(KEY_TYPES)}")
    _parts(kind, blob)
    return PublicKey(type=kind, blob=blob)


def key_of_text(kind: str, encoded: str) -> PublicKey:
    """Return the key that two words of a line give, as in a .pub file. Raises MalformedError."""
    try:
        blob = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise MalformedError("it is not base64") from None
    key = read_key(blob)
    if key.type != kind:
        raise MalformedError(f"the line says {kind[:SHOWN]!r}, but it is {key.type}")
    return key


def fault_of(key: PublicKey, signature: bytes, data: bytes) -> str:
    """Return why a signature (its encoding, type first) is not this key's over the data; empty: it is. Never raises."""
    try:
        reader = Reader(signature)
        kind, raw = reader.name(), reader.string()
        check, application = _parts(key.type, key.blob)
        if key.type in SECURITY_KEYS:
            flags, counter = reader.byte(), reader.take(4)
            if not flags & USER_PRESENT:
                return "the security key was not touched for it"
            data = hashlib.sha256(application).digest() + bytes([flags]) + counter + hashlib.sha256(data).digest()
        reader.end()
        if key.type == RSA and kind == RSA:
            return "it is made with SHA-1, which is no longer safe: sign again with rsa-sha2-512"
        if kind not in (RSA_DIGESTS if key.type == RSA else (key.type,)):
            return f"it is of type {kind[:SHOWN]!r}, which no key of type {key.type} makes"
        return "" if check(kind, raw, data) else "it does not match the content"
    except MalformedError as error:
        return f"it is damaged: {error}"


def _parts(kind: str, blob: bytes) -> tuple[Check, bytes]:
    """Return the check of a key's raw signatures, and what a security key was made for. Raises MalformedError."""
    reader = Reader(blob)
    reader.string()
    if kind == RSA:
        exponent, modulus = reader.mpint(), reader.mpint()
        reader.end()
        return rsa_check(exponent, modulus), b""
    if (curve := CURVES.get(kind)) is not None and reader.name() != curve:
        raise MalformedError(f"its curve is not {curve}")
    point = reader.string()
    application = reader.string() if kind in SECURITY_KEYS else b""
    reader.end()
    return (ed25519_check(point) if curve is None else ecdsa_check(curve, point)), application
