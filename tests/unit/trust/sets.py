"""Sets of files as an operator signs them and an attacker moves them about, in memory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from podstead.signing.index import INDEX_FILE, Expiry, Index, entry_of, write_index
from podstead.signing.private import PrivateKey, read_private, signature_file
from podstead.signing.provenance import INDEX, MANIFEST
from podstead.signing.signers import Signer
from podstead.state.sources import ManifestFile, SourceSnapshot
from podstead.trust.evidence import examine, pairs
from podstead.trust.values import Moment, Past, Question, Signers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from podstead.trust.evidence import Evidence, Pair

NODE = "node1"
ISSUED, EXPIRES = 1_800_000_000, 1_900_000_000
NOW = 1_850_000_000.0
YEAR_1970 = 60.0


@cache
def key(name: str) -> PrivateKey:
    """Return the key of this name; the same in each run."""
    raw = ed25519.Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())
    return read_private(raw.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))


def signer(name: str = "ops", **more: object) -> Signer:
    """Return the line of a signer."""
    return Signer(line=1, principals=f"{name}@example.com", key=key(name).public, **more)  # type: ignore[arg-type]  # its fields


def signed(data: bytes, by: str = "ops", namespace: str = MANIFEST) -> bytes:
    """Return the signature file of a content."""
    return signature_file(key(by).public, key(by).sign, data, namespace=namespace)


@cache
def index_pair(
    version: int,
    files: tuple[tuple[str, bytes], ...],
    by: str = "ops",
    node: str = NODE,
    expiry: Expiry = Expiry.SOFT,
    issued: int = ISSUED,
    expires: int = EXPIRES,
) -> tuple[bytes, bytes]:
    """Return a signed index of these files."""
    index = Index(
        nodes=(node,),
        version=version,
        issued=issued,
        expires=expires,
        expiry=expiry,
        files={name: entry_of(data) for name, data in files},
    )
    data = write_index(index)
    return data, signed(data, by, INDEX)


@dataclass
class Place:
    """A directory: manifests, signatures and the index by name."""

    files: dict[str, bytes] = field(default_factory=dict)

    def put(self, version: int, files: Mapping[str, bytes], **more: object) -> None:
        """Lay a signed set down, over what is there."""
        listed = tuple(sorted(files.items()))
        data, signature = index_pair(version, listed, **more)
        self.files |= dict(files)
        self.files |= {INDEX_FILE: data, f"{INDEX_FILE}.sig": signature}

    def look(self, path: str = "/m") -> SourceSnapshot:
        """Return what the source sees of it."""
        found = {name: _file(path, name, data) for name, data in self.files.items()}
        beside = {name: one for name, one in found.items() if name.startswith(INDEX_FILE) or name.endswith(".sig")}
        manifests = tuple(one for name, one in sorted(found.items()) if name not in beside)
        return SourceSnapshot(path=path, files=manifests, certain=True, companions=beside)


def _file(path: str, name: str, data: bytes) -> ManifestFile:
    digest = hashlib.sha256(data).hexdigest()
    return ManifestFile(name=name, path=f"{path}/{name}", data=data, digest=digest, size=len(data))


_EXAMINED: dict[Pair, Evidence] = {}


def evidence_of(snapshot: SourceSnapshot) -> Mapping[Pair, Evidence]:
    """Return what every pair of a look says."""
    for pair, data, signature in pairs(snapshot):
        if pair not in _EXAMINED:
            _EXAMINED[pair] = examine(
                data, signature, pair.namespace, {key(name).public.fingerprint for name in ("ops", "dev")}
            )
    return _EXAMINED


def question(snapshot: SourceSnapshot, **more: object) -> Question:
    """Return what a look is judged by, unless said otherwise: the operator's key, today, and nothing on record."""
    usual: dict[str, object] = {
        "signers": Signers(signers=(signer(),)),
        "node": NODE,
        "now": Moment(wall=NOW, boot=1000.0),
        "past": Past(),
        "evidence": evidence_of(snapshot),
    }
    return Question(**(usual | more))  # type: ignore[arg-type]  # its fields
