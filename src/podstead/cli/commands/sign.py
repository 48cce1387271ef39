"""`podstead sign`: a detached signature beside each manifest, as `ssh-keygen -Y sign` makes it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from podstead.cli.command import Command
from podstead.cli.index_options import SIGN_OPTIONS
from podstead.cli.options import Option, Takes, UsageError
from podstead.cli.output import say
from podstead.cli.signatures import STDIN, SUFFIX, read_content, replace_files
from podstead.k8s.text import printable

if TYPE_CHECKING:
    from podstead.cli.endpoint import Endpoint
    from podstead.cli.options import Given


def run(given: Given, endpoint: Endpoint) -> int:
    """Run the command: 0 when every file is signed."""
    from podstead.cli.signing_keys import signing_key
    from podstead.signing.private import signature_file
    from podstead.signing.provenance import MANIFEST

    files = (*given.words, *(given.rest or ()))
    if not files and not given.has("index"):
        raise UsageError("say what to sign: podstead sign --key KEY FILE…, or --index --dir DIR for a whole set")
    if not given.value("key"):
        raise UsageError("say with which key: --key FILE, a private key or the .pub file of one that ssh-agent holds")
    key, sign = signing_key(Path(given.value("key")))
    if given.has("index"):
        from podstead.cli.index_signing import sign_index

        return sign_index(given, endpoint, key, sign)
    if alone := sorted(option.name for option in SIGN_OPTIONS if option.name in given.values or given.has(option.name)):
        raise UsageError(f"--{alone[0]} is for the index of a set: add --index")
    for word in files:
        namespace = given.value("signature-namespace", MANIFEST)
        signature = signature_file(key, sign, read_content(word), namespace=namespace)
        if word == STDIN:
            sys.stdout.buffer.write(signature)
            sys.stdout.buffer.flush()
            continue
        target = Path(f"{word}{SUFFIX}")
        replace_files({target: signature})
        say(printable(f"{target}: signed with {key.short_type} {key.fingerprint} for {namespace}"))
    return 0


COMMAND = Command(
    usage="sign --key KEY FILE… | - | --index --dir DIR",
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
        *SIGN_OPTIONS,
    ),
    notes="Keys are OpenSSH's: ed25519, ecdsa, rsa, and sk-* by ssh-agent. With - the content comes from standard input and the signature goes to standard output. An index defeats adding, removing, renaming, replaying and moving files between nodes; its rename is what commits the set.",
)
