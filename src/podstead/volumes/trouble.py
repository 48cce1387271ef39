"""Why a pod cannot have what it mounts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeTrouble:
    """A failure that is tried again: `reason` for the event and the waiting state, `message` says what to do."""

    message: str
    reason: str = "FailedMount"
