"""Files that are signed, and where their signatures lie."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from podstead.cli.options import Option, Takes
from podstead.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from podstead.signing.revocation import Revoked
    from podstead.signing.signers import Signer

SUFFIX = ".sig"
"""A signature lies beside its file, with this behind the name."""
MODE = 0o644
"""A signature is no secret, and neither is what it is of."""
MAX_CONTENT_BYTES = 64 * 1024 * 1024
STDIN = "-"
REVOKED = Option(
    name="revoked",
    takes=Takes.FILE,
    short="r",
    value="FILE",
    help="keys that count no more: a KRL, or lines of public keys",
)


def read_content(word: str) -> bytes:
    """Return a file's bytes, or those of standard input. Raises OperatorError."""
    try:
        with sys.stdin.buffer if word == STDIN else Path(word).open("rb") as stream:
            data = stream.read(MAX_CONTENT_BYTES + 1)
    except OSError as error:
        raise OperatorError(f"cannot read {word}: {error.strerror or error}") from None
    if len(data) > MAX_CONTENT_BYTES:
        raise OperatorError(f"cannot read {word}: it is larger than {MAX_CONTENT_BYTES} bytes")
    return data


def read_allowed_signers(word: str) -> tuple[Signer, ...]:
    """Return the signers of a file. Raises OperatorError."""
    from podstead.signing.signers import read_signers
    from podstead.signing.wire import MalformedError

    try:
        return read_signers(read_content(word), None)
    except MalformedError as error:
        raise OperatorError(f"cannot use the signers of {word}: {error}") from None


def read_revoked_keys(word: str | None) -> Revoked:
    """Return the keys that a file revokes, none where no file is named. Raises OperatorError."""
    from podstead.signing.revocation import NOTHING, read_revoked
    from podstead.signing.wire import MalformedError

    if not word:
        return NOTHING
    try:
        return read_revoked(read_content(word))
    except MalformedError as error:
        raise OperatorError(f"cannot use the revoked keys of {word}: {error}") from None


def replace_files(files: Mapping[Path, bytes]) -> None:
    """Write files as wholes, in their order: a reader sees the old one or the new one of each, and the last one changes last.

    All of them are on disk before the first name changes. Raises OperatorError.
    """
    from podstead.store.files import StoreError, Write, write_many

    batch = [Write(path=path, data=data, mode=MODE) for path, data in files.items()]
    try:
        write_many(batch, make_directories=False)
    except StoreError as error:
        raise OperatorError(str(error)) from None
