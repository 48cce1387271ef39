"""Indexes for tests: one that has everything, and keys that sign it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.signing.index import Entry, Expiry, Index, entry_of, write_index
from podstead.signing.private import signature_file
from podstead.signing.provenance import INDEX, Trust
from podstead.signing.signers import read_signers
from tests.unit.signing.ssh import soft_keys

if TYPE_CHECKING:
    from podstead.signing.revocation import Revoked

NOW = 1_800_000_000
DAY = 86_400
SOFT, STRANGER = soft_keys()
WEB: Entry = entry_of(b"kind: Pod\n")
FULL = Index(
    nodes=("db-1", "web-*", "!web-9"),
    version=7,
    issued=NOW - DAY,
    expires=NOW + DAY,
    expiry=Expiry.HARD,
    floor=3,
    files={"web.yaml": WEB, "größe.yaml": entry_of(b"")},
    objects={"settings.yaml": WEB},
    policy=WEB,
    profiles={"audit/strict.json": WEB, "/etc/apparmor.d/web": WEB},
    urls={"https://manifests.example.com/node1.yaml": WEB},
    host_files={"/etc/web/web.conf": WEB},
    images={"docker.io/library/mysql:8.0": f"sha256:{WEB.sha256}"},
)


def trust(now: float = NOW, options: str = "", revoked: Revoked | None = None) -> Trust:
    """Return trust in one key."""
    signers = read_signers(f"ops {options} {SOFT.public.text}\n".encode())
    return Trust(signers=signers, now=now) if revoked is None else Trust(signers=signers, now=now, revoked=revoked)


def signed(index: Index, *, namespace: str = INDEX) -> tuple[bytes, bytes]:
    """Return an index's document and its signature."""
    data = write_index(index)
    return data, signature_file(SOFT.public, SOFT.sign, data, namespace=namespace)
