"""What comes of making a volume: its place, or why the pod cannot have it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeTrouble:
    """A failure that is tried again: `reason` for the event and the waiting state, `message` says what to do."""

    message: str
    reason: str = "FailedMount"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A volume that can be mounted. `warning` tells of something that is not as the manifest wants it."""

    path: Path
    warning: str = ""
