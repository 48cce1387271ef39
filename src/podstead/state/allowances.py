"""Break-glass: contents that root let through for a while, each bound to its digest.

An allowance ends on the earlier of two clocks, as neither can be believed alone: the wall clock may be set, and the boot clock
starts at zero with each boot.

- Within a boot both count. Whoever sets the wall clock back gains nothing: the boot clock goes on.
- After a reboot the wall clock says how long the machine was off; where it stands before what was last seen of it, the allowance
  has ended. The boot clock counts again, from the boot on. What was counted before is kept (`spent`, written down four times a
  minute, and a boot counts as a minute at least), so that all boots together never give more than root gave.
- What was once found to be over stays so (`over`).

What it lets through is a content that nobody signed or that the policy forbids. It lifts nothing else: neither the posture of
files nor what keeps pods from the agent's own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from podstead.hints import USUAL

if TYPE_CHECKING:
    from podstead.clock import Instant
    from podstead.hints import Hints

MAX_SECONDS = 7 * 86_400.0
"""A week: over a holiday, and short enough that nobody takes it for the usual way."""
MIN_SECONDS = 60.0
KEPT_SECONDS = 30 * 86_400.0
"""How long an allowance that has ended is remembered: what runs of it is told why it is not started again."""
CHARGE_SECONDS = 60.0
"""What a boot costs at least, and how far behind what was last seen of it the wall clock may be after one: clocks drift, and
what was counted last may be as old as this.
"""
MAX_ALLOWANCES = 100
MAX_REASON = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """One content that root let through. `file` is the name that it was given under, for people.

    `seconds` is for how long; `at` and `seen` are Unix seconds, when it began and what the wall clock said last. It counts since
    the boot-clock second `since` of the boot `boot_id`; `spent` is what was counted before that. `ended`: root ended it.
    """

    digest: str
    file: str
    reason: str
    seconds: float
    at: float
    seen: float
    boot_id: str
    since: float
    spent: float = 0.0
    ended: bool = False

    def left(self, now: Instant) -> float:
        """Return for how many seconds it still lets its content through; 0: it has ended."""
        if self.ended or (now.boot_id != self.boot_id and now.wall < self.seen - CHARGE_SECONDS):
            return 0.0
        by_boot = self.seconds - self._counted(now)
        by_wall = self.at + self.seconds - now.wall
        return max(0.0, min(by_boot, by_wall))

    def counted(self, now: Instant) -> Allowance:
        """Return the allowance with what has passed counted: to be written down now and then, and after each boot."""
        if self.left(now) <= 0:
            return replace(self, ended=True)
        return replace(
            self, spent=self._counted(now), since=now.boot, boot_id=now.boot_id, seen=max(self.seen, now.wall)
        )

    def _counted(self, now: Instant) -> float:
        if now.boot_id == self.boot_id:
            return self.spent + max(0.0, now.boot - self.since)
        return self.spent + max(CHARGE_SECONDS, now.boot)


class AllowanceRefusal(ValueError):
    """An allowance that is not to be; the text is one sentence without a full stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowances:
    """All of them, the newest last; of one digest there is one."""

    entries: tuple[Allowance, ...] = ()

    def for_digest(self, digest: str, now: Instant) -> Allowance | None:
        """Return what lets a content through now; None: nothing does. `digest` is the SHA-256 of a whole file's bytes."""
        found = self.of(digest)
        return found if found is not None and found.left(now) > 0 else None

    def of(self, digest: str) -> Allowance | None:
        """Return the allowance of a content, also one that has ended."""
        return next((one for one in self.entries if one.digest == digest), None)

    def active(self, now: Instant) -> tuple[Allowance, ...]:
        """Return those that let something through now."""
        return tuple(one for one in self.entries if one.left(now) > 0)

    def with_one(
        self, digest: str, file: str, *, seconds: float, reason: str, now: Instant, hints: Hints = USUAL
    ) -> Allowances:
        """Return them with another one; it takes the place of that for the same content. Raises AllowanceRefusal."""
        if not MIN_SECONDS <= seconds <= MAX_SECONDS:
            raise AllowanceRefusal("a time from 1m to 168h (a week) is due: --for 1h")
        if not reason.strip() or len(reason) > MAX_REASON:
            raise AllowanceRefusal(f"a reason of up to {MAX_REASON} characters is due: --reason TEXT")
        others = tuple(one for one in self.entries if one.digest != digest)
        if len(others) >= MAX_ALLOWANCES:
            raise AllowanceRefusal(f"there are {len(others)} of them already: {hints.allow} end DIGEST ends one")
        made = Allowance(
            digest=digest,
            file=file,
            reason=reason,
            seconds=seconds,
            at=now.wall,
            seen=now.wall,
            boot_id=now.boot_id,
            since=now.boot,
        )
        return Allowances(entries=(*others, made))

    def without(self, prefix: str, hints: Hints = USUAL) -> tuple[Allowances, Allowance]:
        """Return them with that of a digest, or of its beginning, ended, and which it is. Raises AllowanceRefusal."""
        meant = [one for one in self.entries if prefix and one.digest.startswith(prefix) and not one.ended]
        if len(meant) != 1:
            text = (
                f"{len(meant)} allowances begin with this digest" if meant else "there is no allowance of this digest"
            )
            raise AllowanceRefusal(f"{text}: {hints.allow} list shows them")
        ended = replace(meant[0], ended=True)
        return Allowances(entries=tuple(ended if one is meant[0] else one for one in self.entries)), ended

    def over(self, now: Instant) -> Allowances:
        """Return them with those ended whose time is over now: a clock that is set back later revives nothing."""
        if all(one.ended or one.left(now) > 0 for one in self.entries):
            return self
        return Allowances(entries=tuple(one if one.left(now) > 0 else replace(one, ended=True) for one in self.entries))

    def counted(self, now: Instant) -> Allowances:
        """Return them with what has passed counted; what ended long ago is forgotten."""
        kept = (one for one in self.entries if not one.ended or now.wall - one.at < one.seconds + KEPT_SECONDS)
        return Allowances(entries=tuple(one if one.ended else one.counted(now) for one in kept))
