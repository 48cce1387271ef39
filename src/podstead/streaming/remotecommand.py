"""Kubernetes' remote command protocol: its channels, and a command's end as a Status. Pure.

Source: KEP-4006 and spec/kubectl.md 3. v5.channel.k8s.io adds to v4 that a channel can be closed (stdin's end).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import msgspec

from podstead.k8s import core_v1 as v1
from podstead.k8s.text import printable

WEBSOCKET_PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
"""Subprotocols that we speak towards clients, the better first."""
SPDY_PROTOCOL = "v4.channel.k8s.io"
"""What is spoken over SPDY; there stdin's end is the stream's, so v4 is enough."""
CLOSE_CHANNEL = 0xFF
"""In v5 the first byte of a message that closes the channel named by its second byte."""
MAX_STATUS_BYTES = 64 << 10


class Channel(IntEnum):
    """First byte of a WebSocket message."""

    STDIN = 0
    STDOUT = 1
    STDERR = 2
    ERROR = 3
    RESIZE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecOutcome:
    """How a command ended: its exit code, or 1 with a sentence where it could not be run or its end is not known."""

    exit_code: int
    message: str = ""


def failure(message: str, *, reason: str = "InternalError", code: int = 500) -> v1.Status:
    """Return the Status of a command whose end is not known; the text is escaped, clients print it as it is."""
    return v1.Status(
        metadata=v1.ListMeta(),
        status="Failure",
        message=printable(message),
        reason=reason,
        code=code,
        details=v1.StatusDetails(),
    )


def decode_status(data: bytes) -> v1.Status:
    """Return the Status that the runtime or a server wrote; what cannot be read is a failure, never a success."""
    try:
        return msgspec.json.decode(data, type=v1.Status)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return failure("the command's result cannot be read")


def outcome_of(status: v1.Status) -> ExecOutcome:
    """Return what a Status says of a command's end."""
    if status.status == "Success":
        return ExecOutcome(exit_code=0)
    if status.reason == "NonZeroExitCode":
        for cause in status.details.causes if status.details else ():
            if cause.reason == "ExitCode" and (cause.message or "").isdecimal():
                return ExecOutcome(exit_code=int(cause.message or ""))
    return ExecOutcome(exit_code=1, message=status.message or "the command failed, its exit code is not known")
