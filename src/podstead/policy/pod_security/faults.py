"""What a control finds in a pod, and the walk over a pod's containers that all controls share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.k8s import core_v1 as v1

if TYPE_CHECKING:
    from collections.abc import Iterator

NO_CONTEXT = v1.SecurityContext()
NO_POD_CONTEXT = v1.PodSecurityContext()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One field that a control does not allow as it is; `problem` says what it must be instead, never its value alone."""

    field: str
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One container of a pod, the path of its field and its security context, empty where it has none."""

    container: v1.Container | v1.EphemeralContainer
    path: str
    context: v1.SecurityContext

    @property
    def context_path(self) -> str:
        """The path of its security context."""
        return f"{self.path}.securityContext"


def places(pod: v1.Pod) -> Iterator[Place]:
    """Yield every container of a pod: init containers, regular and ephemeral ones are all judged alike."""
    spec = pod.spec
    kinds: tuple[tuple[str, tuple[v1.Container | v1.EphemeralContainer, ...]], ...] = (
        ("initContainers", spec.init_containers),
        ("containers", spec.containers),
        ("ephemeralContainers", spec.ephemeral_containers),
    )
    for field, containers in kinds:
        for index, container in enumerate(containers):
            context = container.security_context or NO_CONTEXT
            yield Place(container=container, path=f"spec.{field}[{index}]", context=context)


def pod_context(pod: v1.Pod) -> v1.PodSecurityContext:
    """Return the pod's security context, an empty one where it has none."""
    return pod.spec.security_context or NO_POD_CONTEXT


def in_own_users(pod: v1.Pod) -> bool:
    """Return whether the pod runs in a user namespace of its own, where root is not the node's (KEP-127)."""
    return pod.spec.host_users is False


def on_windows(pod: v1.Pod) -> bool:
    """Return whether the pod is said to be a Windows pod, which knows none of Linux' means of confinement."""
    return pod.spec.os is not None and pod.spec.os.name == "windows"
