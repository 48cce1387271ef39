"""`podstead verify`: whose signature stands under each manifest, and whether it counts."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from podstead.cli.command import Command
from podstead.cli.index_options import VERIFY_OPTIONS
from podstead.cli.options import Option, Takes, UsageError
from podstead.cli.output import Format, format_of, output_option, say, say_document
from podstead.cli.signatures import REVOKED, SUFFIX, read_allowed_signers, read_content, read_revoked_keys
from podstead.clock import SystemClock
from podstead.k8s.text import printable

if TYPE_CHECKING:
    from podstead.cli.documents import Json
    from podstead.cli.endpoint import Endpoint
    from podstead.cli.options import Given
    from podstead.signing.provenance import Invalid, Signed, Trust

SIGNED = "Signed"


def run(given: Given, endpoint: Endpoint) -> int:  # noqa: ARG001 - a command's signature; no agent is asked
    """Run the command: 0 when every signature counts, 1 when one does not, or is missing. Raises OperatorError."""
    files = (*given.words, *(given.rest or ()))
    if given.has("index"):
        from podstead.cli.index_report import verify_set

        return verify_set(given, _trust(given))
    if alone := sorted(
        option.name for option in VERIFY_OPTIONS if option.name in given.values or given.has(option.name)
    ):
        raise UsageError(f"--{alone[0]} is for the index of a set: add --index")
    if not files:
        raise UsageError("say what to verify: podstead verify --allowed-signers FILE MANIFEST…")
    if len(files) > 1 and given.value("signature"):
        raise UsageError("--signature names the signature of one file: verify the others by themselves")
    form = format_of(given, Format.JSON, Format.YAML)
    trust = _trust(given)
    documents = [_document(word, _verified(word, given, trust)) for word in files]
    if form is Format.TABLE:
        for document in documents:
            say(printable(f"{document['path']}: {document['verdict']}: {document['message']}"))
    else:
        say_document([*documents], form)
    return 1 if any(document["verdict"] != SIGNED for document in documents) else 0


def _verified(word: str, given: Given, trust: Trust) -> Signed | Invalid | None:
    """Return what the signature of one file is worth; None: it has none."""
    from podstead.signing.provenance import MANIFEST, verify

    content = read_content(word)
    beside = Path(f"{word}{SUFFIX}")
    if not (named := given.value("signature")) and not beside.exists():
        return None
    signature = read_content(named or str(beside))
    namespace = given.value("signature-namespace", MANIFEST)
    return verify(content, signature, trust, namespace=namespace, principal=given.value("principal"))


def _document(word: str, found: Signed | Invalid | None) -> dict[str, Json]:
    from podstead.signing.provenance import Invalid

    if found is None:
        return {
            "path": word,
            "verdict": "Unsigned",
            "reason": "NoSignature",
            "message": f"there is no {word}{SUFFIX} beside it",
        }
    key: dict[str, Json] = (
        {"keyType": found.key.short_type, "fingerprint": found.key.fingerprint} if found.key is not None else {}
    )
    if isinstance(found, Invalid):
        told: dict[str, Json] = {"verdict": "Invalid", "reason": str(found.fault), "message": found.message}
        return {"path": word, **told, **key}
    text = f"by {found.signer.principals} with {found.key.short_type} {found.key.fingerprint}"
    return {
        "path": word,
        "verdict": SIGNED,
        "reason": "",
        "message": text,
        "principals": found.signer.principals,
        **key,
    }


def _trust(given: Given) -> Trust:
    """Return whom to trust. Raises UsageError and OperatorError: doubt about it is not to be verified with."""
    from podstead.signing.provenance import Trust

    name = given.value("allowed-signers")
    if not name:
        raise UsageError("say whom to trust: --allowed-signers FILE, in the format of ssh-keygen(1)")
    signers, revoked = read_allowed_signers(name), read_revoked_keys(given.value("revoked"))
    return Trust(signers=signers, now=_moment(given), revoked=revoked)


def _moment(given: Given) -> float:
    """Return the time at which keys have to be valid: that of the call, or the one that was asked for."""
    if not (text := given.value("at")):
        return SystemClock().now().wall
    try:
        return datetime.fromisoformat(text).astimezone().timestamp()
    except ValueError:
        raise UsageError(f"--at: not a time: {text!r}; write it as in 2026-01-31T12:00:00Z") from None


COMMAND = Command(
    usage="verify --allowed-signers FILE MANIFEST… | --index --dir DIR",
    summary="Say whose signature stands under each file, and whether it counts; no agent is needed.",
    run=run,
    words=(Takes.FILE,),
    options=(
        Option(
            name="allowed-signers",
            takes=Takes.FILE,
            short="f",
            value="FILE",
            help="whom to trust, as ssh-keygen(1) describes it",
        ),
        REVOKED,
        Option(name="principal", short="I", value="NAME", help="count only signatures of this principal"),
        Option(
            name="signature",
            takes=Takes.FILE,
            short="s",
            value="FILE",
            help="the signature (default: the file's name and .sig)",
        ),
        Option(
            name="signature-namespace",
            value="NAME",
            help="what the signature has to be for (default: podstead.io/manifest)",
        ),
        Option(name="at", value="TIME", help="judge the validity of keys and index at this time (default: now)"),
        *VERIFY_OPTIONS,
        output_option(Format.JSON, Format.YAML),
    ),
    notes="Exit code: 0 when every signature counts, else 1. What is verified is the file's bytes; a signature for another purpose counts for nothing.",
)
