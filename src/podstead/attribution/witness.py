"""Hears who writes in a directory, on a thread of its own: a writer such as `mv` is gone within a millisecond."""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.attribution.events import NO_PIDFD, Event, Mask, parse_events
from podstead.attribution.fanotify import Queue
from podstead.attribution.process import Process, ask

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MOST_NAMES = 4096
"""Names whose last writer is remembered: twice the manifests of a full directory; 2 MiB at the most."""
CHUNK_BYTES = 4096
"""Some sixty events, each with a descriptor: what one read may take of the agent's limit of open files."""
MOST_ASKED = 200
"""Processes asked in a second, 0.2 ms each: more writers than that are a flood, and only counted."""
BUSY_EVENTS = 600
BUSY_SECONDS = 0.05
"""After so many events in a row the kernel's queue is left alone for a moment: a flood costs a tenth of a core."""
DEEDS = (
    (Mask.CLOSE_WRITE, "written"),
    (Mask.MOVED_TO, "renamed into place"),
    (Mask.CREATE, "made"),
    (Mask.DELETE, "removed"),
    (Mask.MOVED_FROM, "renamed away"),
)
"""In the order in which one event that stands for several is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Witnessed:
    """The last deed to a name. `process` is None where it could not be asked, for which `asked` gives the reason:
    False when there were too many to ask. `at` is the Unix second at which it was heard of.
    """

    deed: str
    pid: int
    at: float
    process: Process | None
    asked: bool = True


class Witness:
    """Listens from `start` to `close`; `last` may be asked from any thread."""

    def __init__(self, directory: Path, is_wanted: Callable[[str], bool], wall: Callable[[], float]) -> None:
        """Open the kernel's queue. Raises OSError."""
        self._directory = directory
        self._is_wanted = is_wanted
        self._wall = wall
        self._queue = Queue()
        self._ending, self._end = os.pipe2(os.O_CLOEXEC)
        self._names: OrderedDict[str, Witnessed] = OrderedDict()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._listen, name="attribution", daemon=True)
        self._second, self._asked = 0.0, 0
        self.lost = 0
        """How often the kernel had more to tell than its queue holds."""

    def start(self) -> None:
        """Begin to listen. Raises OSError where the directory cannot be listened to."""
        self._queue.watch(self._directory)
        self._thread.start()

    def follow(self) -> None:
        """Listen to what the directory's path means now; blocks for a moment. Raises OSError.

        Raises RuntimeError when the thread has ended by a mistake of ours.
        """
        if not self._thread.is_alive():
            raise RuntimeError("the thread that listens has ended")
        self._queue.watch(self._directory)

    def last(self, name: str) -> Witnessed | None:
        """Return the last deed to this name; None when none was heard of."""
        with self._lock:
            return self._names.get(name)

    def close(self) -> None:
        """End the thread. It never waits for longer than one process takes to be asked."""
        os.close(self._end)
        if self._thread.is_alive():
            self._thread.join()
        os.close(self._ending)
        self._queue.close()

    def _listen(self) -> None:
        poll = select.poll()
        poll.register(self._queue.descriptor, select.POLLIN)
        poll.register(self._ending, select.POLLIN)
        in_a_row = 0
        while True:
            ready = {descriptor for descriptor, _ in poll.poll()}
            if self._ending in ready:
                return
            in_a_row += self._take()
            if in_a_row >= BUSY_EVENTS:
                in_a_row = 0
                time.sleep(BUSY_SECONDS)

    def _take(self) -> int:
        try:
            data = os.read(self._queue.descriptor, CHUNK_BYTES)
        except OSError:  # silent: nothing there after all, or no descriptor to be had; the queue says what it loses
            time.sleep(BUSY_SECONDS)
            return 0
        count = 0
        for event in parse_events(data):
            count += 1
            try:
                self._note(event)
            finally:
                if event.pidfd is not None and event.pidfd >= 0:
                    with contextlib.suppress(OSError):
                        os.close(event.pidfd)
        return count

    def _note(self, event: Event) -> None:
        if event.mask & Mask.OVERFLOW:
            self.lost += 1
            return
        if event.mask & Mask.ONDIR or not self._is_wanted(event.name):
            return
        now = self._wall()
        may_ask = self._may_ask(now)
        process = None
        if may_ask and event.pidfd != NO_PIDFD and event.pid > 0:
            usable = event.pidfd is not None and event.pidfd >= 0
            process = ask(event.pid, event.pidfd if usable else None, str(self._directory))
        deed = next((text for mask, text in DEEDS if event.mask & mask), "changed")
        with self._lock:
            self._names[event.name] = Witnessed(deed=deed, pid=event.pid, at=now, process=process, asked=may_ask)
            self._names.move_to_end(event.name)
            if len(self._names) > MOST_NAMES:
                self._names.popitem(last=False)

    def _may_ask(self, now: float) -> bool:
        if not 0.0 <= now - self._second < 1.0:
            self._second, self._asked = now, 0
        self._asked += 1
        return self._asked <= MOST_ASKED
