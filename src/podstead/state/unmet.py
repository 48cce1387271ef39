"""What a pod refers to and does not get: required objects and keys that are not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.k8s import core_v1 as v1
from podstead.k8s.containers import all_containers
from podstead.state.references import config_map, pull_references, secret

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from podstead.state.objects import ObjectKey, ObjectLookup

Wish = tuple["ObjectKey", str | None, bool]
"""An object, the key that is meant of it (None: the whole), and whether the pod does without."""


def unmet(pod: v1.Pod, objects: ObjectLookup) -> tuple[str, ...]:
    """Return a sentence for each object or key that the pod cannot do without and that is not there; no values."""
    return tuple(dict.fromkeys(_sentences(_wishes(pod), objects)))


def _sentences(wishes: Iterable[Wish], objects: ObjectLookup) -> Iterator[str]:
    for object_key, key, optional in wishes:
        found = objects.get(object_key)
        if optional:
            continue
        if found is None:
            yield f"there is no {object_key}"
        elif key is not None and key not in found.data:
            yield f"{object_key} has no key {key!r}"


def _wishes(pod: v1.Pod) -> Iterator[Wish]:
    namespace = pod.metadata.namespace or ""
    for container in all_containers(pod.spec):
        yield from _of_environment(container, namespace)
    for volume in pod.spec.volumes:
        yield from _of_volume(volume, namespace)
    yield from ((key, None, False) for key in pull_references(pod))


def _of_environment(container: v1.Container, namespace: str) -> Iterator[Wish]:
    for entry in container.env:
        source = entry.value_from or v1.EnvVarSource()
        for selected, named in ((source.config_map_key_ref, config_map), (source.secret_key_ref, secret)):
            if selected is not None:
                yield named(namespace, selected.name), selected.key, bool(selected.optional)
    for origin in container.env_from:
        for reference, named in ((origin.config_map_ref, config_map), (origin.secret_ref, secret)):
            if reference is not None:
                yield named(namespace, reference.name), None, bool(reference.optional)


def _of_volume(volume: v1.Volume, namespace: str) -> Iterator[Wish]:
    if (given := volume.config_map) is not None:
        yield from _of_items(config_map(namespace, given.name), given.items, optional=bool(given.optional))
    if (held := volume.secret) is not None:
        yield from _of_items(secret(namespace, held.secret_name), held.items, optional=bool(held.optional))
    for part in volume.projected.sources if volume.projected is not None else ():
        for projection, named in ((part.config_map, config_map), (part.secret, secret)):
            if projection is not None:
                key = named(namespace, projection.name)
                yield from _of_items(key, projection.items, optional=bool(projection.optional))


def _of_items(key: ObjectKey, items: Iterable[v1.KeyToPath], *, optional: bool) -> Iterator[Wish]:
    yield key, None, optional
    yield from ((key, item.key, optional) for item in items)
