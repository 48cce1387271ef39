"""The manifest URL: fetched now and then, shown as one more entry beside those of the directory.

It is never absent: a server that is away, refuses or sends nothing takes no pod down. What it gave last stays in
force until it gives something else (a named difference from the kubelet, where an empty body removes every pod).
"""

from __future__ import annotations

import hashlib
import logging
from typing import TYPE_CHECKING

from podstead.sources.fetch import Fetch, FetchError, fetch
from podstead.state.sources import FileTrouble, ManifestFile
from podstead.threads import PathThreads

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from podstead.clock import Clock
    from podstead.config.sources import UrlSettings
    from podstead.sources.fetch import Fetched

log = logging.getLogger(__name__)

THREAD = "manifest URL"
SLACK_SECONDS = 2.0
"""What name resolution may take beyond the exchange itself before its thread is left behind."""


class UrlSource:
    """Fetches one URL for ever."""

    def __init__(self, settings: UrlSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._threads = PathThreads(max_stuck=1)
        self._file = self._without_bytes(FileTrouble.PENDING, "Fetching", "it is being fetched for the first time")
        self._tag = ""
        self.trouble = ""
        """Why the last fetch gave nothing, empty where it did; what came before it is in force."""

    @property
    def file(self) -> ManifestFile:
        """What is known of the URL now."""
        return self._file

    async def changes(self) -> AsyncGenerator[None, None]:
        """Yield whenever `file` or `trouble` has changed, for ever."""
        while True:
            before = self._file, self.trouble
            await self._fetch()
            if (self._file, self.trouble) != before:
                yield
            await self._clock.sleep(self._settings.check_seconds)

    async def _fetch(self) -> None:
        settings = self._settings
        wanted = Fetch(
            url=settings.url,
            headers=dict(settings.headers),
            seconds=settings.timeout_seconds,
            max_bytes=settings.max_file_bytes,
            tag=self._tag,
        )
        try:
            found = await self._threads.run(
                THREAD, lambda: fetch(wanted, self._clock), settings.timeout_seconds + SLACK_SECONDS
            )
        except OSError as error:
            self._failed(str(error) if isinstance(error, FetchError) else "the server does not answer in time")
        else:
            self._took(found)

    def _failed(self, reason: str) -> None:
        if reason != self.trouble:
            log.warning("%s: %s", self._settings.shown, reason)
        self.trouble = reason
        if self._file.data is None:
            self._file = self._without_bytes(FileTrouble.UNREADABLE, "CannotFetch", f"{reason}; it is tried again")

    def _took(self, found: Fetched | None) -> None:
        self.trouble = ""
        if found is None:
            return
        self._tag = found.tag
        digest = hashlib.sha256(found.body).hexdigest()
        if digest == self._file.digest:
            return
        name = self._settings.shown
        self._file = ManifestFile(
            name=name,
            path=name,
            data=found.body,
            digest=digest,
            size=len(found.body),
            modified_at=self._clock.now().wall,
        )

    def _without_bytes(self, trouble: FileTrouble, reason: str, message: str) -> ManifestFile:
        name = self._settings.shown
        return ManifestFile(name=name, path=name, trouble=trouble, reason=reason, message=message)
