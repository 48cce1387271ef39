"""The manifest directory as a source: complete sets, the first one as soon as the first look is done.

Two kinds of looks. A *named* look reads the files whose writers are known to be done, at once. A *full* look lists
the directory; it is what everything else leads to (other events, the period, a poke) and alone decides what is gone.
A single manifest file is its directory with one name wanted.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

from podstead.hints import USUAL
from podstead.sources.agenda import Agenda
from podstead.sources.continuity import Absences, Continuity
from podstead.sources.entry import Entry, inspect_entry
from podstead.sources.looker import Looker, LookRequest, LookResult
from podstead.sources.names import INDEX_PAIR, along_with, is_companion_name, is_manifest_name, signed_name
from podstead.sources.place import Listing, Place, is_single_file
from podstead.sources.timing import Timing
from podstead.sources.watch import Watch
from podstead.state.sources import FileTrouble, ManifestFile, SourceSnapshot

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Mapping

    from podstead.clock import Clock
    from podstead.config.sources import SourceSettings
    from podstead.sources.agenda import Wish
    from podstead.sources.looker import Inspect


def _nothing_expected() -> Collection[str]:
    return ()


class DirectorySource:
    """Watches one manifest directory or file.

    `known_identity` and `known_at` are what `identity` and `counted_at` were when the agent last ran; `expected` names the
    files that hold pods now. A directory that is another one than before counts only when all of those are in it, or root
    accepts it; until then files are taken from it only if root has configured its path since. `accept` is the
    command by which root accepts it. `inspect` reads one file.
    """

    def __init__(
        self,
        settings: SourceSettings,
        clock: Clock,
        *,
        known_identity: str | None = None,
        known_at: str | None = None,
        expected: Callable[[], Collection[str]] = _nothing_expected,
        accept: str = USUAL.accept,
        inspect: Inspect = inspect_entry,
        timing: Timing | None = None,
    ) -> None:
        self._settings = replace(settings, path=settings.path.absolute())
        self._clock = clock
        self._expected = expected
        self._timing = timing or Timing()
        self._wake = asyncio.Event()
        self._watch = Watch(self._wake.set, self._is_wanted)
        self._looker = Looker(
            self._settings,
            self._timing,
            clock,
            attach=self._watch.attach,
            on_late=self._wake.set,
            inspect=inspect,
        )
        self._continuity = Continuity(known_identity, at=str(self._settings.path), known_at=known_at, accept=accept)
        self._accept = accept
        self._absences = Absences(settings.absence_seconds)
        self._entries: dict[str, Entry] = {}
        self._companions: dict[str, Entry] = {}
        self._listing = Listing(manifests=())
        self._degraded: str | None = None
        self._insecure: tuple[str, ...] = ()
        self._strange = False
        """Whether it was another directory that was read: nothing of it is taken."""
        self._readable = False
        self._single = is_single_file(known_identity)
        self._agenda = Agenda()
        self._accepting = False
        self._last: SourceSnapshot | None = None

    @property
    def identity(self) -> str | None:
        """Identity of the directory whose absences count; persist it after each snapshot."""
        return self._continuity.identity

    @property
    def counted_at(self) -> str:
        """The path at which that directory counts; persist it with `identity`."""
        return self._continuity.counted_at

    @property
    def unreadable(self) -> str | None:
        """Why the last full look could not read the directory; None when it could, or there was none yet."""
        return None if self._readable else self._degraded

    def poke(self) -> None:
        """Look again now; the next snapshot comes even if nothing changed."""
        self._agenda.poke()
        self._wake.set()

    def accept_directory(self) -> None:
        """Take the directory as it is now for the one meant (root's word); what is missing in it is gone.

        It still takes two looks. Without effect when the directory cannot be read at the next look.
        """
        self._accepting = True
        self.poke()

    async def snapshots(self) -> AsyncGenerator[SourceSnapshot, None]:
        """Give a complete snapshot at once and after each change. Close the iterator (`contextlib.aclosing`) to end."""
        await self._watch.start()
        try:
            while True:
                wish = await self._next_wish()
                result = await self._looker.look(self._request(wish))
                if wish.names is None:
                    self._fold_full(result)
                else:
                    self._fold_named(wish.closed, result)
                self._schedule()
                snapshot = self._snapshot()
                if wish.asked or snapshot != self._last:
                    self._last = snapshot
                    yield snapshot
        finally:
            self._watch.close()

    # When to look

    async def _next_wish(self) -> Wish:
        """Wait until there is something to look at."""
        while True:
            self._wake.clear()
            self._take_events()
            now = self._clock.now().boot
            if (wish := self._agenda.take(now)) is not None:
                return wish
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._agenda.full_at - now):
                    await self._wake.wait()

    def _take_events(self) -> None:
        heard, now = self._watch.take(), self._clock.now().boot
        self._agenda.heard(closed=heard.closed, left=heard.left)
        if heard.changed:
            self._agenda.ask(now + self._timing.debounce_seconds)
        if heard.moved:
            self._agenda.ask(now)
        for name, entry in self._looker.take_late().items():
            for known in (self._entries, self._companions):
                if entry is not None and name in known:
                    known[name] = entry
            self._agenda.ask(now)

    def _schedule(self) -> None:
        """Ask for the looks that what is known calls for, events or not."""
        now, timing = self._clock.now().boot, self._timing
        if self._degraded is not None:
            self._agenda.ask(now + timing.recheck_seconds)
            return
        if (absence := self._absences.next_look_at) is not None:
            self._agenda.ask(absence)
        for entry in (*self._entries.values(), *self._companions.values()):
            if entry.waiting is not None:
                self._agenda.ask(entry.waiting_since + timing.settle_seconds)
            elif entry.file.trouble is FileTrouble.UNREADABLE and entry.file.reason != "NoReadPermission":
                # a permission that is given is an event, or waits for the period
                self._agenda.ask(now + timing.retry_seconds)
        for since in self._looker.stuck.values():
            if now < since + self._settings.read_seconds:
                self._agenda.ask(since + self._settings.read_seconds)

    def _is_wanted(self, name: str) -> bool:
        if self._settings.companions and is_companion_name(name):
            return not self._single or name in along_with({self._settings.path.name, *INDEX_PAIR})
        return name == self._settings.path.name if self._single else is_manifest_name(name)

    def _request(self, wish: Wish) -> LookRequest:
        names = wish.names
        if names is not None and self._settings.companions:
            names = along_with(names)
        return LookRequest(
            names=names,
            closed=wish.closed,
            first=frozenset(self._expected()) if wish.names is None else frozenset(),
            known=self._entries | self._companions,
            was_single=self._single,
        )

    # What was found

    def _fold_named(self, closed: frozenset[str], result: LookResult) -> None:
        place = result.place
        if place is None or not self._continuity.is_same(place.identity, place.mount):
            self._agenda.leave_to_full(closed)
            self._agenda.ask(result.ended)
            return
        for name, entry in result.entries.items():
            if is_companion_name(name):
                self._fold_companion(name, entry, result)
            elif entry is None:
                self._entries.pop(name, None)
                self._absences.lost(name, result.ended)
                self._agenda.ask(result.ended + self._timing.debounce_seconds)
            elif name not in self._entries and len(self._entries) >= self._settings.max_files:
                self._agenda.leave_to_full({name})
                self._agenda.ask(result.ended + self._timing.debounce_seconds)
            else:
                self._entries[name] = entry
                self._absences.saw(name)
        if result.unanswered:
            self._agenda.ask(result.ended)

    def _fold_companion(self, name: str, entry: Entry | None, result: LookResult) -> None:
        """Take in a companion; absences count for nothing here, and a new index may be about every file."""
        if name in INDEX_PAIR:
            self._agenda.ask(result.ended + self._timing.debounce_seconds)
        base = signed_name(name)
        if entry is None:
            self._companions.pop(name, None)
        elif base is None or base in self._entries or result.entries.get(base) is not None:
            self._companions[name] = entry

    def _fold_full(self, result: LookResult) -> None:
        self._agenda.rest_until(result.ended + self._timing.gap_after(result.ended - result.began))
        self._agenda.ask(result.ended + self._settings.check_seconds)
        accepting, self._accepting = self._accepting, False
        self._readable, self._strange = result.place is not None, False
        if result.place is None or result.listing is None:
            self._degraded = self._why_degraded(result)
            self._absences.interrupt()
            return
        self._listing, self._insecure = result.listing, result.insecure
        self._entries = self._merge(result.listing.manifests, self._entries, result)
        self._companions = self._merge(result.listing.companions, self._companions, result)
        self._judge(result, result.place, accepting=accepting)

    def _judge(self, result: LookResult, place: Place, *, accepting: bool) -> None:
        """Decide whether this look counts towards absences."""
        before = self._continuity.is_same(place.identity, place.mount)
        self._degraded = self._continuity.judge(
            place.identity, place.mount, names=self._entries, expected=self._expected(), accepted=accepting
        )
        self._strange = self._degraded is not None and not self._continuity.is_given(place.identity, place.mount)
        if self._degraded is None or self._single is None:
            self._single = place.single is not None
        if not before or self._degraded is not None or self._listing.overflow:
            self._absences.interrupt()
        if self._degraded is None and not self._listing.overflow:
            self._absences.look(result.began, result.ended, self._entries)

    def _why_degraded(self, result: LookResult) -> str:
        if result.fault is None:
            return "the directory cannot be read"
        if result.fault.insecure:
            return f"{result.fault}; nothing new is taken until then, and nothing is removed"
        if not result.fault.missing:
            return f"{result.fault}; nothing is removed"
        if self._continuity.identity is None:
            return f"{result.fault} yet: make it, or correct the path; it is waited for"
        return f"{result.fault} any more: nothing is removed until it is back"

    def _merge(self, names: Iterable[str], known: Mapping[str, Entry], result: LookResult) -> dict[str, Entry]:
        """Return what is known now of each of these names that is there."""
        entries: dict[str, Entry] = {}
        for name in names:
            entry = result.entries.get(name)
            if entry is None and name in result.unanswered:
                entry = known.get(name) or Entry(file=self._silent(name, "TooManyReads"))
            if entry is not None:
                entries[name] = entry
        return entries

    def _silent(self, name: str, reason: str) -> ManifestFile:
        """Return what to show of a file whose bytes do not come."""
        messages = {
            "Reading": "it is being read and takes long",
            "NotAnswering": "the file system does not answer: it is read as soon as it does; unmount it or end its server",
            "TooManyReads": "it is not read while so many other files do not answer",
        }
        return ManifestFile(
            name=name,
            path=f"{self._directory()}/{name}",
            trouble=FileTrouble.PENDING,
            reason=reason,
            message=messages[reason],
        )

    def _directory(self) -> str:
        return str(self._settings.path.parent if self._single else self._settings.path)

    def _snapshot(self) -> SourceSnapshot:
        readable = self._readable
        files = self._as_answered(self._entries) if readable else {}
        if self._insecure:
            warning = f"the directory is not root's alone: {self._insecure[0]}"
            files = {n: replace(f, warnings=(*f.warnings, warning)) for n, f in files.items()}
        if self._strange:
            files = {name: _strangers(file, self._accept) for name, file in files.items()}
        shown = [*files.values(), *(self._listing.ignored if readable else ())]
        return SourceSnapshot(
            path=str(self._settings.path),
            files=tuple(sorted(shown, key=lambda file: file.name)),
            certain=self._degraded is None and self._absences.certain,
            recent=self._absences.recent,
            degraded=self._degraded,
            overflow=self._listing.overflow if readable else 0,
            unlisted=self._listing.unlisted if readable else 0,
            notes=(*((self._watch.trouble,) if self._watch.trouble else ()), *map(_insecure_note, self._insecure)),
            companions=self._as_answered(self._companions) if readable else {},
        )

    def _as_answered(self, entries: Mapping[str, Entry]) -> dict[str, ManifestFile]:
        """Return the files, those that do not answer as such."""
        files = {name: entry.file for name, entry in entries.items()}
        now = self._clock.now().boot
        for name, since in self._looker.stuck.items():
            if name in files and now - since >= self._settings.read_seconds:
                files[name] = self._silent(name, "NotAnswering")
            elif name in files and files[name].reason == "TooManyReads":
                files[name] = self._silent(name, "Reading")
        return files


def _insecure_note(fault: str) -> str:
    return f"{fault} (it is taken all the same, by --allow-insecure-manifests)"


def _strangers(file: ManifestFile, accept: str) -> ManifestFile:
    """Return a file of a directory that is not the one that counts: somebody may have mounted it over that one."""
    if file.data is None:
        return file
    message = f"it lies in another directory than before: nothing is taken from that until root says so ({accept})"
    return replace(file, data=None, digest="", trouble=FileTrouble.REFUSED, reason="AnotherDirectory", message=message)
