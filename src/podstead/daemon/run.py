"""`podstead run`: the agent from its settings, until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import logging
import os
import signal
import sys
from typing import TYPE_CHECKING

from podstead.clock import SystemClock
from podstead.daemon.agent import Agent
from podstead.daemon.heap import keep_for_good, share_one_arena
from podstead.daemon.own_house import check_own_house
from podstead.daemon.ownership import check_kubelets, lock_directory
from podstead.errors import OperatorError
from podstead.store.instance import lock_root, make_directories, open_instance
from podstead.systemd.journal import log_formatter, writes_to_journal
from podstead.systemd.notify import take_notifier

if TYPE_CHECKING:
    from podstead.config.settings import Settings

HALTED_EXIT_CODE = 3
"""Of a service that `stop-all` has ended: systemd, which restarts it after anything else, leaves it be."""
LEVELS = {0: logging.ERROR, 1: logging.WARNING, 2: logging.INFO, 3: logging.INFO}


def run_agent(settings: Settings) -> int:
    """Run the agent in the foreground; blocking. Pods outlive it, however it ends.

    Raises:
        OperatorError: it may not or cannot work here; nothing was changed then but directories of its own.
    """
    share_one_arena()
    notifier = take_notifier(os.environ)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(log_formatter(journal=writes_to_journal(os.environ, sys.stderr.fileno())))
    logging.basicConfig(level=LEVELS.get(settings.verbosity, logging.DEBUG), handlers=[handler])
    if notifier.listening:
        faulthandler.enable()  # the watchdog ends a stuck agent by SIGABRT: the log shows where it was
    for library in ("hpack", "grpclib", "asyncio"):
        logging.getLogger(library).setLevel(logging.WARNING)
    paths = settings.paths
    make_directories(paths)
    check_own_house(settings)
    with lock_root(paths), contextlib.ExitStack() as held:
        if settings.source is not None and not settings.runtime.share_runtime:
            check_kubelets(settings.source.path)
            directory = settings.source.path if settings.source.path.is_dir() else settings.source.path.parent
            held.callback(_close, lock_directory(directory))
        clock = SystemClock()
        instance = open_instance(paths, wall=clock.now().wall)
        agent = Agent(settings, instance, clock, notifier)
        keep_for_good()
        try:
            asyncio.run(_main(agent))
        except* OperatorError as group:
            raise _first(group) from None
    # Nobody but systemd would start it again.
    return HALTED_EXIT_CODE if agent.halted and notifier.listening else 0


async def _main(agent: Agent) -> None:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, agent.terminate)
    loop.add_signal_handler(signal.SIGINT, agent.stop)
    await agent.run()


def _first(group: BaseExceptionGroup[OperatorError]) -> OperatorError:
    inner: BaseException = group
    while isinstance(inner, BaseExceptionGroup):
        inner = inner.exceptions[0]
    return inner if isinstance(inner, OperatorError) else OperatorError(str(inner))


def _close(descriptor: int | None) -> None:
    if descriptor is not None:
        os.close(descriptor)
