"""Which changes of a running container's resources can be made in place (KEP-1287, UpdateContainerResources)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.k8s import resources
from podstead.manifest.restart_table import Effect

if TYPE_CHECKING:
    from podstead.k8s import core_v1 as v1
    from podstead.manifest.differences import Difference

NOT_REQUIRED = "NotRequired"
RESTART = "RestartContainer"


def resize_effect(difference: Difference, old: v1.Container, new: v1.Container) -> Effect:
    """Return what a changed request or limit asks for.

    A limit that goes cannot be said to the runtime, which takes zero for "as it is". Less memory than before may be less
    than is in use: the kernel would refuse it, or kill for it, and a planned restart is better than both. The OOM score
    of a changed memory request is given when the container next starts.
    """
    kind = difference.pattern.rpartition(".")[2]
    name = difference.path.rpartition("[")[2].removesuffix("]")
    if name.startswith(resources.HUGEPAGES_PREFIX) or kind not in {"limits", "requests"}:
        return Effect.CONTAINER
    if name not in {resources.CPU, resources.MEMORY}:
        return Effect.NOTHING
    if any(one.resource_name == name and one.restart_policy == RESTART for one in new.resize_policy):
        return Effect.CONTAINER
    if kind == "limits":
        before, after = resources.container_limits(old).get(name), resources.container_limits(new).get(name)
        if not after or (name == resources.MEMORY and before and after < before):
            return Effect.CONTAINER
    return Effect.RESIZE
