"""Looks at the directory on daemon threads that may be left behind.

A read from FUSE or NFS can hang for ever and cannot be interrupted. So one thread works through the directory; when
a file takes longer than a moment, the thread is left alone with it and another one goes on with the next file. The
file is not touched again until its thread comes back. Daemon threads, because the end of the agent must not wait
for them either.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from podstead.sources.entry import Entry, Question, inspect_entry
from podstead.sources.names import INDEX_PAIR, most_bytes
from podstead.sources.place import Listing, Place, PlaceFault, list_place, open_place
from podstead.sources.posture import place_faults

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from podstead.clock import Clock
    from podstead.config.sources import SourceSettings
    from podstead.sources.timing import Timing

    Inspect = Callable[[int, str, Question], Entry | None]

MOST_IGNORED = 500
"""Entries that are no manifests and are still listed one by one."""
MOST_BYTES = 64 << 20
"""Bytes of all manifests together: 300 Pods of 200 KiB, far above any node, far below what hurts it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookRequest:
    """`names` None asks for a full look. `closed`: names whose writers are done. `first`: names that hold pods."""

    names: frozenset[str] | None
    closed: frozenset[str]
    first: frozenset[str]
    known: Mapping[str, Entry]
    was_single: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LookResult:
    """What a look found; `place` is closed, its identity counts. With a `fault` all else is empty.

    `unanswered` names were not looked at, because they or too many others do not answer. Times are boot seconds.
    """

    began: float
    ended: float
    fault: PlaceFault | None = None
    place: Place | None = None
    listing: Listing | None = None
    entries: Mapping[str, Entry | None] = field(default_factory=dict)
    unanswered: frozenset[str] = frozenset()
    insecure: tuple[str, ...] = ()
    """What lets others than root change the directory, where that only calls for a warning."""


def _turn(name: str, closed: frozenset[str]) -> tuple[bool, bool, str]:
    """Sort finished edits first, then the index: no crowd of files may use up the bytes set aside before it is read."""
    return name not in closed, name not in INDEX_PAIR, name


class _Runner:
    """A thread at work: what it is at, since when, and whether it was left behind.

    `name` is None while it opens and lists the directory, and "" between two files.
    """

    __slots__ = ("left", "name", "since")

    def __init__(self, since: float) -> None:
        self.name: str | None = None
        self.since = since
        self.left = False


class _Pass:
    """What the threads of one look share, under the looker's lock."""

    def __init__(self, request: LookRequest, began: float) -> None:
        self.request = request
        self.began = began
        self.runner = _Runner(began)
        self.runners = 0
        self.wake = asyncio.Event()
        self.finished = False
        self.place: Place | None = None
        self.listing: Listing | None = None
        self.queue: deque[str] = deque()
        self.entries: dict[str, Entry | None] = {}
        self.unanswered: set[str] = set()
        self.fault: PlaceFault | None = None
        self.insecure: tuple[str, ...] = ()
        self.error: BaseException | None = None
        known = request.known.items()
        self.sizes = {name: entry.file.size for name, entry in known if entry.file.data is not None}
        self.held = sum(self.sizes.values())


