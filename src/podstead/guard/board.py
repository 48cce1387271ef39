"""Tells what the guard does: to its log once, and to `podstead guard status` as it stands."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import msgspec

from podstead.k8s.text import printable
from podstead.manifest.reading import foremost
from podstead.state.reports import Verdict
from podstead.status.times import rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from podstead.publication.record import Published
    from podstead.state.reports import FileVerdict

log = logging.getLogger(__name__)

MOST_ALARMS = 100


class ShownFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file of the source, or one that is published though its source is not accepted."""

    name: str
    verdict: str
    reason: str
    message: str
    published: bool
    pod: str
    warrant: str


class ShownAlarm(msgspec.Struct, frozen=True, kw_only=True):
    """Something that somebody should look at; `at` is a time as the API writes it."""

    at: str
    reason: str
    message: str


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """All that `guard status` shows."""

    source: str
    publish: str
    mode: str
    at: str
    paused: str = ""
    degraded: str = ""
    files: tuple[ShownFile, ...] = ()
    alarms: tuple[ShownAlarm, ...] = ()


class Board:
    """Keeps what was told, so that it is told once."""

    def __init__(self, *, watching: bool) -> None:
        self._watching = watching
        """Whether the files are a kubelet's own: it runs whatever is there, so each change is an alarm."""
        self._told: dict[str, tuple[object, ...]] = {}
        self._first = True
        self._found: set[str] = set()
        """Files that were there at the first look and are not judged yet: their verdict is news of no change."""
        self._lasting: set[tuple[str, str]] = set()
        self.alarms: list[ShownAlarm] = []

    def verdicts(
        self, verdicts: Iterable[FileVerdict], published: Mapping[str, Published], now: float
    ) -> tuple[ShownFile, ...]:
        """Tell what has become of files since the last time, and return all of them as they are shown."""
        listed = tuple(verdicts)
        shown = tuple(_shown(one, published.get(one.name)) for one in listed)
        if self._first:
            self._found = {one.name for one in shown}
        told: dict[str, tuple[object, ...]] = {}
        for verdict, one in zip(listed, shown, strict=True):
            told[one.name] = (one.verdict, one.reason, one.message, verdict.revisions, one.published)
            if self._told.get(one.name) != told[one.name]:
                self._tell(one, now)
            if one.verdict != Verdict.PENDING:
                self._found.discard(one.name)
        for name in sorted(self._told.keys() - told.keys()) if self._watching else ():
            self.alarm("ManifestGone", f"{name} is gone", now)
        self._told, self._first = told, False
        return shown

    def _tell(self, one: ShownFile, now: float) -> None:
        match one.verdict:
            case Verdict.ACCEPTED:
                by = f" by {one.warrant}" if one.warrant else ""
                if self._watching and one.name not in self._found:
                    self.alarm("ManifestChanged", f"{one.name} has new content, which is accepted{by}", now)
                else:
                    log.info("%s: accepted%s", printable(one.name), by)
            case Verdict.REJECTED:
                after = "; what was published before stays" if one.published else ""
                self.alarm(one.reason, f"{one.name}: {'' if self._watching else 'refused: '}{one.message}{after}", now)
            case Verdict.IGNORED if self._watching and not one.name.startswith(".") and one.reason != "Subdirectory":
                self.alarm(one.reason, f"{one.name} is no name of a manifest, and a kubelet reads it all the same", now)
            case _:
                pass

    def alarm(self, reason: str, message: str, now: float) -> None:
        """Tell of something that somebody should look at."""
        log.warning("%s: %s", reason, printable(message))
        self.alarms.append(ShownAlarm(at=rfc3339(now), reason=reason, message=message))
        del self.alarms[:-MOST_ALARMS]

    def lasting(self, found: Iterable[tuple[str, str]], now: float) -> None:
        """Tell of what is wrong and stays so: once, until it is mended."""
        present = set(found)
        for reason, message in sorted(present - self._lasting):
            self.alarm(reason, message, now)
        for reason, _ in sorted(self._lasting - present):
            log.info("%s: this is over", reason)
        self._lasting = present


def _shown(verdict: FileVerdict, published: Published | None) -> ShownFile:
    first = foremost(verdict.messages)
    return ShownFile(
        name=verdict.name,
        verdict=str(verdict.verdict),
        reason=verdict.reason,
        message=first[0].placed if first else "",
        published=published is not None,
        pod=str(published.key) if published is not None else "",
        warrant=published.warrant if published is not None else "",
    )
