"""Ages as kubectl shows them: at most two units, coarser as time passes (spec/kubectl.md 5). Pure."""

from __future__ import annotations

from datetime import datetime

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR
YEAR = 365 * DAY

UNKNOWN = "<unknown>"
INVALID = "<invalid>"

# Up to the first number of seconds an age is written in this unit, with the smaller one beside it where there is one.
_STEPS: tuple[tuple[float, int, str, int, str], ...] = (
    (2 * MINUTE, 1, "s", 0, ""),
    (10 * MINUTE, MINUTE, "m", 1, "s"),
    (3 * HOUR, MINUTE, "m", 0, ""),
    (8 * HOUR, HOUR, "h", MINUTE, "m"),
    (2 * DAY, HOUR, "h", 0, ""),
    (8 * DAY, DAY, "d", HOUR, "h"),
    (2 * YEAR, DAY, "d", 0, ""),
    (8 * YEAR, YEAR, "y", DAY, "d"),
    (float("inf"), YEAR, "y", 0, ""),
)


def format_age(seconds: float) -> str:
    """Return a duration in seconds as `54s`, `5m4s`, `3d4h`, …; more than a second in the future is `<invalid>`."""
    whole = int(seconds)
    if whole < -1:
        return INVALID
    whole = max(0, whole)
    _, unit, letter, small, small_letter = next(step for step in _STEPS if whole < step[0])
    rest = whole % unit // small if small else 0
    return f"{whole // unit}{letter}" + (f"{rest}{small_letter}" if rest else "")


def parse_time(timestamp: str | None) -> float | None:
    """Return Unix seconds of an RFC 3339 timestamp; None when it is absent or not one."""
    if not timestamp:
        return None
    try:
        moment = datetime.fromisoformat(timestamp)
    except ValueError:
        return None
    return moment.timestamp() if moment.tzinfo is not None else None


def age_since(timestamp: str | None, now: float) -> str:
    """Return the age of an RFC 3339 timestamp at `now` (Unix seconds); `<unknown>` when it is not set."""
    moment = parse_time(timestamp)
    return UNKNOWN if moment is None else format_age(now - moment)
