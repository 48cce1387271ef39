"""The containers of a pod: regular ones, init containers and sidecars, told apart and found by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from podstead.k8s import core_v1 as v1


def is_sidecar(container: v1.Container) -> bool:
    """Return whether an init container is a restartable one, which runs beside the regular ones (KEP-753).

    Meaningful for entries of `initContainers` only: on a regular container the field means something else.
    """
    return container.restart_policy == "Always"


def all_containers(spec: v1.PodSpec) -> tuple[v1.Container, ...]:
    """Return init containers, sidecars among them, and then the regular containers, each in the manifest's order."""
    return (*spec.init_containers, *spec.containers)


def standing_containers(spec: v1.PodSpec) -> tuple[v1.Container, ...]:
    """Return what runs as long as the pod does: the sidecars and then the regular containers."""
    return (*(c for c in spec.init_containers if is_sidecar(c)), *spec.containers)


def find_container(spec: v1.PodSpec, name: str) -> v1.Container | None:
    """Return the container of this name, of whatever sort."""
    return next((c for c in all_containers(spec) if c.name == name), None)
