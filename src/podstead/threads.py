"""Blocking calls that may never answer, in threads that can be left behind."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

MAX_STUCK = 64
"""Threads that calls without an answer may hold (8 MiB of address space each, a few KiB of memory)."""
ANSWER_SECONDS = 30.0
"""A path that has not answered by then is on a dead file system; a mount or a large removal takes less."""


class StuckError(OSError):
    """A path did not answer, or too many others do not."""


class PathThreads:
    """Runs each call in a daemon thread of its own: neither the agent's end nor other work ever waits for it."""

    def __init__(self, max_stuck: int = MAX_STUCK) -> None:
        self._max_stuck = max_stuck
        self._stuck: set[str] = set()

    async def run(self, owner: str, call: Callable[[], T], seconds: float = ANSWER_SECONDS) -> T:
        """Return what `call` returns or raise what it raises; StuckError when it does not end in time.

        While a call of the same `owner` is stuck its next one is refused at once: a pod that is tried again and again
        on a dead file system holds one thread, and costs the others nothing.
        """
        if owner in self._stuck:
            raise StuckError("an earlier call on its paths has not answered yet: is a network file system away?")
        if len(self._stuck) >= self._max_stuck:
            count = len(self._stuck)
            raise StuckError(f"host paths of {count} pods do not answer: check the node's network file systems")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        given_up = False

        def deliver(result: T | None, error: BaseException | None) -> None:
            if given_up:
                self._stuck.discard(owner)
            elif error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(result)  # type: ignore[arg-type]  # T, as there is no error

        def work() -> None:
            result, failure = None, None
            try:
                result = call()
            except BaseException as error:  # noqa: BLE001 - handed to the caller, whatever it is
                failure = error
            try:
                loop.call_soon_threadsafe(deliver, result, failure)
            except RuntimeError:
                return  # the loop is closed: the agent has ended without this answer

        try:
            threading.Thread(target=work, name="path", daemon=True).start()
        except RuntimeError:  # the system or the agent's cgroup has no process id left
            raise StuckError("no thread can be started: check the limits of processes (TasksMax, pid_max)") from None
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.shield(answer)
        except TimeoutError:
            if answer.done():
                raise  # the call's own error
            raise StuckError(f"no answer within {seconds:g} s: is it on a network file system that is away?") from None
        finally:
            if not answer.done():
                given_up = True
                self._stuck.add(owner)
