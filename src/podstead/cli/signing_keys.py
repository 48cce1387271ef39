"""The key that `podstead sign` signs with: a private key's file, or a public key's whose other half ssh-agent holds."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from podstead.cli.ssh_agent import sign_by_agent
from podstead.errors import OperatorError
from podstead.signing.keys import KEY_TYPES, key_of_text
from podstead.signing.private import EncryptedKeyError, read_private
from podstead.signing.wire import MalformedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from podstead.signing.keys import PublicKey

MAX_KEY_BYTES = 1024 * 1024


def signing_key(path: Path) -> tuple[PublicKey, Callable[[bytes], bytes]]:
    """Return the key that a file names, and how to sign with it.

    A private key that is guarded by a passphrase is used through ssh-agent, by the .pub file beside it.
    Raises OperatorError.
    """
    data = _read(path)
    if b"PRIVATE KEY-----" not in data:
        key = _public(path, data)
        return key, partial(sign_by_agent, key)
    try:
        private = read_private(data)
    except EncryptedKeyError as error:
        beside = path.with_name(f"{path.name}.pub")
        if not beside.exists():
            text = f"cannot sign with {path}: {error}; add it to ssh-agent and name its .pub file"
            raise OperatorError(text) from None
        key = _public(beside, _read(beside))
        return key, partial(sign_by_agent, key)
    except MalformedError as error:
        raise OperatorError(f"cannot sign with {path}: {error}") from None
    return private.public, private.sign


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_KEY_BYTES)
    except OSError as error:
        raise OperatorError(f"cannot read the key {path}: {error.strerror or error}") from None


def _public(path: Path, data: bytes) -> PublicKey:
    kind, encoded, *_ = (*data.decode(errors="replace").split(), "", "")
    if kind not in KEY_TYPES and "-cert-v" not in kind:
        raise OperatorError(f"cannot sign with {path}: neither a private key nor a line with a public one stands in it")
    try:
        return key_of_text(kind, encoded)
    except MalformedError as error:
        raise OperatorError(f"cannot sign with {path}: {error}") from None
