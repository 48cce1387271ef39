"""Keys that count no more: OpenSSH's key revocation lists (PROTOCOL.krl), or plain files of public keys.

Certificates are supported nowhere here, so the sections of a list that revoke them are stepped over.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from podstead.signing.keys import key_of_text
from podstead.signing.wire import MalformedError, Reader

if TYPE_CHECKING:
    from podstead.signing.keys import PublicKey

MAGIC = b"SSHKRL\n\0"
FORMAT = 1
MAX_BYTES = 16 * 1024 * 1024
_CERTIFICATES, _KEYS, _SHA1, _SIGNATURE, _SHA256, _EXTENSION = 1, 2, 3, 4, 5, 255


@dataclass(frozen=True, slots=True)
class Revoked:
    """What is revoked: keys by their encoding, or by a digest of it."""

    blobs: frozenset[bytes] = field(default_factory=frozenset)
    sha1: frozenset[bytes] = field(default_factory=frozenset)
    sha256: frozenset[bytes] = field(default_factory=frozenset)

    def __contains__(self, key: PublicKey) -> bool:
        """Whether a key is revoked."""
        if key.blob in self.blobs:
            return True
        if self.sha256 and hashlib.sha256(key.blob).digest() in self.sha256:
            return True
        return bool(self.sha1) and hashlib.sha1(key.blob, usedforsecurity=False).digest() in self.sha1

    def __or__(self, other: Revoked) -> Revoked:
        """Return what either revokes."""
        return Revoked(self.blobs | other.blobs, self.sha1 | other.sha1, self.sha256 | other.sha256)


NOTHING = Revoked()


def read_revoked(data: bytes) -> Revoked:
    """Return what a file revokes. Raises MalformedError: what cannot be read revokes nothing, and must not pass."""
    if len(data) > MAX_BYTES:
        raise MalformedError(f"it is larger than {MAX_BYTES} bytes")
    return _binary(data) if data.startswith(MAGIC) else _plain(data)


def _plain(data: bytes) -> Revoked:
    """Read public keys, one a line, as in a .pub file."""
    blobs: set[bytes] = set()
    try:
        lines = data.decode().split("\n")
    except UnicodeDecodeError:
        raise MalformedError("it is neither a key revocation list nor lines of public keys") from None
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) < 2:
            raise MalformedError(f"line {number}: a key's type and the key itself are due")
        try:
            blobs.add(key_of_text(words[0], words[1]).blob)
        except MalformedError as error:
            raise MalformedError(f"line {number}: the key cannot be used: {error}") from None
    return Revoked(frozenset(blobs))


def _binary(data: bytes) -> Revoked:
    reader = Reader(data, len(MAGIC))
    if (version := reader.uint32()) != FORMAT:
        raise MalformedError(f"its format is {version}; known is {FORMAT}")
    for _ in range(3):
        reader.uint64()  # the list's number, its date and its flags
    reader.string()
    reader.string()
    found: dict[int, set[bytes]] = {_KEYS: set(), _SHA1: set(), _SHA256: set()}
    signed = False
    while reader.left:
        kind = reader.byte()
        body = reader.string()
        if kind == _SIGNATURE:
            signed = True
            reader.string()
            continue
        if signed:
            raise MalformedError("something follows its signature")
        if kind in found:
            section = Reader(body)
            while section.left:
                found[kind].add(section.string())
        elif kind == _EXTENSION:
            _extension(body)
        elif kind != _CERTIFICATES:
            raise MalformedError(f"it has a section of unknown type {kind}")
    return Revoked(frozenset(found[_KEYS]), frozenset(found[_SHA1]), frozenset(found[_SHA256]))


def _extension(body: bytes) -> None:
    """Step over an extension, unless it says that it must be understood."""
    reader = Reader(body)
    name, critical = reader.name(), reader.byte()
    if critical:
        raise MalformedError(f"it has an extension {name[:40]!r} that must be understood, and is not known here")