class Looker:
    """Makes one look at a time; remembers the files whose threads have not come back."""

    def __init__(
        self,
        settings: SourceSettings,
        timing: Timing,
        clock: Clock,
        *,
        attach: Callable[[int], None],
        on_late: Callable[[], None],
        inspect: Inspect = inspect_entry,
    ) -> None:
        self._settings = settings
        self._timing = timing
        self._clock = clock
        self._attach = attach
        self._on_late = on_late
        self._inspect = inspect
        self._lock = threading.Lock()
        self._stuck: dict[str, float] = {}
        self._stuck_place = False
        self._late: dict[str, Entry | None] = {}
        self._bug: BaseException | None = None

    @property
    def stuck(self) -> Mapping[str, float]:
        """Names whose reads are left to their own threads, with the boot time each read began."""
        with self._lock:
            return dict(self._stuck)

    def take_late(self) -> Mapping[str, Entry | None]:
        """Return and forget what threads that had been left behind came back with."""
        with self._lock:
            late, self._late = self._late, {}
        return late

    async def look(self, request: LookRequest) -> LookResult:
        """Look, never longer than the directory's own answer takes plus a moment for each file that is newly slow."""
        began = self._clock.now().boot
        if self._bug is not None:
            raise self._bug
        if self._stuck_place:
            return LookResult(began=began, ended=began, fault=self._silent_place())
        work = _Pass(request, began)
        self._start(work, asyncio.get_running_loop())
        while not work.finished:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._timing.slow_seconds):
                    await work.wake.wait()
            work.wake.clear()
            self._pass_over_slow(work, asyncio.get_running_loop())
        if work.error is not None:
            raise work.error
        ended = self._clock.now().boot
        if work.fault is not None:
            return LookResult(began=began, ended=ended, fault=work.fault)
        return LookResult(
            began=began,
            ended=ended,
            place=work.place,
            insecure=work.insecure,
            listing=work.listing,
            entries=work.entries,
            unanswered=frozenset(work.unanswered),
        )

    def _silent_place(self) -> PlaceFault:
        return PlaceFault(f"{self._settings.path} does not answer: check the file system it is on")

    def _start(self, work: _Pass, loop: asyncio.AbstractEventLoop) -> None:
        """Put a thread to work on what is left of the look; where there is none to be had, leave it unanswered."""
        runner = _Runner(self._clock.now().boot)
        thread = threading.Thread(target=self._run, args=(work, runner, loop), name="manifest-look", daemon=True)
        with self._lock:
            work.runner = runner
            work.runners += 1
        try:
            thread.start()
        except RuntimeError:  # the system or the agent's cgroup has no process id left
            with self._lock:
                work.runners -= 1
                work.unanswered.update(work.queue)
                work.finished = True
                if work.place is None:
                    work.fault = PlaceFault(f"cannot look at {self._settings.path}: no thread can be started")

    def _pass_over_slow(self, work: _Pass, loop: asyncio.AbstractEventLoop) -> None:
        """Leave the runner behind if it has been at one thing for too long, and go on without it."""
        with self._lock:
            runner = work.runner
            waited = self._clock.now().boot - runner.since
            if work.finished:
                return
            if runner.name is None:
                if waited >= self._settings.read_seconds:
                    runner.left = self._stuck_place = work.finished = True
                    work.fault = self._silent_place()
                return
            if not runner.name or waited < self._timing.slow_seconds:
                return
            runner.left = True
            self._stuck[runner.name] = runner.since
            work.unanswered.add(runner.name)
            barred = self._barred(work.queue, work.request)
            work.unanswered |= barred
            work.queue = deque(name for name in work.queue if name not in barred)
            if not work.queue:
                work.finished = True
                return
        self._start(work, loop)

    def _run(self, work: _Pass, runner: _Runner, loop: asyncio.AbstractEventLoop) -> None:
        """Body of a thread: open and list if nobody has, then take names until there are none."""
        try:
            if work.place is None:
                self._enter(work)
            while not runner.left and (name := self._next(work, runner)) is not None:
                if work.place is None:
                    break
                entry = self._inspect(work.place.descriptor, name, self._question(work, work.place, name))
                self._deliver(work, runner, name, entry)
        except PlaceFault as fault:
            work.fault = fault
        except BaseException as error:  # noqa: BLE001 - a bug: it is raised again by `look`, on the loop
            work.error = error
            if runner.left:
                self._bug = error
        finally:
            self._leave(work, runner)
            with contextlib.suppress(RuntimeError):  # the loop ended while this thread was left behind
                loop.call_soon_threadsafe(self._on_late if runner.left else work.wake.set)

    def _enter(self, work: _Pass) -> None:
        """Open the place, watch it, and only then list it: what changes later is an event."""
        settings, request = self._settings, work.request
        work.place = open_place(settings.path, was_single=request.was_single, follow=settings.allow_insecure)
        work.insecure = place_faults(work.place)
        if work.insecure and not settings.allow_insecure:
            raise PlaceFault(work.insecure[0], insecure=True)
        names = request.names
        if names is None:
            self._attach(work.place.descriptor)
            work.listing = list_place(
                work.place,
                first=request.first,
                max_files=settings.max_files,
                max_ignored=MOST_IGNORED,
                companions=settings.companions,
            )
            names = frozenset((*work.listing.manifests, *work.listing.companions))
        with self._lock:
            barred = self._barred(names, request)
            work.unanswered |= barred
            work.queue.extend(sorted(names - barred, key=lambda name: _turn(name, request.closed)))

    def _barred(self, names: Collection[str], request: LookRequest) -> set[str]:
        """Return the names that no thread may be spent on now; needs the lock.

        A quarter of the threads is kept for files that have answered before: new ones must not cost them their edits.
        """
        most = self._settings.max_stuck_reads
        if len(self._stuck) >= most:
            return set(names)
        barred = {name for name in names if name in self._stuck}
        if len(self._stuck) >= most - max(1, most // 4):
            barred |= {name for name in names if name not in request.known or request.known[name].stamp is None}
        return barred

    def _question(self, work: _Pass, place: Place, name: str) -> Question:
        return Question(
            directory=place.directory,
            known=work.request.known.get(name),
            closed=name in work.request.closed,
            now=self._clock.now(),
            settle_seconds=self._timing.settle_seconds,
            max_bytes=most_bytes(name, self._settings.max_file_bytes),
            allowance=MOST_BYTES - work.held + work.sizes.get(name, 0),
            lenient=self._settings.allow_insecure,
        )

    def _next(self, work: _Pass, runner: _Runner) -> str | None:
        with self._lock:
            if runner.left or not work.queue:
                return None
            runner.name, runner.since = work.queue.popleft(), self._clock.now().boot
            return runner.name

    def _deliver(self, work: _Pass, runner: _Runner, name: str, entry: Entry | None) -> None:
        with self._lock:
            if runner.left:
                del self._stuck[name]
                self._late[name] = entry
                return
            runner.name = ""
            work.entries[name] = entry
            size = entry.file.size if entry is not None and entry.file.data is not None else 0
            work.held += size - work.sizes.get(name, 0)
            work.sizes[name] = size

    def _leave(self, work: _Pass, runner: _Runner) -> None:
        """End a thread: the last one of a look closes the directory."""
        with self._lock:
            if runner.left and runner.name is None:
                self._stuck_place = False
            if not runner.left:
                work.finished = True
            work.runners -= 1
            last = work.runners == 0
        if last and work.place is not None:
            work.place.close()
