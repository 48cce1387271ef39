"""`podstead keys`: whom a file of allowed signers trusts, for what, and until when."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from podstead.cli.command import Command
from podstead.cli.options import Takes, UsageError
from podstead.cli.output import Format, format_of, output_option, say, say_document, tell
from podstead.cli.signatures import REVOKED, read_allowed_signers, read_revoked_keys
from podstead.cli.tables import aligned
from podstead.clock import SystemClock
from podstead.config.security import SecuritySettings
from podstead.errors import OperatorError
from podstead.k8s.text import printable

if TYPE_CHECKING:
    from podstead.cli.documents import Json
    from podstead.cli.endpoint import Endpoint
    from podstead.cli.options import Given
    from podstead.signing.revocation import Revoked
    from podstead.signing.signers import Signer

HEADER = ("PRINCIPALS", "TYPE", "FINGERPRINT", "NAMESPACES", "VALID", "STATUS")
ANY = "<any>"


def run(given: Given, endpoint: Endpoint) -> int:  # noqa: ARG001 - a command's signature; no agent is asked
    """Run the command: 0, also for keys that count no more. Raises OperatorError."""
    files = (*given.words, *(given.rest or ()))
    if len(files) > 1:
        raise UsageError("'podstead keys' lists one file of allowed signers")
    name = files[0] if files else str(SecuritySettings().allowed_signers)
    if not files and not Path(name).exists():
        raise OperatorError(f"there is no {name}: name the file, as in podstead keys allowed_signers")
    form = format_of(given, Format.JSON, Format.YAML)
    signers, revoked = read_allowed_signers(name), read_revoked_keys(given.value("revoked"))
    documents = [_document(one, revoked, SystemClock().now().wall) for one in signers]
    if form is not Format.TABLE:
        say_document([*documents], form)
        return 0
    if not documents:
        tell(f"{printable(name)} names nobody")
        return 0
    rows = [tuple(printable(str(one[key])) for key in _ROW) for one in documents]
    say(aligned([HEADER, *rows], []))
    return 0


_ROW = ("principals", "keyType", "fingerprint", "namespaces", "valid", "status")


def _document(signer: Signer, revoked: Revoked, now: float) -> dict[str, Json]:
    fault = "revoked" if signer.key in revoked else signer.time_fault(now)
    return {
        "line": signer.line,
        "principals": signer.principals,
        "keyType": signer.key.short_type,
        "fingerprint": signer.key.fingerprint,
        "namespaces": signer.namespaces or ANY,
        "valid": _valid(signer),
        "status": fault or "counts",
        "revoked": signer.key in revoked,
    }


def _valid(signer: Signer) -> str:
    from podstead.signing.index import timestamp

    begins = f"from {timestamp(signer.valid_after)}" if signer.valid_after is not None else ""
    ends = f"until {timestamp(signer.valid_before)}" if signer.valid_before is not None else ""
    return " ".join(filter(None, (begins, ends))) or "always"


COMMAND = Command(
    usage="keys [FILE]",
    summary="List whom a file of allowed signers trusts: principals, key, purposes, validity; no agent is needed.",
    run=run,
    words=(Takes.FILE,),
    options=(
        REVOKED,
        output_option(Format.JSON, Format.YAML),
    ),
    notes="Without FILE: /etc/podstead/allowed_signers.",
)
