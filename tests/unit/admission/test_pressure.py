"""When the node is short of something: thresholds, graces, what must be won back, and how long it is said."""

from __future__ import annotations

import pytest

from podstead.admission.pressure import Measured, PressureState, amount, observe, told
from podstead.config.upkeep import Amount, Threshold
from podstead.k8s.signals import Pressure, Signal

MIB = 1 << 20
CAPACITY = 1000 * MIB
HARD = Threshold(signal=Signal.MEMORY, amount=Amount(number=100 * MIB), reclaim=Amount(number=50 * MIB))
SOFT = Threshold(signal=Signal.MEMORY, amount=Amount(fraction=0.2), grace_seconds=30.0)
DISK = Threshold(signal=Signal.NODEFS, amount=Amount(fraction=0.1))
TRANSITION = 300.0


def left(memory: int | None = None, disk: int | None = None) -> dict[Signal, Measured]:
    pairs = ((Signal.MEMORY, memory), (Signal.NODEFS, disk))
    return {s: Measured(capacity=CAPACITY, available=mib * MIB) for s, mib in pairs if mib is not None}


def after(*looks: tuple[float, int | None, int | None]) -> PressureState:
    """Return the state after looks at (time, MiB of memory, MiB of disk)."""
    state = PressureState()
    for now, memory, disk in looks:
        state = observe(state, (HARD, SOFT, DISK), left(memory, disk), now)
    return state


def test_enough_is_no_pressure() -> None:
    state = after((0, 200, 100), (10, 200, 100))
    assert state.due(10) == ()
    assert state.conditions(10, TRANSITION) == frozenset()


def test_a_hard_threshold_is_due_at_once_and_memory_first() -> None:
    state = after((0, 99, 99))
    assert state.due(0) == (HARD, DISK)
    assert state.conditions(0, TRANSITION) == {Pressure.MEMORY, Pressure.DISK}


def test_a_soft_threshold_is_due_after_its_grace() -> None:
    state = after((0, 150, None), (20, 150, None))
    assert state.due(29.9) == ()
    assert state.due(30) == (SOFT,)
    assert state.conditions(20, TRANSITION) == {Pressure.MEMORY}
    recovered = after((0, 150, None), (20, 250, None), (29, 150, None))
    assert recovered.due(40) == ()


def test_more_must_be_won_back_than_was_missing() -> None:
    state = after((0, 99, None), (10, 149, None))
    assert HARD in state.met
    assert HARD not in after((0, 99, None), (10, 150, None)).met
    assert HARD not in after((0, 149, None)).met


def test_a_condition_stays_for_the_time_of_transition() -> None:
    state = after((0, 99, None), (10, 99, None), (20, 500, None), (309, 500, None))
    assert state.conditions(309, TRANSITION) == {Pressure.MEMORY}
    assert state.conditions(310, TRANSITION) == frozenset()
    assert state.due(309) == ()
    assert after((0, 99, None)).conditions(0, 0.0) == {Pressure.MEMORY}


def test_what_cannot_be_measured_is_taken_for_enough() -> None:
    assert after((0, 99, None), (10, None, None)).due(10) == ()


@pytest.mark.parametrize(
    ("signal", "number", "shown"),
    [
        (Signal.MEMORY, 100 * MIB, "100Mi"),
        (Signal.NODEFS, 3 << 30, "3Gi"),
        (Signal.MEMORY, 81_234 * 1024 + 5, "81234Ki"),
        (Signal.MEMORY, 0, "0"),
        (Signal.PID, 1234, "1234"),
        (Signal.IMAGEFS_INODES, 5, "5"),
    ],
)
def test_amounts_for_people(signal: Signal, number: int, shown: str) -> None:
    assert amount(signal, number) == shown


def test_what_is_told() -> None:
    measured = Measured(capacity=CAPACITY, available=80 * MIB)
    assert told(HARD, measured) == "Threshold quantity: 100Mi, available: 80Mi."
    assert told(SOFT, measured) == "Threshold quantity: 200Mi, available: 80Mi."
