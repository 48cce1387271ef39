"""What reads bytes that others wrote, and from what the changes begin."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from podstead.manifest.read import read_manifest
from podstead.manifest.read_objects import read_objects
from podstead.manifest.reading import Reading, Severity
from podstead.signing.envelope import read_envelope
from podstead.signing.index import write_index
from podstead.signing.index_reader import read_index
from podstead.signing.private import read_private, signature_file
from podstead.signing.provenance import MANIFEST, Signed, Trust, verify
from podstead.signing.revocation import read_revoked
from podstead.signing.signers import read_signers
from podstead.signing.wire import MalformedError
from tests.unit.signing.indexes import FULL
from tests.unit.signing.ssh import SoftSecurityKey

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

GOLDEN = Path(__file__).parents[1] / "golden" / "manifest"
CONTENT = b"kind: Pod\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """One reader. `read` raises AssertionError for a wrong answer; any exception but `refusals` is wrong as well."""

    name: str
    seeds: Sequence[bytes]
    read: Callable[[bytes], object]
    refusals: tuple[type[Exception], ...] = ()


def _manifest(data: bytes) -> None:
    _judge(read_manifest(data, node_name="node"))


def _objects(data: bytes) -> None:
    _judge(read_objects(data))


def _judge(reading: Reading) -> None:
    errors = [message for message in reading.messages if message.severity is Severity.ERROR]
    assert reading.accepted != bool(errors), reading
    assert reading.accepted or not (reading.pods or reading.objects), reading


def _signature(data: bytes) -> None:
    """Only the very signature that was made counts; armour leaves room for blanks and lines alone."""
    if isinstance(verify(CONTENT, data, TRUST, namespace=MANIFEST), Signed):
        assert read_envelope(data) == read_envelope(SIGNATURE)


def _index(data: bytes) -> None:
    """What is read is sound: it is written and read back as the same."""
    read = read_index(data)
    assert read_index(write_index(read)) == read


SOFT = SoftSecurityKey(ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32)))
"""Always the same, so that a seed makes the same inputs."""
SIGNATURE = signature_file(SOFT.public, SOFT.sign, CONTENT, namespace=MANIFEST)
SIGNERS = f'ops@example.com,*@ops.example namespaces="podstead.io/*",valid-after="20260101Z" {SOFT.public.text}\n# x\n'.encode()
TRUST = Trust(signers=read_signers(f"ops {SOFT.public.text}\n".encode()), now=1.8e9)
KRL = bytes.fromhex("5353484b524c0a00000000010000000000000001000000006a00000000000000000000000000000000")
PRIVATE = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32)).private_bytes(
    Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()
)
OBJECTS = b"""apiVersion: v1
kind: Secret
metadata: {name: db, namespace: shop}
type: Opaque
immutable: true
stringData: {user: root}
data: {password: aHVudGVyMg==}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: my-cnf}
data:
  my.cnf: |
    [mysqld]
    port = 3311
binaryData: {blob: AAEC}
"""

READERS = (
    Reader(
        name="manifest",
        seeds=tuple(path.read_bytes()[: 6 << 10] for path in sorted(GOLDEN.glob("*.yaml"))),
        read=_manifest,
    ),
    Reader(name="objects", seeds=(OBJECTS,), read=_objects),
    Reader(name="signature", seeds=(SIGNATURE,), read=_signature),
    Reader(name="signers", seeds=(SIGNERS,), read=read_signers, refusals=(MalformedError,)),
    Reader(
        name="revoked",
        seeds=(KRL, SOFT.public.text.encode()),
        read=read_revoked,
        refusals=(MalformedError,),
    ),
    Reader(name="index", seeds=(write_index(FULL),), read=_index, refusals=(MalformedError,)),
    Reader(
        name="private-key",
        seeds=(PRIVATE,),
        read=read_private,
        refusals=(MalformedError,),
    ),
)
