"""Bounded waiting."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from podstead.errors import RuntimeFault

if TYPE_CHECKING:
    from collections.abc import Callable

POLL_SECONDS = 0.03
PATIENCE = 2.0
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
