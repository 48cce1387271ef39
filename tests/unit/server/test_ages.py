"""Ages, by the limits of spec/kubectl.md 5."""

from __future__ import annotations

import pytest

from podstead.server.ages import DAY, HOUR, MINUTE, YEAR, age_since, format_age, parse_time


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-2, "<invalid>"),
        (-1.9, "0s"),
        (0, "0s"),
        (54, "54s"),
        (119, "119s"),
        (120, "2m"),
        (5 * MINUTE + 4, "5m4s"),
        (10 * MINUTE - 1, "9m59s"),
        (10 * MINUTE + 30, "10m"),
        (3 * HOUR - 1, "179m"),
        (3 * HOUR, "3h"),
        (3 * HOUR + 14 * MINUTE, "3h14m"),
        (8 * HOUR, "8h"),
        (2 * DAY - 1, "47h"),
        (2 * DAY, "2d"),
        (3 * DAY + 4 * HOUR, "3d4h"),
        (8 * DAY, "8d"),
        (2 * YEAR - 1, "729d"),
        (2 * YEAR, "2y"),
        (2 * YEAR + 10 * DAY, "2y10d"),
        (8 * YEAR + 100 * DAY, "8y"),
    ],
)
def test_format_age(seconds: float, shown: str) -> None:
    assert format_age(seconds) == shown


def test_age_of_a_timestamp() -> None:
    assert parse_time("2026-01-01T00:00:00Z") == 1767225600.0
    assert parse_time("2026-01-01T00:00:00.123456789Z") == pytest.approx(1767225600.123456)
    assert age_since("2026-01-01T01:00:00+01:00", 1767225600.0 + 64) == "64s"
    assert age_since(None, 0.0) == "<unknown>"
    assert age_since("yesterday", 0.0) == "<unknown>"
    assert age_since("2026-01-01T00:00:00", 0.0) == "<unknown>"
