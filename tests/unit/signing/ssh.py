"""The real ssh-keygen, and a security key made of software."""

from __future__ import annotations

import hashlib
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from podstead.signing.keys import SK_ECDSA, SK_ED25519, PublicKey, read_key
from podstead.signing.wire import mpint, string, uint32

if TYPE_CHECKING:
    from pathlib import Path

APPLICATION = b"ssh:"


def keygen(*words: str | Path, given: bytes = b"", code: int = 0) -> bytes:
    """Run ssh-keygen and return what it printed; it must end with the code."""
    done = subprocess.run(["ssh-keygen", *words], input=given, capture_output=True, timeout=30, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def make_key(directory: Path, name: str, kind: str, *more: str) -> Path:
    """Return the file of a new key; its public half lies beside it."""
    path = directory / name
    keygen("-q", "-t", kind, *more, "-N", "", "-C", name, "-f", path)
    return path


@dataclass(frozen=True, slots=True)
class SoftSecurityKey:
    """What a security key does, by software: Ed25519, or ECDSA where `curve` is set."""

    edwards: ed25519.Ed25519PrivateKey
    curve: ec.EllipticCurvePrivateKey | None = None

    @property
    def public(self) -> PublicKey:
        """Its public half as SSH encodes it."""
        if self.curve is None:
            raw = self.edwards.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
            return read_key(string(SK_ED25519.encode()) + string(raw) + string(APPLICATION))
        point = self.curve.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return read_key(string(SK_ECDSA.encode()) + string(b"nistp256") + string(point) + string(APPLICATION))

    def sign(self, data: bytes, flags: int = 1, counter: int = 7) -> bytes:
        """Return the encoding of a signature; bit 0 of `flags` says that somebody touched it."""
        told = bytes([flags]) + uint32(counter)
        whole = hashlib.sha256(APPLICATION).digest() + told + hashlib.sha256(data).digest()
        if self.curve is None:
            return string(SK_ED25519.encode()) + string(self.edwards.sign(whole)) + told
        r, s = utils.decode_dss_signature(self.curve.sign(whole, ec.ECDSA(hashes.SHA256())))
        return string(SK_ECDSA.encode()) + string(mpint(r) + mpint(s)) + told


def soft_keys() -> tuple[SoftSecurityKey, SoftSecurityKey]:
    """Return a security key of each kind."""
    edwards = ed25519.Ed25519PrivateKey.generate()
    return SoftSecurityKey(edwards), SoftSecurityKey(edwards, ec.generate_private_key(ec.SECP256R1()))
