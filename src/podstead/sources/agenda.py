"""When the directory is looked at next, and at which of its names. Pure: times are boot seconds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """The next look: `names` None for a full one. `asked`: somebody waits for the answer, changed or not.

    `closed` has the names whose writers are known to be done.
    """

    names: frozenset[str] | None
    closed: frozenset[str] = frozenset()
    asked: bool = False


class Agenda:
    """Gathers what calls for a look. The first full look is due at once."""

    def __init__(self) -> None:
        self._closed: set[str] = set()
        self._closed_for_full: set[str] = set()
        self._left: set[str] = set()
        self._not_before = -math.inf
        self._poked = False
        self.full_at = -math.inf
        """When the next full look is due; infinite: nothing calls for one yet."""

    def poke(self) -> None:
        """Ask for a full look now, for somebody who waits for the answer."""
        self._poked = True

    def heard(self, *, closed: Collection[str], left: Collection[str]) -> None:
        """Ask for a look at names whose writers are done; those that left go along with them."""
        self._closed.update(closed)
        self._left.update(left)

    def leave_to_full(self, closed: Collection[str]) -> None:
        """Remember names whose writers are done, and which a named look could not take in."""
        self._closed_for_full.update(closed)

    def ask(self, at: float) -> None:
        """Ask for a full look, not sooner than the last one allows."""
        self.full_at = min(self.full_at, max(at, self._not_before))

    def rest_until(self, at: float) -> None:
        """Let the next full look that is asked for not be sooner."""
        self._not_before = at

    def take(self, now: float) -> Wish | None:
        """Return the look that is due, which is then off the agenda; None: none is."""
        if self._poked or self.full_at <= now:
            wish = Wish(names=None, closed=frozenset(self._closed | self._closed_for_full), asked=self._poked)
            self._poked, self.full_at = False, math.inf
            self._closed_for_full.clear()
        elif self._closed:  # what left goes along: a rename must not show the content under both names
            wish = Wish(names=frozenset(self._closed | self._left), closed=frozenset(self._closed))
        else:
            return None
        self._closed.clear()
        self._left.clear()
        return wish
