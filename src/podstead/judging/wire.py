"""What the agent asks of the child that judges, and its answer, as bytes: a length of four bytes, then MessagePack.

The child evaluates what others wrote, so its answer is decoded against these types and nothing in it is executed.
"""

from __future__ import annotations

import msgspec

from podstead.manifest.reading import Message, Severity

LENGTH_BYTES = 4
MOST_BYTES = 16 << 20
"""Of one question or answer: a manifest of 1 MiB with a hundred messages is a tenth of it."""


class WirePath(msgspec.Struct, frozen=True, array_like=True):
    """What a path leads to. Names are bytes: those of the node need not be UTF-8, and only that can be sent.

    `fault` says why it could not be looked at, empty: it could; what could not has no `steps`.
    """

    path: str
    real: bytes = b""
    steps: tuple[tuple[int, int, int], ...] = ()
    missing: tuple[bytes, ...] = ()
    fault: str = ""


class Question(msgspec.Struct, frozen=True, array_like=True):
    """A file, where it comes from, and what a verdict depends on besides. `now` is Unix seconds."""

    data: bytes
    file: str
    digest: str
    signed: bool
    principals: str
    pins: tuple[str, ...]
    node: str
    now: float
    enforce: bool
    paths: tuple[WirePath, ...] = ()


class WireMessage(msgspec.Struct, frozen=True, array_like=True):
    """A message of the verdict."""

    line: int
    column: int
    field: str
    severity: Severity
    message: str


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """What the policy says of the file. `lifted` are the exemptions that it needs, `notes` are for the audit log.

    `unsure`: nothing was found out, and at another time there may be an answer.
    """

    refused: bool
    messages: tuple[WireMessage, ...] = ()
    lifted: tuple[str, ...] = ()
    notes: tuple[tuple[str, str], ...] = ()
    unsure: bool = False

    def told(self) -> tuple[Message, ...]:
        """Return the messages as the verdict has them."""
        return tuple(
            Message(line=m.line, column=m.column, field=m.field, severity=m.severity, message=m.message)
            for m in self.messages
        )


def refusal(sentence: str, *, unsure: bool = False) -> Answer:
    """Return the answer about a file that could not be judged: what is not known to be allowed is not."""
    return Answer(refused=True, messages=(WireMessage(0, 0, "", Severity.ERROR, sentence),), unsure=unsure)


def framed(message: msgspec.Struct | bytes) -> bytes:
    """Return a message with its length before it."""
    data = message if isinstance(message, bytes) else msgspec.msgpack.encode(message)
    return len(data).to_bytes(LENGTH_BYTES, "big") + data


def length_of(head: bytes) -> int:
    """Return the length that a head announces. Raises ValueError for one beyond the limit."""
    length = int.from_bytes(head, "big")
    if len(head) != LENGTH_BYTES or length > MOST_BYTES:
        raise ValueError("a message is longer than it may be")
    return length
