"""`podstead sign`: a detached signature beside each manifest, as `ssh-keygen -Y sign` makes it."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from podstead.cli.command import Command
from podstead.cli.options import Option, Takes, UsageError
from podstead.cli.output import say
from podstead.cli.signatures import STDIN, SUFFIX, read_content
from podstead.errors import OperatorError
from podstead.k8s.text import printable

if TYPE_CHECKING:
    from podstead.cli.endpoint import Endpoint
    from podstead.cli.options import Given


def run(given: Given, endpoint: Endpoint) -> int:  # noqa: ARG001 - a command's signature; no agent is asked
    """Run the command: 0 when every file is signed."""
    from podstead.cli.signing_keys import signing_key
    from podstead.signing.private import signature_file
    from podstead.signing.provenance import MANIFEST

    files = (*given.words, *(given.rest or ()))
    if not files:
        raise UsageError("say what to sign: podstead sign --key KEY FILE…")
    if not given.value("key"):
        raise UsageError("say with which key: --key FILE, a private key or the .pub file of one that ssh-agent holds")
    key, sign = signing_key(Path(given.value("key")))
    for word in files:
        namespace = given.value("signature-namespace", MANIFEST)
        signature = signature_file(key, sign, read_content(word), namespace=namespace)
        if word == STDIN:
            sys.stdout.buffer.write(signature)
            sys.stdout.buffer.flush()
            continue
        target = Path(f"{word}{SUFFIX}")
        _replace(target, signature)
        say(printable(f"{target}: signed with {key.short_type} {key.fingerprint} for {namespace}"))
    return 0


def _replace(target: Path, data: bytes) -> None:
    """Write a file as a whole: a reader sees the old one or the new one."""
    try:
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                os.fchmod(file.fileno(), 0o644)
                os.fsync(file.fileno())
            Path(name).replace(target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise OperatorError(f"cannot write {target}: {error.strerror or error}") from None


COMMAND = Command(
    usage="sign --key KEY FILE… | -",
    summary="Write FILE.sig, a signature under the file's bytes, as ssh-keygen -Y sign does.",
    run=run,
    words=(Takes.FILE,),
    options=(
        Option(
            name="key",
            short="k",
            value="FILE",
            takes=Takes.FILE,
            help="a private key, or the .pub file of one that ssh-agent holds",
        ),
        Option(
            name="signature-namespace",
            value="NAME",
            help="what the signature is for (default: podstead.io/manifest); it counts for nothing else",
        ),
    ),
    notes="Keys are OpenSSH's: ed25519, ecdsa, rsa, and sk-* by ssh-agent. With - the content comes from standard input and the signature goes to standard output.",
)
