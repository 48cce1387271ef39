"""What work costs the processor, whatever else the machine and the test run do meanwhile."""

from __future__ import annotations

import contextlib
import gc
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(slots=True)
class Cost:
    """How many seconds it computed, known at the end."""

    seconds: float = 0.0


@contextlib.contextmanager
def without_garbage() -> Iterator[None]:
    """Keep the collector from looking through what was there before, which is a process full of tests."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextlib.contextmanager
def computing(clock: Callable[[], float] = time.thread_time) -> Iterator[Cost]:
    """Measure what the block computes: in this thread, or by another clock of the processor."""
    cost = Cost()
    with without_garbage():
        began = clock()
        yield cost
        cost.seconds = clock() - began
