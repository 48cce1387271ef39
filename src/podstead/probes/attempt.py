"""The outcome of one attempt of a probe, before any threshold."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

MAX_OUTPUT = 10 << 10
"""Bytes of a probe's output that are kept (kubelet: 10 KiB)."""


class Result(StrEnum):
    """What one attempt showed."""

    SUCCESS = "Success"
    WARNING = "Warning"
    """Counts as a success; the message says what is odd (a redirect to another host)."""
    FAILURE = "Failure"
    ERROR = "Error"
    """The probe itself could not be carried out: repeated at once, then dropped."""
    DISREGARDED = "Disregarded"
    """Our own trouble (runtime away, loop late): counts neither way and kills nobody (foundation 20)."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt: its result and a text for people, at most MAX_OUTPUT long and without environment values."""

    result: Result
    message: str = ""


SUCCEEDED = Attempt(Result.SUCCESS)
