"""Restarts for a newer configuration: opt-in, planned, and never in a storm.

They count as an edit of the container does: no restart is counted and no back-off kept, and the sandbox lives on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.k8s.configuration import restarts_on_change
from podstead.state.newer import newer_sources

if TYPE_CHECKING:
    from podstead.clock import Instant
    from podstead.state.desired import DesiredPod
    from podstead.state.observed import ObservedContainer

PAUSE_SECONDS = 10.0
"""A container that was started is left running for this long: a file that changes all the time, such as a log that was
named by mistake, costs no more restarts than a crash loop begins with."""


def refresh_at(desired: DesiredPod, container: ObservedContainer, now: Instant) -> float | None:
    """Return the boot-clock second at which a container is to be replaced for a newer configuration.

    None where there is no newer one, or the pod has not asked to be restarted for it.
    """
    effective = desired.effective
    if effective is None or not restarts_on_change(effective.pod) or not newer_sources(desired, container):
        return None
    age = now.wall - container.started_at / 1e9
    # A clock that was set back says nothing about the age: the container counts as old then.
    return now.boot + (PAUSE_SECONDS - age if 0 <= age < PAUSE_SECONDS else 0.0)


def is_refreshed(desired: DesiredPod, container: ObservedContainer, now: Instant) -> bool:
    """Return whether it is time to replace a container for a newer configuration."""
    due = refresh_at(desired, container, now)
    return due is not None and due <= now.boot


def refresh_message(desired: DesiredPod, container: ObservedContainer) -> str:
    """Return how the stop is told."""
    return f"Configuration changed ({', '.join(newer_sources(desired, container))}): stopping container"
