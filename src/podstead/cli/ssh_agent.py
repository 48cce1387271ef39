"""Signatures from ssh-agent (draft-miller-ssh-agent): keys with a passphrase, and those on a security key."""

from __future__ import annotations

import os
import socket
import struct
from typing import TYPE_CHECKING

from podstead.errors import OperatorError
from podstead.signing.keys import RSA
from podstead.signing.wire import MalformedError, Reader, string, uint32

if TYPE_CHECKING:
    from podstead.signing.keys import PublicKey

TIMEOUT_SECONDS = 60.0
"""The agent may ask its user, or wait for a touch."""
MAX_REPLY_BYTES = 256 * 1024

_SIGN_REQUEST, _SIGN_RESPONSE = 13, 14
_RSA_SHA2_512 = 4


def sign_by_agent(key: PublicKey, data: bytes) -> bytes:
    """Return the agent's signature over the data by a key that it holds.

    Raises OperatorError: no agent, or it does not have the key, or its user refused.
    """
    path = os.environ.get("SSH_AUTH_SOCK", "")
    if not path:
        raise OperatorError("there is no ssh-agent (SSH_AUTH_SOCK is not set): start one and add the key with ssh-add")
    flags = _RSA_SHA2_512 if key.type == RSA else 0
    request = bytes([_SIGN_REQUEST]) + string(key.blob) + string(data) + uint32(flags)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(TIMEOUT_SECONDS)
            connection.connect(path)
            connection.sendall(string(request))
            (length,) = struct.unpack(">I", _received(connection, 4))
            if length > MAX_REPLY_BYTES:
                raise OperatorError(f"cannot use ssh-agent at {path}: its answer is not one of an agent")
            reply = Reader(_received(connection, length))
    except OSError as error:
        raise OperatorError(f"cannot use ssh-agent at {path}: {error.strerror or error}") from None
    try:
        kind = reply.byte()
        signature = reply.string() if kind == _SIGN_RESPONSE else b""
    except MalformedError as error:
        raise OperatorError(f"cannot use ssh-agent at {path}: {error}") from None
    if not signature:
        raise OperatorError(f"ssh-agent does not sign with {key.fingerprint}: is the key in `ssh-add -l`?")
    return signature


def _received(connection: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        part = connection.recv(length - len(data))
        if not part:
            raise OSError(0, "it closed the connection")
        data += part
    return data
