"""How many new events an object may have in a minute, so that one noisy file drowns neither the rest nor the disk."""

from __future__ import annotations

from dataclasses import dataclass

WINDOW_SECONDS = 60.0
MAX_OBJECTS = 4096
"""Objects remembered at once; when there are more, those whose minute is over are forgotten."""


@dataclass(slots=True)
class Window:
    """One object's present minute, which began at `since` (boot-clock seconds)."""

    since: float
    used: int = 0
    suppressed: int = 0


class EventBudget:
    """Counts events by object. The key of an object is whatever tells it apart."""

    def __init__(self, *, per_minute: int) -> None:
        self._per_minute = per_minute
        self._windows: dict[tuple[str, ...], Window] = {}

    def spend(self, key: tuple[str, ...], now: float) -> Window:
        """Count one event; it is within the budget exactly when the window's `suppressed` is 0."""
        window = self._windows.get(key)
        if window is None or now - window.since >= WINDOW_SECONDS:
            if len(self._windows) >= MAX_OBJECTS:
                self._forget(now)
            window = self._windows[key] = Window(since=now)
        if window.used < self._per_minute:
            window.used += 1
        else:
            window.suppressed += 1
        return window

    def _forget(self, now: float) -> None:
        current = {key: window for key, window in self._windows.items() if now - window.since < WINDOW_SECONDS}
        # Still too many objects within one minute: all start anew, which lets more through, not less.
        self._windows = current if len(current) < MAX_OBJECTS else {}
