"""The guard from its settings, until it is told to stop; what it published stays as it is."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from typing import TYPE_CHECKING

from podstead.clock import SystemClock
from podstead.config.sources import SourceSettings
from podstead.errors import OperatorError
from podstead.guard.board import Board
from podstead.guard.books import GuardBooks
from podstead.guard.directory import PublishedDirectory
from podstead.guard.gates import KubeletDecoder, build_gates
from podstead.guard.loop import GuardLoop
from podstead.guard.settling import Settler
from podstead.sources.directory import DirectorySource
from podstead.sources.guarded import guard_faults
from podstead.store import files
from podstead.store.instance import lock_directory
from podstead.store.trust import TrustStore
from podstead.systemd.journal import log_formatter, writes_to_journal
from podstead.systemd.notify import take_notifier

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from podstead.guard.settings import GuardSettings
    from podstead.systemd.notify import Notifier

log = logging.getLogger(__name__)


def run_guard(settings: GuardSettings) -> int:
    """Run the guard in the foreground; blocking.

    Raises:
        OperatorError: it may not or cannot work here.
    """
    notifier = take_notifier(os.environ)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(log_formatter(journal=writes_to_journal(os.environ, sys.stderr.fileno())))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    check_places(settings)
    files.make_directory(settings.state)
    busy = "another guard works with the state directory"
    with contextlib.ExitStack() as held:
        held.enter_context(lock_directory(settings.state, busy, "stop it, or give --state-dir another"))
        books = GuardBooks(settings.state)
        if trouble := books.load():
            log.warning("%s", trouble)
        books.take_accepted()  # it was meant for the directory that an earlier guard looked at
        directory = None
        if settings.publish is not None:
            directory = PublishedDirectory.open(settings.publish, books.guard, take_over=settings.take_over)
            held.callback(directory.close)
            directory.sweep()
        asyncio.run(_main(settings, books, directory, notifier))
    return 0


def check_places(settings: GuardSettings) -> None:
    """Refuse places that others than root can write, or that lie in one another. Raises OperatorError."""
    named = [settings.state, settings.security.allowed_signers, settings.security.revoked_keys]
    named += [path for path in (settings.publish, settings.policy_path) if path is not None]
    if not settings.security.allow_insecure and (faults := list(_faults(named))):
        raise OperatorError("the guard would trust what others can write: " + "; ".join(faults))
    places = [path.resolve() for path in (settings.source, settings.publish, settings.state) if path is not None]
    for index, one in enumerate(places):
        for other in places[index + 1 :]:
            if one.is_relative_to(other) or other.is_relative_to(one):
                raise OperatorError(f"{one} and {other} cannot lie in one another: give each a directory of its own")


def _faults(paths: list[Path]) -> Iterator[str]:
    for path in paths:
        try:
            yield from guard_faults(path)
        except OSError as error:
            yield f"cannot tell who may write {path}: {error.strerror or error}"


async def _main(
    settings: GuardSettings, books: GuardBooks, directory: PublishedDirectory | None, notifier: Notifier
) -> None:
    clock = SystemClock()
    trust = TrustStore(settings.state, wall=lambda: clock.now().wall)
    for corrupt in await trust.load():
        log.warning("%s", corrupt.sentence)
    gates, signatures = build_gates(settings, trust, clock)
    security = settings.security
    source = DirectorySource(
        SourceSettings(path=settings.source, companions=signatures is not None, allow_insecure=security.allow_insecure),
        clock,
        known_identity=books.identity,
        expected=lambda: tuple(books.published),
        accept=settings.hints.accept,
    )
    ready = False

    def passed() -> None:
        nonlocal ready
        notifier.tell(**({} if ready else {"READY": 1}), WATCHDOG=1)
        ready = True

    loop = GuardLoop(
        settings,
        source=source,
        decoder=KubeletDecoder(settings.node),
        gates=gates,
        books=books,
        settler=Settler(directory, books) if directory is not None else None,
        board=Board(watching=directory is None),
        clock=clock,
        on_pass=passed,
    )
    if signatures is not None:
        signatures.on_change = loop.poke
    verb = f"publishes {settings.publish} from" if settings.publish is not None else "watches over"
    log.info("the guard %s %s, signatures: %s", verb, settings.source, security.signature_mode)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(loop.run(), name="guard")]
        if signatures is not None:
            tasks.append(group.create_task(signatures.run(), name="signatures"))

        def stop() -> None:
            for task in tasks:
                task.cancel()

        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop)
