"""How long a sink may fail before somebody is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from podstead.clock import Clock

PATIENCE_SECONDS = 300.0
"""A receiver that is restarted or updated is back by then."""


class Patience:
    """Remembers since when something fails."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since: float | None = None
        self._why = ""

    @property
    def problem(self) -> str:
        """A sentence when it has failed for long, else empty."""
        if self._since is None or self._clock.now().boot - self._since < PATIENCE_SECONDS:
            return ""
        return f"nothing has arrived for {round((self._clock.now().boot - self._since) / 60)} minutes: {self._why}"

    def failed(self, why: str) -> None:
        """Note a failure."""
        if self._since is None:
            self._since = self._clock.now().boot
        self._why = why

    def worked(self) -> None:
        """Note a success."""
        self._since = None
