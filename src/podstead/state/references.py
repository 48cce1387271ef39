"""Which local objects a pod refers to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.k8s import core_v1 as v1
from podstead.k8s.containers import all_containers
from podstead.state.objects import ObjectKey, ObjectKind

if TYPE_CHECKING:
    from collections.abc import Iterator


def references(pod: v1.Pod) -> frozenset[ObjectKey]:
    """Return every ConfigMap and Secret that a pod names: in environments, volumes and pull credentials."""
    namespace = pod.metadata.namespace or ""
    found = {key for container in all_containers(pod.spec) for key in environment_references(container, namespace)}
    found.update(shown_in_volumes(pod))
    found.update(pull_references(pod))
    return frozenset(found)


def shown_in_volumes(pod: v1.Pod) -> frozenset[ObjectKey]:
    """Return what a pod's volumes are made of: their files follow it under running containers."""
    namespace = pod.metadata.namespace or ""
    return frozenset(key for volume in pod.spec.volumes for key in volume_references(volume, namespace))


def environment_references(container: v1.Container, namespace: str) -> frozenset[ObjectKey]:
    """Return what a container's env and envFrom name."""
    found: set[ObjectKey] = set()
    for entry in container.env:
        source = entry.value_from or v1.EnvVarSource()
        if source.config_map_key_ref is not None:
            found.add(config_map(namespace, source.config_map_key_ref.name))
        if source.secret_key_ref is not None:
            found.add(secret(namespace, source.secret_key_ref.name))
    for origin in container.env_from:
        if origin.config_map_ref is not None:
            found.add(config_map(namespace, origin.config_map_ref.name))
        if origin.secret_ref is not None:
            found.add(secret(namespace, origin.secret_ref.name))
    return frozenset(found)


def volume_references(volume: v1.Volume, namespace: str) -> frozenset[ObjectKey]:
    """Return what a volume is made of."""
    return frozenset(_of_volume(volume, namespace))


def _of_volume(volume: v1.Volume, namespace: str) -> Iterator[ObjectKey]:
    if volume.config_map is not None:
        yield config_map(namespace, volume.config_map.name)
    if volume.secret is not None:
        yield secret(namespace, volume.secret.secret_name)
    for projection in volume.projected.sources if volume.projected is not None else ():
        if projection.config_map is not None:
            yield config_map(namespace, projection.config_map.name)
        if projection.secret is not None:
            yield secret(namespace, projection.secret.name)


def pull_references(pod: v1.Pod) -> tuple[ObjectKey, ...]:
    """Return the Secrets with which a pod's images are pulled, in the manifest's order."""
    return tuple(secret(pod.metadata.namespace or "", one.name) for one in pod.spec.image_pull_secrets)


def config_map(namespace: str, name: str | None) -> ObjectKey:
    """Return the key of a ConfigMap."""
    return ObjectKey(kind=ObjectKind.CONFIG_MAP, namespace=namespace, name=name or "")


def secret(namespace: str, name: str | None) -> ObjectKey:
    """Return the key of a Secret."""
    return ObjectKey(kind=ObjectKind.SECRET, namespace=namespace, name=name or "")
