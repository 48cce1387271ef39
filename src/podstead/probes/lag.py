"""How late the event loop was while attempts were under way."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

TICK_SECONDS = 0.025
"""Fine enough to see a tenth of the shortest timeout (1 s) and too rare to cost anything."""
NOTICED_SECONDS = 0.005


class LagMeter:
    """Measures the loop's lateness as long as at least one `with meter:` block is open; all share one timer."""

    def __init__(self) -> None:
        self._open = 0
        self._timer: asyncio.TimerHandle | None = None
        self._late: deque[tuple[float, float]] = deque(maxlen=1024)

    def __enter__(self) -> Self:
        self._open += 1
        if self._timer is None:
            self._arm(asyncio.get_running_loop())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open -= 1

    def worst_since(self, moment: float) -> float:
        """Return the greatest lateness in seconds seen since a moment of the loop's clock, now included."""
        now = asyncio.get_running_loop().time()
        pending = now - self._timer.when() if self._timer is not None else 0.0
        return max([pending, 0.0, *(late for at, late in self._late if at >= moment)])

    def _arm(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(TICK_SECONDS, self._tick, loop)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        timer, self._timer = self._timer, None
        late = loop.time() - timer.when() if timer is not None else 0.0
        if late > NOTICED_SECONDS:
            self._late.append((loop.time(), late))
        if self._open:
            self._arm(loop)
