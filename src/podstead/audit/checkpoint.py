"""A checkpoint: one line that fixes the log up to a record, for a place where the node's root cannot write. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PATTERN = re.compile(r"podstead-audit-checkpoint:v1:([0-9a-f]{16}):(\d{1,18}):([0-9a-f]{64})(?![0-9a-f])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The hash of the record `sequence` of the log `log`."""

    log: str
    sequence: int
    hash: str

    def __str__(self) -> str:
        return f"podstead-audit-checkpoint:v1:{self.log}:{self.sequence}:{self.hash}"


def read_checkpoints(text: str) -> tuple[Checkpoint, ...]:
    """Return the checkpoints in any text, such as lines of syslog, in its order and each once."""
    found = (Checkpoint(log=log, sequence=int(at), hash=digest) for log, at, digest in _PATTERN.findall(text))
    return tuple(dict.fromkeys(found))
