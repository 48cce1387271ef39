"""Files that are signed, and where their signatures lie."""

from __future__ import annotations

import sys
from pathlib import Path

from podstead.errors import OperatorError

SUFFIX = ".sig"
"""A signature lies beside its file, with this behind the name."""
MAX_CONTENT_BYTES = 64 * 1024 * 1024
STDIN = "-"


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
