"""What is left of a simulated node: plenty of everything until a test says otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.admission.pressure import Measured
from podstead.k8s.signals import Signal

if TYPE_CHECKING:
    from collections.abc import Mapping

CAPACITY = 100 << 25


class SimulatedSignals:
    """The signals of one node; `left` is percent by signal."""

    def __init__(self) -> None:
        self.left = dict.fromkeys(Signal, 90)
        self.reads = 0

    async def read(self) -> Mapping[Signal, Measured]:
        """Return what is left now."""
        self.reads += 1
        return {s: Measured(capacity=CAPACITY, available=CAPACITY * p // 100) for s, p in self.left.items()}
