"""A detached signature as `ssh-keygen -Y sign` writes it (PROTOCOL.sshsig)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from podstead.signing.keys import PublicKey, read_key
from podstead.signing.wire import MalformedError, Reader, string, uint32

MAGIC = b"SSHSIG"
VERSION = 1
DIGESTS = ("sha512", "sha256")
"""What content may be hashed with; the first is what is written here, as by ssh-keygen."""
BEGIN, END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
COLUMNS = 70
"""So many characters of base64 stand in a line."""
MAX_BYTES = 64 * 1024
"""A signature file is a few hundred bytes; the largest RSA key makes four thousand."""

_ARMOUR = re.compile(rf"\s*{BEGIN}\r?\n(?P<body>[A-Za-z0-9+/=\r\n]*)\n{END}\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A signature with what it says of itself: whose key, for which namespace, over which digest of the content."""

    key: PublicKey
    namespace: str
    digest: str
    signature: bytes


def signed_bytes(namespace: str, digest: str, content: bytes) -> bytes:
    """Return what is signed for a content: the namespace and the digest's name bind it to its purpose."""
    hashed = hashlib.new(digest, content).digest()
    return MAGIC + string(namespace.encode()) + string(b"") + string(digest.encode()) + string(hashed)


def write_envelope(envelope: Envelope) -> bytes:
    """Return the file's bytes, armoured as ssh-keygen writes them."""
    blob = (
        MAGIC
        + uint32(VERSION)
        + string(envelope.key.blob)
        + string(envelope.namespace.encode())
        + string(b"")
        + string(envelope.digest.encode())
        + string(envelope.signature)
    )
    text = base64.b64encode(blob).decode()
    lines = [text[start : start + COLUMNS] for start in range(0, len(text), COLUMNS)]
    return "\n".join((BEGIN, *lines, END, "")).encode()


def read_envelope(data: bytes) -> Envelope:
    """Return the signature that a file holds, one and nothing else. Raises MalformedError."""
    if len(data) > MAX_BYTES:
        raise MalformedError(f"it is larger than {MAX_BYTES} bytes")
    try:
        armoured = _ARMOUR.fullmatch(data.decode("ascii"))
    except UnicodeDecodeError:
        armoured = None
    if armoured is None:
        raise MalformedError(f"it is not one block from {BEGIN!r} to {END!r}")
    try:
        blob = base64.b64decode(re.sub(r"[\r\n]", "", armoured["body"]), validate=True)
    except (binascii.Error, ValueError):
        raise MalformedError("it is not base64") from None
    reader = Reader(blob)
    if reader.take(len(MAGIC)) != MAGIC:
        raise MalformedError("it does not begin with SSHSIG")
    if (version := reader.uint32()) != VERSION:
        raise MalformedError(f"its version is {version}; known is {VERSION}")
    key_blob, namespace = reader.string(), reader.name()
    reader.string()  # reserved: signed below as the empty string that writers put there, so that another one fails
    digest, signature = reader.name(), reader.string()
    reader.end()
    if digest not in DIGESTS:
        raise MalformedError(f"its digest is {digest[:20]!r}; known are {', '.join(DIGESTS)}")
    if not namespace:
        raise MalformedError("its namespace is empty")
    return Envelope(key=_key(key_blob), namespace=namespace, digest=digest, signature=signature)


def _key(blob: bytes) -> PublicKey:
    try:
        return read_key(blob)
    except MalformedError as error:
        raise MalformedError(f"its key is not usable: {error}") from None
