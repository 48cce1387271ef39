"""What `podstead allow` let through, as the agent tells it. Pure."""

from __future__ import annotations

import msgspec

SHOWN_DIGITS = 12
"""So many digits of a digest are shown; `allow end` takes as many as tell it from the others."""


class Allowance(msgspec.Struct, frozen=True, kw_only=True):
    """One content: its digest, the file it was in, why, since when (RFC 3339), and how many seconds are left (0: ended)."""

    digest: str
    file: str
    reason: str
    since: str
    left: int


class Allowances(msgspec.Struct, frozen=True, kw_only=True):
    """All of them, those that have ended of late included."""

    items: tuple[Allowance, ...] = ()


def time_left(seconds: int) -> str:
    """Return how long something is still allowed, in two units."""
    if not seconds:
        return "ended"
    hours, minutes = divmod(seconds // 60, 60)
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m{seconds % 60:02}s"
