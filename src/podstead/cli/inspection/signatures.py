"""Whose signatures stand beside the manifests, where somebody is trusted at all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from podstead.errors import OperatorError
from podstead.inspection import rules
from podstead.inspection.findings import Finding, found, shell
from podstead.inspection.places import COMPANIONS
from podstead.inspection.seen import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from podstead.inspection.places import SeenPlace
    from podstead.signing.provenance import Trust

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


def judge_signatures(places: Iterable[SeenPlace], trust: Trust) -> Iterator[Finding]:
    """Yield the manifests that nobody answers for, and those whose signature does not count."""
    from podstead.signing.provenance import MANIFEST, Invalid, verify

    for place in places:
        beside = {entry.path: entry for entry in place.entries}
        for entry in place.entries:
            name = entry.path.rpartition("/")[2]
            if entry.kind is not Kind.FILE or entry.data is None or name.startswith(".") or name.endswith(COMPANIONS):
                continue
            signature = beside.get(f"{entry.path}.sig")
            mend = f"podstead sign {shell(entry.path)}"
            if signature is None or signature.data is None:
                yield found(rules.UNSIGNED, entry.path, "there is no signature beside it", mend=mend)
                continue
            verdict = verify(entry.data, signature.data, trust, namespace=MANIFEST)
            if isinstance(verdict, Invalid):
                yield found(rules.BAD_SIGNATURE, entry.path, f"{verdict.fault}: {verdict.message}", mend=mend)
