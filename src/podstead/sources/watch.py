"""inotify on the event loop: turns events of the manifest directory into what to look at.

An event is never trusted to say what is there, only where to look: a close after writing or a rename into place
names a file whose bytes are ready; everything else asks for a full look. A flood of events is thrown away unread:
one full look says more than any number of them, and costs less.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inotify_simple import INotify, flags, parse_events

from podstead.sources.inotify import open_inotify

if TYPE_CHECKING:
    from collections.abc import Callable

_READY = flags.CLOSE_WRITE | flags.MOVED_TO
_SELF = flags.DELETE_SELF | flags.MOVE_SELF | flags.UNMOUNT | flags.IGNORED
_MASK = (
    _READY
    | flags.MOVED_FROM
    | flags.DELETE
    | flags.CREATE
    | flags.ATTRIB
    | flags.DELETE_SELF
    | flags.MOVE_SELF
    | flags.ONLYDIR
)
_CHUNK_BYTES = 16 << 10
"""About 500 events, parsed in a millisecond: what one turn of the loop may spend on us."""
_DRAIN_READS = 64
_WINDOW_SECONDS = 0.1
_BUSY_EVENTS = 400
"""In a window: from here on events are let to gather for `_BUSY_SECONDS`, so that each wake reads many."""
_BUSY_SECONDS = 0.01
_FLOOD_EVENTS = 2000
"""In a window: more than saving 300 manifests at once makes. From here on they are thrown away unread."""
_MOST_NAMES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What events said since the last time: names whose writers are done, names that were taken away, and more."""

    closed: frozenset[str]
    left: frozenset[str]
    changed: bool
    """Something else happened in the directory, or events were lost."""
    moved: bool
    """The directory itself was removed, renamed or unmounted."""


class Watch:
    """One inotify instance. `attach` runs on a look's thread, all else on the loop."""

    def __init__(self, wake: Callable[[], None], is_wanted: Callable[[str], bool]) -> None:
        self._wake = wake
        self._is_wanted = is_wanted
        self._inotify: INotify | None = None
        self._descriptor: int | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._resume: asyncio.TimerHandle | None = None
        self._window_ends = 0.0
        self._in_window = 0
        self._closed: set[str] = set()
        self._left: set[str] = set()
        self._changed = False
        self._moved = False
        self.trouble: str | None = None
        """Why changes are polled for instead; None while the watch works."""

    async def start(self) -> None:
        """Make the inotify instance; where there is none to be had, `trouble` says so."""
        self._loop = asyncio.get_running_loop()
        try:
            inotify = await open_inotify()
        except OSError as error:
            self.trouble = f"changes are polled for, since inotify is not to be had: {_why(error)}"
            return
        self._inotify = inotify
        self._loop.add_reader(inotify.fileno(), self._read)

    def close(self) -> None:
        """Stop watching. Safe to call twice."""
        if self._resume is not None:
            self._resume.cancel()
        if self._inotify is not None and self._loop is not None:
            self._loop.remove_reader(self._inotify.fileno())
            self._inotify.close()
            self._inotify = None

    def attach(self, descriptor: int) -> None:
        """Watch the directory behind this descriptor: the very inode that is about to be listed, whatever its path.

        Asked at each look; the kernel gives the same watch for the same inode, so this costs one call.
        """
        inotify = self._inotify
        if inotify is None:
            return
        try:
            fresh = inotify.add_watch(f"/proc/self/fd/{descriptor}", _MASK)
        except (OSError, ValueError) as error:  # ValueError: closed meanwhile
            self._descriptor = None
            self.trouble = f"changes are polled for, since the directory cannot be watched: {_why(error)}"
            return
        stale, self._descriptor = self._descriptor, fresh
        self.trouble = None
        if stale not in (None, fresh):
            with contextlib.suppress(OSError, ValueError):  # gone with its directory
                inotify.rm_watch(stale)

    def take(self) -> Heard:
        """Return and forget what was heard."""
        heard = Heard(
            closed=frozenset(self._closed), left=frozenset(self._left), changed=self._changed, moved=self._moved
        )
        self._closed.clear()
        self._left.clear()
        self._changed = self._moved = False
        return heard

    def _read(self) -> None:
        """Take what the kernel has for us, at most one chunk."""
        if self._inotify is None or self._loop is None:
            return
        try:
            events = parse_events(os.read(self._inotify.fileno(), _CHUNK_BYTES))
        except BlockingIOError:
            return
        for event in events:
            self._sort_in(event.wd, event.mask, event.name)
        now = self._loop.time()
        if now >= self._window_ends:
            self._window_ends, self._in_window = now + _WINDOW_SECONDS, 0
        self._in_window += len(events)
        if self._in_window > _FLOOD_EVENTS:
            self._pause(_WINDOW_SECONDS, self._drain)
        elif self._in_window > _BUSY_EVENTS:
            self._pause(_BUSY_SECONDS, self._read_on)
        self._wake()

    def _sort_in(self, watch: int, mask: int, name: str) -> None:
        if mask & flags.Q_OVERFLOW:
            self._changed = True
        elif watch != self._descriptor:
            return  # of a directory that is no longer ours; each new one is listed after it is watched
        elif mask & _SELF:
            self._moved = True
        elif mask & flags.ISDIR or not self._is_wanted(name) or len(self._closed) + len(self._left) >= _MOST_NAMES:
            self._changed = True
        elif mask & _READY:
            self._closed.add(name)
            self._left.discard(name)
        else:
            self._changed = True
            if mask & (flags.MOVED_FROM | flags.DELETE):
                self._left.add(name)

    def _pause(self, seconds: float, then: Callable[[], None]) -> None:
        if self._inotify is None or self._loop is None:
            return
        self._loop.remove_reader(self._inotify.fileno())
        self._resume = self._loop.call_later(seconds, then)

    def _read_on(self) -> None:
        if self._inotify is None or self._loop is None:
            return
        self._loop.add_reader(self._inotify.fileno(), self._read)
        self._read()

    def _drain(self) -> None:
        """Throw away what gathered during the pause; go on so until the flood ends."""
        if self._inotify is None or self._loop is None:
            return
        thrown = 0
        for _ in range(_DRAIN_READS):
            try:
                thrown += len(os.read(self._inotify.fileno(), 4 * _CHUNK_BYTES))
            except BlockingIOError:
                break
        self._changed = True
        if thrown > _CHUNK_BYTES:
            self._pause(_WINDOW_SECONDS, self._drain)
        else:
            self._loop.add_reader(self._inotify.fileno(), self._read)
        self._wake()


def _why(error: Exception) -> str:
    if isinstance(error, OSError):
        if error.errno == errno.EMFILE:
            return "too many inotify instances (sysctl fs.inotify.max_user_instances)"
        if error.errno == errno.ENOSPC:
            return "too many inotify watches (sysctl fs.inotify.max_user_watches)"
        return os.strerror(error.errno or 0)
    return str(error)
