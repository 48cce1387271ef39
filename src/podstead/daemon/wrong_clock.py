"""A machine without a battery begins in the past, until somebody sets its clock: pods run, and the node says so."""

from __future__ import annotations

from pathlib import Path

import podstead
from podstead.server.port import Problem
from podstead.status.times import rfc3339

TOLERANCE_SECONDS = 3600.0
"""Files may come from a machine whose clock is a little ahead of this one's."""


def software_date() -> float:
    """Return when this release was packed or checked out: Unix seconds. No clock that is right is behind it."""
    return Path(podstead.__file__).stat().st_mtime


def clock_problem(wall: float, *, installed: float, created: float) -> Problem | None:
    """Say that the clock is behind what has happened already; None where nothing speaks against it.

    Args:
        wall: What the clock says, Unix seconds as all.
        installed: The agent's own date.
        created: When this node began.
    """
    latest = max(installed, created)
    if wall >= latest - TOLERANCE_SECONDS:
        return None
    what = "this node is" if created == latest else "this release is"
    return Problem(
        reason="ClockBehind",
        message=f"the machine's clock says {rfc3339(wall)}, but {what} of {rfc3339(latest)}:"
        " ages and times are wrong, certificates may be; pods are not held up",
        advice="set the clock: timedatectl",
    )
