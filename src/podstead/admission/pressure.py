"""Whether the node runs short of something, since when, and until when it is said to (spec/kubelet-static-pods.md 3.14).

A fold over measurements: thresholds are met and stop being met, soft ones count after their grace, and a condition
stays for a while after the last measurement that set it, so that pods do not go and come with every wave.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from podstead.k8s import quantity
from podstead.k8s.signals import BYTES, PRESSURE, Pressure, Signal

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from podstead.config.upkeep import Threshold

KIB = 1024
_ORDER = tuple(Signal)
"""Memory first: a node without it answers nobody, and what is done for disks needs some."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """How much there is of something, and how much of it is left: bytes or pieces."""

    capacity: int
    available: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PressureState:
    """What earlier measurements told; moments are boot-clock seconds."""

    met: Mapping[Threshold, float] = field(default_factory=dict)
    """The thresholds that are met, and since when."""
    seen: Mapping[Pressure, float] = field(default_factory=dict)
    """When each condition was last measured."""

    def conditions(self, now: float, transition_seconds: float) -> frozenset[Pressure]:
        """Return the conditions that the node has now."""
        return frozenset(one for one, at in self.seen.items() if now - at < transition_seconds or at == now)

    def due(self, now: float) -> tuple[Threshold, ...]:
        """Return the thresholds by which something must be done now, the most urgent first."""
        found = (t for t, since in self.met.items() if now - since >= t.grace_seconds)
        return tuple(sorted(found, key=lambda t: (_ORDER.index(t.signal), t.grace_seconds)))


def observe(
    before: PressureState, thresholds: Collection[Threshold], left: Mapping[Signal, Measured], now: float
) -> PressureState:
    """Return the state after a measurement. What could not be measured is taken for enough: nobody goes on a guess."""
    met: dict[Threshold, float] = {}
    for threshold in thresholds:
        measured = left.get(threshold.signal)
        if measured is None:
            continue
        least = threshold.amount.of(measured.capacity)
        if threshold in before.met:
            least += threshold.reclaim.of(measured.capacity)
        if measured.available < least:
            met[threshold] = before.met.get(threshold, now)
    seen = {**before.seen, **{PRESSURE[threshold.signal]: now for threshold in met}}
    return PressureState(met=met, seen=seen)


def told(threshold: Threshold, measured: Measured) -> str:
    """Return in words what is left and what should be."""
    least = threshold.amount.of(measured.capacity)
    return (
        f"Threshold quantity: {amount(threshold.signal, least)},"
        f" available: {amount(threshold.signal, measured.available)}."
    )


def amount(signal: Signal, number: int) -> str:
    """Return an amount of a signal for people: of bytes the largest unit in which it is whole, but no smaller than Ki."""
    if signal not in BYTES:
        return str(number)
    return quantity.render(number // KIB * KIB, quantity.Style.BINARY)
