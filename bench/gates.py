"""What the gates cost a manifest: verification of a set, the first time and while nothing changes. No runtime takes part."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bench.table import PODSTEAD
from podstead.signing.index import INDEX_FILE, Index, entry_of, write_index
from podstead.signing.private import PrivateKey, read_private, signature_file
from podstead.signing.provenance import INDEX, MANIFEST
from podstead.signing.signers import Signer
from podstead.state.sources import ManifestFile, SourceSnapshot
from podstead.trust.contents import Kind
from podstead.trust.evidence import examine, pairs
from podstead.trust.look import judge
from podstead.trust.standing import stand
from podstead.trust.values import Moment, Past, Question, Signers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.table import Results
    from podstead.trust.evidence import Evidence, Pair

MANIFESTS = 100
ROUNDS = 5
NODE = "bench"
NOW = 1_800_000_000
YEAR = 365 * 86_400


def measure_gates(results: Results) -> None:
    """Add the rows of the group `gates`."""
    for key, by_index in (("verify-signature", False), ("verify-index", True)):
        private = _key()
        signer = Signer(line=1, principals="ops@example.com", key=private.public)
        snapshot = _signed(texts(), private, by_index=by_index)
        for _ in range(ROUNDS):
            found: dict[Pair, Evidence] = {}
            results.add(f"{key}-cold", PODSTEAD, _pass(snapshot, signer, found))
            results.add(f"{key}-cached", PODSTEAD, _pass(snapshot, signer, found))


def _pass(snapshot: SourceSnapshot, signer: Signer, evidence: dict[Pair, Evidence]) -> float:
    """Verify a look as the agent does; returns the milliseconds for each manifest."""
    begun = time.perf_counter()
    for pair, data, signature in pairs(snapshot):
        if pair not in evidence:
            evidence[pair] = examine(data, signature, pair.namespace, {signer.key.fingerprint})
    question = Question(
        signers=Signers(signers=(signer,)),
        node=NODE,
        now=Moment(wall=NOW + 60.0, boot=60.0),
        past=Past(floor=1),
        evidence=evidence,
    )
    judged = judge(snapshot, Kind.MANIFEST, stand(snapshot.companions, question), question)
    taken = 1000 * (time.perf_counter() - begun) / MANIFESTS
    counting = sum(file.data is not None for file in judged.snapshot.files)
    if counting != MANIFESTS:
        raise AssertionError(f"{counting} of {MANIFESTS} manifests count: something else was measured")
    return taken


def texts() -> Mapping[str, bytes]:
    """Return the manifests of a set."""
    return {f"pod-{number}.yaml": _manifest(number) for number in range(MANIFESTS)}


def _manifest(number: int) -> bytes:
    """Return a manifest of the length that those of databases have: 2 KiB."""
    environment = [{"name": f"SETTING_{item}", "value": "x" * 40} for item in range(24)]
    container = {"name": "main", "image": "registry.example.com/db:8.0", "env": environment}
    metadata = {"name": f"pod-{number}", "namespace": "default"}
    return json.dumps(
        {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container]}}
    ).encode()


def _key() -> PrivateKey:
    private = ed25519.Ed25519PrivateKey.generate()
    return read_private(private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))


def _signed(texts: Mapping[str, bytes], key: PrivateKey, *, by_index: bool) -> SourceSnapshot:
    companions = {}
    if by_index:
        entries = {name: entry_of(data) for name, data in texts.items()}
        data = write_index(Index(nodes=(NODE,), version=1, issued=NOW, expires=NOW + YEAR, files=entries))
        companions[INDEX_FILE] = _file(INDEX_FILE, data)
        signature = signature_file(key.public, key.sign, data, namespace=INDEX)
        companions[f"{INDEX_FILE}.sig"] = _file(f"{INDEX_FILE}.sig", signature)
    else:
        for name, data in texts.items():
            signature = signature_file(key.public, key.sign, data, namespace=MANIFEST)
            companions[f"{name}.sig"] = _file(f"{name}.sig", signature)
    return replace(snapshot_of(texts), companions=companions)


def snapshot_of(texts: Mapping[str, bytes]) -> SourceSnapshot:
    """Return the look at a directory that holds these files."""
    return SourceSnapshot(path="/m", files=tuple(_file(name, data) for name, data in texts.items()), certain=True)


def _file(name: str, data: bytes) -> ManifestFile:
    return ManifestFile(
        name=name, path=f"/m/{name}", data=data, digest=hashlib.sha256(data).hexdigest(), size=len(data)
    )
