"""A private key of OpenSSH's, and signatures by it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_private_key

from podstead.signing.envelope import DIGESTS, Envelope, signed_bytes, write_envelope
from podstead.signing.keys import CURVES, PublicKey, key_of_text
from podstead.signing.primitives import CURVES as DIGESTS_OF_CURVES
from podstead.signing.wire import MalformedError, mpint, string

if TYPE_CHECKING:
    from collections.abc import Callable

RSA_SIGNATURE = "rsa-sha2-512"
"""What an RSA key signs with, as ssh-keygen's does."""

_Private = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class EncryptedKeyError(MalformedError):
    """The key is guarded by a passphrase, which is not asked for here."""


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """A key that can sign; `public` is its other half."""

    public: PublicKey
    _private: _Private

    def sign(self, data: bytes) -> bytes:
        """Return the encoding of a signature over the data, its type first."""
        match self._private:
            case ed25519.Ed25519PrivateKey():
                return string(self.public.type.encode()) + string(self._private.sign(data))
            case rsa.RSAPrivateKey():
                raw = self._private.sign(data, padding.PKCS1v15(), hashes.SHA512())
                return string(RSA_SIGNATURE.encode()) + string(raw)
            case ec.EllipticCurvePrivateKey():
                _, digest = DIGESTS_OF_CURVES[CURVES[self.public.type]]
                r, s = utils.decode_dss_signature(self._private.sign(data, ec.ECDSA(digest)))
                return string(self.public.type.encode()) + string(mpint(r) + mpint(s))


def read_private(data: bytes) -> PrivateKey:
    """Return the key of a file as ssh-keygen writes it, without a passphrase.

    Raises EncryptedKeyError, and MalformedError for what is no such key.
    """
    try:
        private = load_ssh_private_key(data, password=None)
    except (TypeError, UnsupportedAlgorithm):
        if b"PRIVATE KEY" not in data:
            raise MalformedError("it is no private key of OpenSSH's") from None
        raise EncryptedKeyError("it is guarded by a passphrase, or of a type that only ssh-agent can use") from None
    except ValueError as error:
        if "Key is password-protected" in str(error):
            raise EncryptedKeyError("it is guarded by a passphrase") from None
        raise MalformedError("it is no private key of OpenSSH's") from None
    if not isinstance(private, ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise MalformedError("keys of its type are not supported")
    text = private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    kind, encoded, *_ = text.decode().split()
    return PrivateKey(key_of_text(kind, encoded), private)


def signature_file(key: PublicKey, sign: Callable[[bytes], bytes], content: bytes, *, namespace: str) -> bytes:
    """Return the bytes of a signature file for a content; `sign` returns the key's signature over what it is given."""
    digest = DIGESTS[0]
    signature = sign(signed_bytes(namespace, digest, content))
    return write_envelope(Envelope(key=key, namespace=namespace, digest=digest, signature=signature))
