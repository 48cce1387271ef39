"""A clock that is behind what has happened already is told; one that may be right is not."""

from __future__ import annotations

import time

import pytest

from podstead.daemon.wrong_clock import TOLERANCE_SECONDS, clock_problem, software_date

INSTALLED = 1_790_000_000.0
CREATED = 1_795_000_000.0


@pytest.mark.parametrize(
    ("wall", "what"),
    [
        (86_400.0, "but this node is of 2026-11-18"),
        (INSTALLED, "but this node is of 2026-11-18"),
        (CREATED - TOLERANCE_SECONDS - 1, "but this node is of 2026-11-18"),
    ],
)
def test_a_clock_in_the_past(wall: float, what: str) -> None:
    told = clock_problem(wall, installed=INSTALLED, created=CREATED)
    assert told is not None
    assert told.reason == "ClockBehind"
    assert what in told.message
    assert "timedatectl" in told.advice


def test_a_node_that_was_made_with_the_wrong_clock() -> None:
    told = clock_problem(90_000.0, installed=INSTALLED, created=86_400.0)
    assert told is not None
    assert "the machine's clock says 1970-01-02T01:00:00Z, but this release is of 2026-09-21" in told.message


@pytest.mark.parametrize("wall", [CREATED, CREATED - TOLERANCE_SECONDS, CREATED + 1e9])
def test_a_clock_that_may_be_right(wall: float) -> None:
    assert clock_problem(wall, installed=INSTALLED, created=CREATED) is None


def test_this_checkout_is_not_from_the_future() -> None:
    assert 0 < software_date() <= time.time() + TOLERANCE_SECONDS  # noqa: TID251 - files have this machine's time
