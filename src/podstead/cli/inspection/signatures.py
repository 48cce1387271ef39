"""Whose signatures stand beside the manifests, where somebody is trusted at all."""

from __future__ import annotations

import posixpath
from pathlib import Path
from typing import TYPE_CHECKING

from podstead.errors import OperatorError
from podstead.inspection import rules
from podstead.inspection.findings import Finding, found, shell
from podstead.inspection.places import COMPANIONS
from podstead.inspection.seen import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from podstead.inspection.places import SeenPlace
    from podstead.inspection.seen import SeenFile
    from podstead.signing.index import Index
    from podstead.signing.provenance import Trust

INDEX_FILE = "podstead.index"
DEFAULT_SIGNERS = Path("/etc/podstead/allowed_signers")


def trust_in(signers: Path, revoked: Path | None, now: float) -> Trust:
    """Return whom these files trust. Raises OperatorError: doubt about it is not to be verified with."""
    # The cryptographic library takes 10 MiB, which only those pay who have signers.
    from podstead.signing.provenance import Trust
    from podstead.signing.revocation import NOTHING, read_revoked
    from podstead.signing.signers import read_signers
    from podstead.signing.wire import MalformedError

    try:
        gone = read_revoked(revoked.read_bytes()) if revoked is not None else NOTHING
        return Trust(signers=read_signers(signers.read_bytes(), None), now=now, revoked=gone)
    except MalformedError as error:
        raise OperatorError(f"cannot use {signers}: {error}") from None
    except OSError as error:
        raise OperatorError(f"cannot read {error.filename or signers}: {error.strerror or error}") from None


def judge_signatures(places: Iterable[SeenPlace], trust: Trust, node: str) -> Iterator[Finding]:
    """Yield the manifests that nobody answers for, and those whose signature does not count.

    Where there is an index that counts for this node and now, it alone answers for the files: so it is with an agent. What
    versions were accepted here before is not asked: there may be no agent.
    """
    for place in places:
        beside = {posixpath.basename(entry.path): entry for entry in place.entries}
        manifests = {name: entry for name, entry in beside.items() if _is_manifest(name, entry)}
        if (entry := beside.get(INDEX_FILE)) is None:
            for name, manifest in manifests.items():
                yield from _by_signature(manifest, beside.get(f"{name}.sig"), trust)
            continue
        index = _index(entry, beside.get(f"{INDEX_FILE}.sig"), trust, node)
        if isinstance(index, str):
            yield found(rules.BAD_SIGNATURE, entry.path, index, mend=f"podstead sign --index {shell(place.path)}")
            continue
        yield from _by_index(place, manifests, index)


def _is_manifest(name: str, entry: SeenFile) -> bool:
    is_file = entry.kind is Kind.FILE and entry.data is not None
    return is_file and not name.startswith(".") and not name.endswith(COMPANIONS)


def _by_signature(entry: SeenFile, signature: SeenFile | None, trust: Trust) -> Iterator[Finding]:
    from podstead.signing.provenance import MANIFEST, Invalid, verify

    mend = f"podstead sign {shell(entry.path)}"
    if signature is None or signature.data is None:
        yield found(rules.UNSIGNED, entry.path, "there is no signature beside it", mend=mend)
        return
    verdict = verify(entry.data or b"", signature.data, trust, namespace=MANIFEST)
    if isinstance(verdict, Invalid):
        yield found(rules.BAD_SIGNATURE, entry.path, f"{verdict.fault}: {verdict.message}", mend=mend)


def _index(entry: SeenFile, signature: SeenFile | None, trust: Trust, node: str) -> Index | str:
    """Return the index, or why it does not count."""
    from podstead.signing.index_reader import read_index
    from podstead.signing.index_verify import node_fault, time_fault
    from podstead.signing.provenance import INDEX, Invalid, verify
    from podstead.signing.wire import MalformedError

    if entry.data is None or signature is None or signature.data is None:
        return "the index has no signature beside it"
    verdict = verify(entry.data, signature.data, trust, namespace=INDEX)
    if isinstance(verdict, Invalid):
        return f"{verdict.fault}: {verdict.message}"
    try:
        index = read_index(entry.data)
    except MalformedError as error:
        return f"the index cannot be read: {error}"
    fault = node_fault(index, node) or time_fault(index, trust.now)
    return index if fault is None else f"{fault[0]}: {fault[1]}"


def _by_index(place: SeenPlace, manifests: Mapping[str, SeenFile], index: Index) -> Iterator[Finding]:
    mend = f"podstead sign --index {shell(place.path)}"
    for name, entry in manifests.items():
        listed = index.files.get(name)
        if listed is None:
            yield found(rules.UNSIGNED, entry.path, "the signed index does not list it", mend=mend)
        elif fault := listed.fault(entry.data or b""):
            yield found(rules.BAD_SIGNATURE, entry.path, fault, mend=mend)
    for name in sorted(index.files.keys() - manifests.keys()):
        path = posixpath.join(place.path, name)
        yield found(rules.LISTED_MISSING, path, "the signed index lists it, and it is not there", mend=mend)
