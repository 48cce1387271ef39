"""Bounded waiting."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from podstead.errors import RuntimeFault

if TYPE_CHECKING:
    from collections.abc import Callable

POLL_SECONDS = 0.03
PATIENCE = 3.0
"""A wait has its bound for the case that what it waits for never comes: a machine with other work takes longer."""


def wait_until(what: str, holds: Callable[[], Any], seconds: float, last: Callable[[], str] = str) -> Any:
    """Wait until `holds` returns something true, and return that; `last` is added to the failure's text.

    A socket or a runtime that does not answer yet, or something that is not found yet, does not hold.
    """
    seconds *= PATIENCE
    deadline = time.monotonic() + seconds
    while True:
        trouble = ""
        try:
            if value := holds():
                return value
        except (OSError, LookupError, RuntimeFault) as error:
            trouble = f" ({error})"
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}{trouble}{last()}")
        time.sleep(POLL_SECONDS)


async def until(holds: Callable[[], object], seconds: float = 60.0) -> None:
    """Let the loop run until something holds that tells nobody of it."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.005)


async def steady(count: Callable[[], int], turns: int = 30) -> int:
    """Wait until something that has begun goes no further, and return where it stands.

    It counts turns in which the loop really came round, for a process that others keep waiting does nothing meanwhile.
    """
    before, still = 0, 0
    async with asyncio.timeout(60):
        while still < turns:
            await asyncio.sleep(0.01)
            now = count()
            still = still + 1 if now == before != 0 else 0
            before = now
    return before
