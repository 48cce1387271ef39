"""A pause of the guard: for a while it publishes what nobody signed, as for an upgrade by a tool that cannot sign."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from podstead.clock import Instant

MOST_SECONDS = 24 * 3600.0
"""Nobody's upgrade takes longer, and a pause that is forgotten must end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """From `at` and `since` (Unix and boot-clock seconds of the boot `boot_id`) for `seconds`."""

    reason: str
    seconds: float
    at: float
    boot_id: str
    since: float

    def left(self, now: Instant) -> float:
        """Return for how many seconds it lasts yet: until the earlier of two clocks says that it is over, or the boot ends.

        A wall clock before its beginning was set back, and ends it too.
        """
        if now.boot_id != self.boot_id or now.wall < self.at - 1:
            return 0.0
        return max(0.0, self.seconds - max(now.boot - self.since, now.wall - self.at))


def pause_from(now: Instant, seconds: float, reason: str) -> Pause:
    """Return a pause that begins now. Raises ValueError with a sentence."""
    if not reason.strip():
        raise ValueError("say why, for whoever reads the log later: --reason TEXT")
    if not 0 < seconds <= MOST_SECONDS:
        raise ValueError("a pause lasts at most a day: --for 30m")
    return Pause(reason=reason.strip(), seconds=seconds, at=now.wall, boot_id=now.boot_id, since=now.boot)
