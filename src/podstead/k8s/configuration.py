"""What a pod's annotations say of its configuration: files of the node, and whether their changes restart it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.k8s.annotations import CONFIG_FILES, RESTART_ON_CHANGE

if TYPE_CHECKING:
    from podstead.k8s import core_v1 as v1


def config_files(pod: v1.Pod) -> tuple[str, ...]:
    """Return the paths whose changes are noticed, each once, in the order in which they are written."""
    written = pod.metadata.annotations.get(CONFIG_FILES, "").split(",")
    return tuple(dict.fromkeys(path for part in written if (path := part.strip())))


def restarts_on_change(pod: v1.Pod) -> bool:
    """Return whether containers restart when an object or a file changes that they were started with."""
    return pod.metadata.annotations.get(RESTART_ON_CHANGE) == "true"
