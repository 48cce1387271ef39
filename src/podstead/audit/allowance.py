"""How many entries of a kind are recorded: a flood or a crash loop neither fills the log nor pushes out what it holds. Pure.

Entries beyond the allowance are counted, and told with the next one that is recorded, or by a record of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

from podstead.state.audit import Act

SUBJECT_BURST = 20
"""Entries about one thing at once: a pod with ten containers that starts, and one that is looked at by hand."""
SUBJECT_REFILL_SECONDS = 600.0
"""Then one in so long: a container that crashes for ever (every 5 minutes at the end) makes 144 records a day."""
ACT_BURST = 300
"""Entries of one act at once: two hundred pods of a node that starts."""
ACT_REFILL_SECONDS = 10.0
"""Then one in so long: a flood that never ends makes 8,640 records (some 6 MiB) a day of each act."""
MAX_SUBJECTS = 2000
"""Things that are told apart at once; those that were quiet longest are forgotten, and may burst again."""
UNLIMITED = frozenset({Act.AGENT_START, Act.AGENT_STOP, Act.LOG, Act.GAP, Act.KEY, Act.MODE, Act.POLICY, Act.SHUTDOWN})
"""What only root's own doing brings about, or the log itself."""


@dataclass(slots=True)
class Bucket:
    """What is left of an allowance; `at` is boot-clock seconds. `left_out` counts since the last one that passed."""

    left: float
    at: float
    left_out: int = 0
    since: float = 0.0

    def refill(self, now: float, *, burst: int, seconds: float) -> None:
        """Give back what time has brought; a clock of another boot gives nothing."""
        self.left = min(float(burst), self.left + max(0.0, now - self.at) / seconds)
        self.at = now


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """How many entries of an act were left out, and since which boot-clock second."""

    act: Act
    count: int
    since: float


class Allowance:
    """Counts entries by their act and their subject."""

    def __init__(self) -> None:
        self._acts: dict[Act, Bucket] = {}
        self._subjects: dict[tuple[Act, str], Bucket] = {}
        self._left_out: dict[Act, LeftOut] = {}

    def spend(self, act: Act, subject: str, now: float) -> int | None:
        """Count one entry: None when it is to be left out, else how many like it were left out before it."""
        if act in UNLIMITED:
            return 0
        of_act = self._acts.setdefault(act, Bucket(ACT_BURST, now))
        of_act.refill(now, burst=ACT_BURST, seconds=ACT_REFILL_SECONDS)
        of_subject = self._subject(act, subject, now)
        of_subject.refill(now, burst=SUBJECT_BURST, seconds=SUBJECT_REFILL_SECONDS)
        if of_act.left < 1 or of_subject.left < 1:
            of_subject.left_out += 1
            before = self._left_out.get(act)
            since = before.since if before is not None else now
            self._left_out[act] = LeftOut(act=act, count=(before.count if before else 0) + 1, since=since)
            return None
        of_act.left -= 1
        of_subject.left -= 1
        count, of_subject.left_out = of_subject.left_out, 0
        return count

    def take_left_out(self) -> tuple[LeftOut, ...]:
        """Return what was left out since the last call, by act."""
        found = tuple(self._left_out.values())
        self._left_out = {}
        return found

    def _subject(self, act: Act, subject: str, now: float) -> Bucket:
        bucket = self._subjects.pop((act, subject), None) or Bucket(SUBJECT_BURST, now)
        self._subjects[act, subject] = bucket  # as the latest
        if len(self._subjects) > MAX_SUBJECTS:
            del self._subjects[next(iter(self._subjects))]
        return bucket
