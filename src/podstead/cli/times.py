"""Times of the API as people read them."""

from __future__ import annotations

from datetime import datetime


def local_time(timestamp: str | None) -> str:
    """Return an RFC 3339 time in this machine's zone, as kubectl writes it; what is none is returned as it is."""
    try:
        moment = datetime.fromisoformat(timestamp or "")
    except ValueError:
        return timestamp or ""
    return moment.astimezone().strftime("%a, %d %b %Y %H:%M:%S %z")
