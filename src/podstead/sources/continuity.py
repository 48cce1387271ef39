"""Certainty of absence (foundation 9): is this the directory we know, and is the missing file truly gone? Pure.

The directory's identity is a string to be kept across restarts: file system id and persistent inode handle, both of
which survive a reboot of the same disk. Device number and mount id belong to it too, but only within this process:
device numbers change at boot, and mount ids with every mount namespace, of which a hardened unit gets a new one at
each start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.hints import USUAL

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable


class Continuity:
    """Judges whether the directory that was opened is the one whose absences count."""

    def __init__(
        self, known: str | None, *, at: str = "", known_at: str | None = None, accept: str = USUAL.accept
    ) -> None:
        """`at` is the path that is looked at, `known_at` that at which the known directory counted (None: the same).

        `accept` is the command by which root says that the directory is right as it is.
        """
        self._accept = accept
        self._identity = known
        self._mount: tuple[int, int] | None = None
        self._at = at
        self._known_at = known_at or at
        self._given: tuple[str, tuple[int, int]] | None = None
        """The directory that was found first at a path which root has configured anew."""

    @property
    def identity(self) -> str | None:
        """The identity that counts now; to be persisted. None until a directory was seen."""
        return self._identity

    @property
    def counted_at(self) -> str:
        """The path at which that directory counts; to be persisted with it."""
        return self._known_at

    def is_same(self, identity: str, mount: tuple[int, int]) -> bool:
        """Return whether this is the adopted directory."""
        return self._identity == identity and self._mount in (None, mount)

    def judge(
        self, identity: str, mount: tuple[int, int], *, names: Collection[str], expected: Iterable[str], accepted: bool
    ) -> str | None:
        """Return why the directory is not itself, or None; a first, accepted or complete one is adopted."""
        if self._identity is not None and not self.is_same(identity, mount) and not accepted:
            missing = sorted(set(expected).difference(names))
            if missing:
                if self._known_at != self._at and self._given is None:
                    self._given = identity, mount
                return _strange(
                    missing,
                    self._accept,
                    f"root has configured it instead of {self._known_at}" if self.is_given(identity, mount) else "",
                )
        self._identity, self._mount, self._known_at = identity, mount, self._at
        return None

    def is_given(self, identity: str, mount: tuple[int, int]) -> bool:
        """Return whether root's configuration names this directory in place of the one that counts: its files are meant."""
        return self._given == (identity, mount)


def _strange(missing: list[str], accept: str, given: str) -> str:
    shown = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
    how = given or "unmounted, renamed or replaced"
    what = "nothing is removed" if given else "nothing is removed, and nothing is taken"
    return (
        f"it is another directory than before ({how}) and lacks {shown}: {what};"
        f" bring the directory or the files back, or run `{accept}` if they are meant to be gone"
    )


class Absences:
    """Counts looks: an absence is certain after two looks `absence_seconds` apart at the same healthy directory.

    Times are boot seconds of looks, never of the question, so that only a look can make an absence certain.
    """

    def __init__(self, absence_seconds: float) -> None:
        self._wait = absence_seconds
        self._since: float | None = None
        self._last = 0.0
        self._present: frozenset[str] = frozenset()
        self._missing: dict[str, float] = {}

    @property
    def certain(self) -> bool:
        """Whether the last look and one `absence_seconds` before it belong to one unbroken run."""
        return self._since is not None and self._last - self._since >= self._wait

    @property
    def recent(self) -> frozenset[str]:
        """Names that are there, or whose absence is too young to count."""
        return self._present.union(self._missing)

    @property
    def next_look_at(self) -> float | None:
        """When a look would make an absence certain that is not certain yet; None when there is none."""
        if self._since is None:
            return None
        waits = [] if self.certain else [self._since + self._wait]
        waits.extend(since + self._wait for since in self._missing.values())
        return min(waits, default=None)

    def interrupt(self) -> None:
        """Begin a new run: the directory was not itself, or not all of it was seen."""
        self._since = None
        self._missing.clear()

    def look(self, began: float, ended: float, names: Iterable[str]) -> None:
        """Take in a full look: what it misses was missing at `ended` at the latest, what confirms it began later."""
        present = frozenset(names)
        if self._since is None:
            self._since = ended
        for name in self._present - present:
            self._missing.setdefault(name, ended)
        self._missing = {
            name: since for name, since in self._missing.items() if name not in present and began - since < self._wait
        }
        self._present, self._last = present, began

    def saw(self, name: str) -> None:
        """Take in that a look at this name alone found it."""
        self._missing.pop(name, None)
        self._present |= {name}

    def lost(self, name: str, at: float) -> None:
        """Take in that a look at this name alone did not find it; only full looks make that certain."""
        if name in self._present:
            self._present -= {name}
            self._missing.setdefault(name, at)
