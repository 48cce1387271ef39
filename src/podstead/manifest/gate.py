"""The annotation that makes an update health-gated: what it says, and what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.k8s.annotations import PROGRESS_DEADLINE

if TYPE_CHECKING:
    from podstead.k8s import core_v1 as v1

MAX_DEADLINE_SECONDS = 7 * 24 * 3600
"""A week: whatever takes longer is no update that somebody waits for."""


def deadline_problem(text: str) -> str | None:
    """Return why a text is no deadline, None when it is one."""
    if text.isascii() and text.isdecimal() and 1 <= int(text[:9]) <= MAX_DEADLINE_SECONDS and len(text) < 9:
        return None
    return f"must be a whole number of seconds from 1 to {MAX_DEADLINE_SECONDS}, as text: '600'"


def deadline_seconds(pod: v1.Pod) -> int | None:
    """Return the seconds in which a pod's content must become ready; None where it is not gated."""
    text = pod.metadata.annotations.get(PROGRESS_DEADLINE)
    return int(text) if text is not None and deadline_problem(text) is None else None
