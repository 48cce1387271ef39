"""Times in the API's form."""

from __future__ import annotations

from datetime import UTC, datetime


def rfc3339(seconds: float) -> str:
    """Return Unix seconds as RFC 3339 in UTC, whole seconds, as Kubernetes' Time prints them."""
    return datetime.fromtimestamp(int(seconds), tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def rfc3339_ns(nanoseconds: int) -> str:
    """Return Unix nanoseconds as RFC 3339 in UTC, whole seconds."""
    return rfc3339(nanoseconds / 1_000_000_000)
