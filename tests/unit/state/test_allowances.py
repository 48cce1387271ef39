"""Break-glass: it ends on the earlier of two clocks, whatever is done to them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podstead.clock import Instant
from podstead.state.allowances import (
    CHARGE_SECONDS,
    KEPT_SECONDS,
    MAX_ALLOWANCES,
    AllowanceRefusal,
    Allowances,
)

HOUR = 3600.0
START = Instant(boot_id="one", boot=1000.0, wall=1.8e9)
ONE = Allowances().with_one("ab", "web.yaml", seconds=HOUR, reason="the signer is on holiday", now=START)


def at(boot: float, wall: float, boot_id: str = "one") -> Instant:
    return Instant(boot_id=boot_id, boot=1000 + boot if boot_id == "one" else boot, wall=1.8e9 + wall)


def left(moment: Instant, allowances: Allowances = ONE) -> float:
    found = allowances.for_digest("ab", moment)
    return 0.0 if found is None else found.left(moment)


@pytest.mark.attack("clock-back")
@pytest.mark.parametrize(
    ("moment", "seconds"),
    [
        (at(0, 0), HOUR),
        (at(600, 600), HOUR - 600),
        (at(HOUR, HOUR), 0),
        (at(HOUR, 0), 0),  # the clock stands still, or is set back all the time
        (at(600, -86_400), HOUR - 600),  # set back by a day
        (at(600, 1.0e9), 0),  # set on
        (at(30, 600, "two"), HOUR - 600),  # off for nine minutes
        (at(600, 100, "two"), HOUR - 600),  # set back after the boot, by less than was seen
        (at(10, 10, "two"), HOUR - CHARGE_SECONDS),
        (at(10, HOUR, "two"), 0),
        (at(HOUR, 10, "two"), 0),
        (at(10, -61, "two"), 0),  # before what was last seen: the clock is wrong, or was set
        (at(10, -1.8e9, "two"), 0),  # 1970
    ],
)
@pytest.mark.attack("prolonged-allowance")
def test_the_earlier_of_two_clocks_ends_it(moment: Instant, seconds: float) -> None:
    assert left(moment) == seconds


def test_only_the_very_content_is_let_through() -> None:
    assert ONE.for_digest("abc", START) is None
    assert ONE.for_digest("a", START) is None


step = st.tuples(
    st.sampled_from(["run", "reboot", "clock"]), st.floats(0, 4000, allow_nan=False), st.floats(-4000, 4000)
)


@pytest.mark.attack("clock-back", "prolonged-allowance")
@given(st.lists(step, max_size=30))
def test_no_clock_and_no_reboot_prolong_it(steps: list[tuple[str, float, float]]) -> None:
    """However often somebody boots the machine and sets its clock: the time in which it counted is never more than was given.

    What runs between two counts is at most CHARGE_SECONDS, as the agent counts every minute.
    """
    allowances, boot_id, boot, wall = ONE, 0, START.boot, START.wall
    used = 0.0
    for what, seconds, jump in steps:
        if what == "clock":
            wall += jump
        elif what == "reboot":
            boot_id, boot = boot_id + 1, 0.0
            wall += min(seconds, 30.0)
        else:
            passed = 0.0
            while passed < seconds:
                part = min(CHARGE_SECONDS, seconds - passed)
                now = Instant(boot_id=str(boot_id), boot=boot, wall=wall)
                allowances = allowances.counted(now if boot_id else replace(now, boot_id="one"))
                if allowances.for_digest("ab", now if boot_id else replace(now, boot_id="one")) is not None:
                    used += part
                passed, boot, wall = passed + part, boot + part, wall + part
    assert used <= HOUR + CHARGE_SECONDS


def test_ended_stays_ended() -> None:
    ended, which = ONE.without("a")
    assert (which.file, which.ended, left(START, ended)) == ("web.yaml", True, 0)
    over = ONE.counted(at(HOUR, HOUR))
    assert left(START, over) == 0
    assert over.of("ab") is not None
    assert over.counted(at(0, HOUR + KEPT_SECONDS)).of("ab") is None
    again = over.with_one("ab", "web.yaml", seconds=HOUR, reason="again", now=at(HOUR, HOUR))
    assert left(at(HOUR, HOUR), again) == HOUR


def test_what_is_refused() -> None:
    for seconds in (0.0, 59.0, 7 * 86_400 + 1.0, float("inf"), float("nan")):
        with pytest.raises(AllowanceRefusal, match="a time from 1m to 168h"):
            ONE.with_one("cd", "x", seconds=seconds, reason="x", now=START)
    with pytest.raises(AllowanceRefusal, match="--reason TEXT"):
        ONE.with_one("cd", "x", seconds=HOUR, reason=" ", now=START)
    for prefix in ("", "x"):
        with pytest.raises(AllowanceRefusal, match="there is no allowance of this digest"):
            ONE.without(prefix)
    two = ONE.with_one("ac", "x", seconds=HOUR, reason="x", now=START)
    with pytest.raises(AllowanceRefusal, match="2 allowances begin with this digest"):
        two.without("a")
    many = Allowances(entries=tuple(replace(ONE.entries[0], digest=str(number)) for number in range(MAX_ALLOWANCES)))
    with pytest.raises(AllowanceRefusal, match="100 of them"):
        many.with_one("cd", "x", seconds=HOUR, reason="x", now=START)
