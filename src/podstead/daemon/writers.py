"""Who wrote a manifest, in the words of verdicts and of the audit log; best effort, and never needed for anything."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import TYPE_CHECKING

from podstead.k8s.text import printable
from podstead.sources.names import is_companion_name, is_manifest_name
from podstead.sources.posture import owner_name
from podstead.state.audit import Fact

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from podstead.attribution.process import Process
    from podstead.attribution.witness import Witness, Witnessed
    from podstead.clock import Clock
    from podstead.config.sources import SourceSettings

log = logging.getLogger(__name__)

FOLLOW_SECONDS = 2.0
"""How soon a directory that was replaced is listened to; two system calls."""
GONE = "a process that was gone before it could be asked"
TOO_MANY = "one of too many processes to ask"


class Writers:
    """Knows the last writer of each name in the manifest directory while it runs; nobody before, and nobody after."""

    def __init__(self, settings: SourceSettings | None, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._witness: Witness | None = None

    async def run(self) -> None:
        """Listen for ever; where that cannot be, say so once and rest."""
        if self._settings is not None:
            path = self._settings.path.absolute()
            directory = path if await asyncio.to_thread(path.is_dir) else path.parent
            await self._listen(directory)
        await asyncio.Event().wait()

    async def _listen(self, directory: Path) -> None:
        try:
            self._witness = witness = await asyncio.to_thread(self._open, directory)
        except OSError as error:
            log.info("who writes in %s is not heard of: %s; owner and time are all that is known", directory, error)
            return
        try:
            missing = False
            while True:
                await self._clock.sleep(FOLLOW_SECONDS)
                try:
                    await asyncio.to_thread(witness.follow)
                    missing = False
                except OSError as error:
                    if not missing:
                        log.info("who writes in %s is not heard of for now: %s", directory, error)
                    missing = True
        finally:
            self._witness = None
            witness.close()

    def _open(self, directory: Path) -> Witness:
        from podstead.attribution.witness import Witness  # noqa: PLC0415 - an agent that may not listen pays nothing

        found = Witness(directory, lambda name: is_manifest_name(name) or is_companion_name(name), self._wall)
        try:
            found.start()
        except OSError:
            found.close()
            raise
        return found

    def _wall(self) -> float:
        return self._clock.now().wall

    def sentence(self, name: str) -> str:
        """Return who changed this name last, as `written by vim (pid 812) of alice (login bob)`; empty for nobody seen."""
        found = self._last(name)
        return "" if found is None else f"{found.deed} by {_who(found)}"

    def facts(self, name: str) -> Mapping[Fact, str | int]:
        """Return the same for the audit log; empty for nobody seen."""
        found = self._last(name)
        if found is None:
            return {}
        facts: dict[Fact, str | int] = {Fact.WRITER: f"{found.deed} by {_who(found)}", Fact.PID: found.pid}
        if (process := found.process) is not None:
            facts |= {Fact.EXECUTABLE: printable(process.executable), Fact.UID: process.user}
            if process.login is not None:
                facts[Fact.LOGIN_UID] = process.login
        return facts

    def _last(self, name: str) -> Witnessed | None:
        return None if self._witness is None else self._witness.last(name)


def _who(found: Witnessed) -> str:
    process = found.process
    if found.pid == os.getpid():
        return "the agent, for a client of its socket"
    if process is None:
        if found.pid <= 0:
            return "a process outside of the agent's PID namespace"
        return f"{GONE if found.asked else TOO_MANY} (pid {found.pid})"
    return f"{_called(process)} (pid {process.pid}) of {_user(process)}"


def _called(process: Process) -> str:
    name = process.executable.rpartition("/")[2]
    command = " ".join(process.command)
    return printable(name if command in ("", name) else f"{name}: {command}")


def _user(process: Process) -> str:
    user = owner_name(process.user)
    return user if process.login in (None, process.user) else f"{user} (login {owner_name(process.login or 0)})"
