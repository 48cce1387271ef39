"""In what order the node's pods end when the machine goes down: the critical last, and none before those that need it.

Pure; `agent.closing` carries it out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.k8s.qos import effective_priority
from podstead.manifest.start_after import start_after
from podstead.state.desired import Blocked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from podstead.config.node import ShutdownGroup
    from podstead.identity import PodKey
    from podstead.k8s import core_v1 as v1


NODE_STOPS = Blocked(reason="NodeShutdown", message="the node goes down; the pod comes back at its next start")
"""Of every pod of a node that root stops."""
TERMINATED = Blocked(reason="Terminated", message="Pod was terminated in response to imminent node shutdown.")
"""Of a pod that ends because the machine goes down, in the kubelet's words."""
REFUSED = Blocked(reason="NodeShutdown", message="Pod was rejected as the node is shutting down.")
"""Of a pod that comes when the machine goes down already, in the kubelet's words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Pods that end together, in reverse order of their starts.

    `group` numbers the group by priority that the stage belongs to; `seconds` is what that whole group has (None: as
    long as its pods' own grace periods take).
    """

    pods: tuple[PodKey, ...]
    group: int
    seconds: float | None


def shutdown_stages(contents: Mapping[PodKey, v1.Pod], groups: Sequence[ShutdownGroup]) -> tuple[Stage, ...]:
    """Return the stages in their order; groups by priority first, and within each those that started last.

    A pod belongs to the group with the highest priority that is not above its own, else to the lowest group, as in the
    kubelet (shutdownGracePeriodByPodPriority). `groups` are not empty.
    """
    ordered = sorted(groups, key=lambda group: group.priority)
    members: list[dict[PodKey, v1.Pod]] = [{} for _ in ordered]
    for key, content in sorted(contents.items()):
        priority = effective_priority(content)
        below = [index for index, group in enumerate(ordered) if group.priority <= priority]
        members[below[-1] if below else 0][key] = content
    return tuple(
        Stage(pods=layer, group=index, seconds=ordered[index].seconds)
        for index, group in enumerate(members)
        for layer in _layers(group)
    )


def _layers(group: Mapping[PodKey, v1.Pod]) -> list[tuple[PodKey, ...]]:
    """Return the pods of a group so that each ends after all that were started after it."""
    left = dict(group)
    layers: list[tuple[PodKey, ...]] = []
    while left:
        needed = {other for key, content in left.items() for other in start_after(content) if other != key}
        # In a circle each needs another: then they end together.
        free = tuple(key for key in left if key not in needed) or tuple(left)
        layers.append(free)
        for key in free:
            del left[key]
    return layers
