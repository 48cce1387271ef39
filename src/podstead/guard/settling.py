"""Makes the published directory what the record says, and says what somebody else did there. Blocking."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.publication.settling import Alarm, settle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from podstead.guard.books import GuardBooks
    from podstead.guard.directory import PublishedDirectory
    from podstead.publication.record import Published

_SENTENCES = {
    Alarm.FOREIGN: "{name} is none of the guard's files: it was taken out{kept}",
    Alarm.CHANGED: "{name} was changed behind the guard: it is what was published again{kept}",
    Alarm.REMOVED: "{name} was removed behind the guard: it is published again",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What was found: `alarms` happened, `lasting` is wrong until somebody mends it; each a reason and a sentence."""

    alarms: tuple[tuple[str, str], ...] = ()
    lasting: tuple[tuple[str, str], ...] = ()


class Settler:
    """Settles one directory."""

    def __init__(self, directory: PublishedDirectory, books: GuardBooks) -> None:
        self.directory = directory
        self._books = books
        self._seen: set[str] = set()

    def settle(self, record: Mapping[str, Published], before: Mapping[str, Published]) -> Settled:
        """Do what there is to do. A directory that is another one than was taken is left alone, with what is in it."""
        if fault := self.directory.fault():
            return Settled(lasting=(("PublishDirectorySwapped", fault),))
        try:
            opened = self.directory.restrict()
            present = self.directory.present()
        except OSError as error:
            text = f"cannot look at {self.directory.path}: {error.strerror or error}"
            return Settled(lasting=(("PublishDirectoryUnreadable", text),))
        wanted = settle(record, present, before, self._seen)
        told = [("PublishDirectoryOpened", f"{opened}: it is root's alone again")] if opened else []
        told += [(str(alarm), self._sentence(alarm, name)) for alarm, name in wanted.alarms]
        lasting: list[tuple[str, str]] = []
        for name in wanted.remove:
            lasting += self._try("take out", name, self.directory.remove)
        for name in wanted.write:
            lasting += self._try("publish", name, lambda name: self._write(name, record[name]))
        self._seen = set(record)
        return Settled(alarms=tuple(told), lasting=tuple(lasting))

    def _write(self, name: str, one: Published) -> None:
        data = self._books.content(one.digest)
        if data is None or hashlib.sha256(data).hexdigest() != one.digest:
            raise OSError(0, "its content in the guard's state is gone or damaged")
        self.directory.write(name, data)

    def _try(self, verb: str, name: str, act: Callable[[str], None]) -> Iterator[tuple[str, str]]:
        try:
            act(name)
        except OSError as error:
            yield "CannotPublish", f"cannot {verb} {self.directory.path / name}: {error.strerror or error}"

    def _sentence(self, alarm: Alarm, name: str) -> str:
        """Return what happened; what somebody else wrote is kept for whoever looks into it."""
        kept = ""
        if alarm is not Alarm.REMOVED and (data := self.directory.content(name)) is not None:
            digest = hashlib.sha256(data).hexdigest()
            kept = f"; SHA-256 {digest}" + (
                ", kept in the guard's state" if self._books.keep_taken_out(digest, data) else ""
            )
        return _SENTENCES[alarm].format(name=self.directory.path / name, kept=kept)
