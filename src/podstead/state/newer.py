"""Whether a container runs with an older configuration than there is now.

What is not known of either moment is no difference: doubt restarts nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.state.inputs import ABSENT
from podstead.state.observed import ContainerState

if TYPE_CHECKING:
    from podstead.state.desired import DesiredPod
    from podstead.state.observed import ObservedContainer, ObservedPod


def newer_sources(desired: DesiredPod, container: ObservedContainer) -> tuple[str, ...]:
    """Return the sources of which there is a newer content now than the container was started with."""
    started = dict(container.inputs)
    now = desired.inputs.get(container.name, ())
    return tuple(source for source, digest in now if digest != ABSENT and started.get(source, digest) != digest)


def newer_configuration(desired: DesiredPod, observed: ObservedPod) -> dict[str, tuple[str, ...]]:
    """Return the running containers with an older configuration, each with the sources that have changed."""
    running = (c for c in observed.containers if c.state is ContainerState.RUNNING)
    return {c.name: sources for c in running if (sources := newer_sources(desired, c))}
