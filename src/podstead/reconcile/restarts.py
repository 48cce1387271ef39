"""Restarts that root asked for: of each container the attempts up to a number are replaced, one container at a time.

They are planned: no restart is counted and no back-off kept, and the sandbox and the other containers live on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.k8s.containers import standing_containers
from podstead.state.observed import ContainerState

if TYPE_CHECKING:
    from podstead.state.observed import ObservedContainer, ObservedPod
    from podstead.state.records import PodRecord, Revision

MESSAGE = "Restart asked for by root: stopping container"


def is_replaced(record: PodRecord, container: ObservedContainer) -> bool:
    """Return whether another attempt is to take the place of this one."""
    return container.attempt <= record.replaced.get(container.name, -1)


def has_turn(record: PodRecord, effective: Revision, observed: ObservedPod, container: ObservedContainer) -> bool:
    """Return whether a running container may be stopped for a restart: those before it in the manifest are through.

    Init containers are not among them: they have ended, and do not run again in a sandbox that lives on.
    """
    for earlier in standing_containers(effective.pod.spec):
        if earlier.name == container.name:
            return True
        found = observed.newest(earlier.name)
        if earlier.name not in record.replaced or found is None:
            continue
        if is_replaced(record, found) or found.state is ContainerState.CREATED:
            return False
    return True
