"""The waits of this room that are not the operator's to set, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Seconds; the defaults are what the agent uses, tests make them shorter."""

    debounce_seconds: float = 0.075
    """From an event that is not a finished edit to the full look: one look for the events of one save."""
    settle_seconds: float = 1.0
    """A file that nobody was seen to close is read once its stat has not changed for this long."""
    recheck_seconds: float = 0.5
    """Between looks at a directory that is not itself: one made later is picked up within a second."""
    retry_seconds: float = 2.0
    """Between looks while a file gives an error of the file system, which may pass without any event."""
    slow_seconds: float = 0.1
    """A file whose read takes longer is left to its own thread and the next file is read by another."""
    least_gap_seconds: float = 0.1
    """Full looks are at least this far apart, and four times as long as the last one took: a flood of events then
    costs a fifth of a core at most, however many entries there are."""
    most_gap_seconds: float = 0.6
    """So that with `settle_seconds` an edit whose events were lost in a flood is still read within two seconds."""

    def gap_after(self, duration: float) -> float:
        """Return how long to leave the directory alone after a full look that took `duration` seconds."""
        return min(max(self.least_gap_seconds, 4 * duration), self.most_gap_seconds)
