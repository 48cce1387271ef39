"""The agent's answers as values."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from podstead.errors import PodsteadError

Answer = TypeVar("Answer")


def decode(body: bytes | msgspec.Raw, kind: type[Answer]) -> Answer:
    """Return an answer as a value of this type; raises PodsteadError for one that is none."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        message = "cannot read the agent's answer: is the agent of this version? 'podstead version' tells"
        raise PodsteadError(message) from error
