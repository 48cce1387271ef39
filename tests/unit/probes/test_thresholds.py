"""What a row of attempts means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podstead.k8s import core_v1 as v1
from podstead.probes.attempt import Result
from podstead.probes.thresholds import (
    INITIAL,
    Schedule,
    WorkerState,
    advance,
    begin,
    first_delay,
    forgive,
    next_due,
    schedule_of,
)
from podstead.state.probes import Outcome, ProbeKind

SCHEDULE = Schedule(initial_delay=0, period=10, timeout=1, successes=1, failures=3)
S, W, F, E, D = Result.SUCCESS, Result.WARNING, Result.FAILURE, Result.ERROR, Result.DISREGARDED


def after(state: WorkerState, *results: Result, schedule: Schedule = SCHEDULE) -> WorkerState:
    for result in results:
        state = advance(state, result, schedule)
    return state


def test_defaults_are_kubernetes_own() -> None:
    assert schedule_of(v1.Probe()) == SCHEDULE
    assert (
        schedule_of(v1.Probe(timeout_seconds=0, period_seconds=0, success_threshold=0, failure_threshold=0)) == SCHEDULE
    )


@pytest.mark.parametrize(
    ("kind", "results", "published", "settled"),
    [
        (ProbeKind.LIVENESS, (), Outcome.SUCCESS, False),
        (ProbeKind.READINESS, (), Outcome.FAILURE, False),
        (ProbeKind.STARTUP, (), Outcome.UNKNOWN, False),
        (ProbeKind.LIVENESS, (F, F), Outcome.SUCCESS, False),
        (ProbeKind.LIVENESS, (F, F, F), Outcome.FAILURE, True),
        (ProbeKind.LIVENESS, (F, F, S, F, F), Outcome.SUCCESS, False),
        (ProbeKind.LIVENESS, (F, F, W, F, F), Outcome.SUCCESS, False),
        (ProbeKind.LIVENESS, (F, E, F, D, F), Outcome.FAILURE, True),
        (ProbeKind.LIVENESS, (F, F, F, S), Outcome.FAILURE, True),
        (ProbeKind.READINESS, (S,), Outcome.SUCCESS, False),
        (ProbeKind.READINESS, (S, F, F), Outcome.SUCCESS, False),
        (ProbeKind.READINESS, (S, F, F, F), Outcome.FAILURE, False),
        (ProbeKind.READINESS, (S, F, F, F, S), Outcome.SUCCESS, False),
        (ProbeKind.READINESS, (E, D), Outcome.FAILURE, False),
        (ProbeKind.STARTUP, (F, F), Outcome.UNKNOWN, False),
        (ProbeKind.STARTUP, (F, F, S), Outcome.SUCCESS, True),
        (ProbeKind.STARTUP, (F, F, F), Outcome.FAILURE, True),
        (ProbeKind.STARTUP, (S, F, F, F), Outcome.SUCCESS, True),
    ],
)
def test_published(kind: ProbeKind, results: tuple[Result, ...], published: Outcome, settled: bool) -> None:
    state = after(begin(kind), *results)
    assert (state.published, state.settled) == (published, settled)


def test_success_threshold() -> None:
    two = Schedule(initial_delay=0, period=1, timeout=1, successes=2, failures=1)
    assert after(begin(ProbeKind.READINESS), S, schedule=two).published is Outcome.FAILURE
    assert after(begin(ProbeKind.READINESS), S, S, schedule=two).published is Outcome.SUCCESS
    assert after(begin(ProbeKind.READINESS), S, S, F, schedule=two).published is Outcome.FAILURE


def test_kept_verdicts_hold_but_do_not_kill() -> None:
    assert begin(ProbeKind.READINESS, Outcome.SUCCESS).published is Outcome.SUCCESS
    assert begin(ProbeKind.READINESS, Outcome.FAILURE).decided
    assert begin(ProbeKind.STARTUP, Outcome.SUCCESS).settled
    assert begin(ProbeKind.STARTUP, Outcome.FAILURE) == begin(ProbeKind.STARTUP)
    assert begin(ProbeKind.LIVENESS, Outcome.FAILURE) == begin(ProbeKind.LIVENESS)


def test_forgiving_starts_the_row_anew() -> None:
    state = forgive(after(begin(ProbeKind.LIVENESS), F, F))
    assert after(state, F, F).published is Outcome.SUCCESS
    assert after(state, F, F, F).published is Outcome.FAILURE


@given(st.sampled_from(ProbeKind), st.lists(st.sampled_from(Result), max_size=30), st.integers(1, 4), st.integers(1, 4))
def test_an_outcome_is_published_only_after_its_row(
    kind: ProbeKind, results: list[Result], successes: int, failures: int
) -> None:
    schedule = Schedule(initial_delay=0, period=1, timeout=1, successes=successes, failures=failures)
    state, counted = begin(kind), list[Outcome]()
    for result in results:
        before = state
        state = advance(before, result, schedule)
        if result in {E, D}:
            assert state == before
            continue
        counted.append(Outcome.FAILURE if result is F else Outcome.SUCCESS)
        if state.published is not before.published:
            needed = failures if state.published is Outcome.FAILURE else successes
            assert set(counted[-needed:]) == {state.published}
            assert len(counted) >= needed
        if before.settled:
            assert state == before
    assert state.decided or state.published is INITIAL[kind]


@pytest.mark.parametrize(
    ("delay", "started", "now", "adopted", "expected"),
    [
        (0, 100, 100, False, 0),
        (15, 100, 100, False, 15),
        (15, 100, 107.5, False, 7.5),
        (15, 100, 200, False, 0),
        (0, 100, 105, True, 0),  # younger than a period: its first probe is due anyway
        (0, 100, 111, True, 2.5),
        (15, 100, 112, True, 3),
        (5, 200, 100, False, 105),
    ],
)
def test_first_delay(delay: float, started: float, now: float, adopted: bool, expected: float) -> None:
    schedule = Schedule(initial_delay=delay, period=10, timeout=1, successes=1, failures=3)
    assert first_delay(schedule, started, now, adopted=adopted, jitter=0.25) == expected


def test_ticks_are_not_made_up_for() -> None:
    assert next_due(100, 10, 100.2) == 110
    assert next_due(100, 10, 135) == 135
