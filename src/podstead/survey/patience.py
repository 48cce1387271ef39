"""Looks at files that are given up when nothing answers: a dead network file system must not hold an inspection.

A thread that waits for ever is left behind, and the report is written all the same. The process ends after it as soon as the
kernel lets the thread go: of a FUSE server that has taken a request and never answers, not before that server ends.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from podstead.threads import StuckError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")

ANSWER_SECONDS = 3.0
"""A disk that has to wake up answers by then; so does the read of the largest file that is read."""
SHORT_SECONDS = 0.1
MOST_SILENT = 10
"""After so many silent places each other has `SHORT_SECONDS`: half a minute of waiting is enough for a report."""
MOST_OF_A_MOUNT = 3
"""After so many silent places of one file system nothing else of it is asked."""
_WHOLE_MACHINE = frozenset({b"/", b"/proc"})
"""Mounts that are never given up as a whole: the machine's own, and that by which another root directory is reached."""


@dataclass(slots=True)
class _Call:
    """One call in its thread: the path that it touched last, and how it ended."""

    at: Path | None = None
    failure: BaseException | None = None
    ended: threading.Event = field(default_factory=threading.Event)


class Patience:
    """Runs calls that touch files, each for a bounded time."""

    def __init__(self) -> None:
        self._here = threading.local()
        self._places: list[tuple[bytes, bytes]] = []
        """What did not answer, each with the mount that it lies on."""
        self.silent: dict[str, str] = {}
        """The paths that were asked for and did not answer, each with why nothing is known of it."""

    def touch(self, path: Path) -> Path:
        """Return the path, which is about to be touched. Raises StuckError where nothing there has answered before."""
        call: _Call | None = getattr(self._here, "call", None)
        if call is not None:
            call.at = path
        if self._places and self._is_given_up(os.fsencode(path)):
            raise StuckError(0, "its file system did not answer before")
        return path

    def run(self, path: str, call: Callable[[], T]) -> T:
        """Return what a call about a path returns, or raise what it raises; StuckError where it does not end in time."""
        if getattr(self._here, "call", None) is not None:
            return call()  # part of a call that is waited for already
        state = _Call()
        results: list[T] = []

        def work() -> None:
            self._here.call = state
            try:
                results.append(call())
            except BaseException as error:  # noqa: BLE001 - handed to who waits, whatever it is
                state.failure = error
            state.ended.set()

        threading.Thread(target=work, name="look", daemon=True).start()
        seconds = ANSWER_SECONDS if len(self._places) < MOST_SILENT else SHORT_SECONDS
        if not state.ended.wait(seconds):
            place = os.fsencode(state.at or path)
            self._places.append((_mount_of(place), place))
            failure: BaseException = StuckError(0, f"it did not answer within {seconds:g} s")
        elif state.failure is None:
            return results[0]
        else:
            failure = state.failure
        if isinstance(failure, StuckError):
            self.silent[path] = f"it cannot be read: {failure.strerror}"
        raise failure

    def _is_given_up(self, path: bytes) -> bool:
        if any(_is_below(path, place) for _, place in self._places):
            return True
        mounts = [mount for mount, _ in self._places if mount not in _WHOLE_MACHINE and _is_below(path, mount)]
        return any(mounts.count(mount) >= MOST_OF_A_MOUNT for mount in mounts)


def _is_below(path: bytes, above: bytes) -> bool:
    return path == above or path.startswith(above.rstrip(b"/") + b"/")


def _mount_of(path: bytes) -> bytes:
    """Return the mount point that a path lies below, by the kernel's list, which asks no file system."""
    points = [_unescaped(line.split(b" ")[4]) for line in Path("/proc/self/mountinfo").read_bytes().splitlines()]
    return max((point for point in points if _is_below(path, point)), key=len, default=b"/")


def _unescaped(point: bytes) -> bytes:
    """Return a mount point without the octal escapes of mountinfo (proc(5))."""
    for code, char in ((b"\\040", b" "), (b"\\011", b"\t"), (b"\\012", b"\n"), (b"\\134", b"\\")):
        point = point.replace(code, char)
    return point
