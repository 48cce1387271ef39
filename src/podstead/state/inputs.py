"""What a container was started with beyond its manifest, by digests: objects in its environment, files of the node.

A container carries the digests of its start through every restart of the agent; compared with those of now
(`state.newer`) they tell whether it runs with an older configuration.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from podstead.k8s import core_v1 as v1
from podstead.k8s.configuration import config_files
from podstead.k8s.containers import all_containers
from podstead.state.references import config_map, environment_references, secret, volume_references

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from podstead.identity import PodUID
    from podstead.state.objects import LocalObject, ObjectKey, ObjectLookup

Inputs = tuple[tuple[str, str], ...]
"""Sources and the digests of what they gave, sorted: `Secret default/db`, `/opt/app/app.conf`."""
ABSENT = "absent"
"""Stands for the digest of what was not there."""
DIGITS = 16


def inputs_of(
    container: v1.Container, pod: v1.Pod, uid: PodUID, objects: ObjectLookup, files: Callable[[str], str | None]
) -> Inputs:
    """Return what a container would be started with now.

    `files` returns the digest of a file's content, ABSENT where there is none, None where nothing is known of it. An
    object counts as far as the environment takes it in, and as a whole where a sub-path of it is mounted, which no
    change of the object reaches. The digests differ from pod to pod, so that they tell nothing of equal values.
    """
    namespace = pod.metadata.namespace or ""
    found = {path: digest for path in config_files(pod) if (digest := files(path)) is not None}
    whole = frozenset(_sub_path_references(container, pod))
    for key in environment_references(container, namespace) | whole:
        parts = _whole(objects.get(key)) if key in whole else _taken(container, key, objects.get(key))
        found[str(key)] = _digest((uid.encode(), *parts))
    return tuple(sorted(found.items()))


def encode_inputs(inputs: Inputs) -> str:
    """Return inputs as the text of an annotation; empty for none."""
    return msgspec.json.encode(dict(inputs)).decode() if inputs else ""


def decode_inputs(text: str) -> Inputs:
    """Return the inputs in the text of an annotation; none where it is not understood."""
    if not text:
        return ()
    try:
        return tuple(sorted(msgspec.json.decode(text, type=dict[str, str]).items()))
    except msgspec.DecodeError:
        return ()


def has_inputs(pod: v1.Pod) -> bool:
    """Return whether a pod may have any at all; most have none."""
    environments = (c for c in all_containers(pod.spec) if c.env or c.env_from)
    return bool(
        config_files(pod)
        or any(environment_references(c, "") for c in environments)
        or any(volume_references(volume, "") for volume in pod.spec.volumes)
    )


def _sub_path_references(container: v1.Container, pod: v1.Pod) -> Iterator[ObjectKey]:
    volumes = {volume.name: volume for volume in pod.spec.volumes}
    for mount in container.volume_mounts:
        if (mount.sub_path or mount.sub_path_expr) and mount.name in volumes:
            yield from volume_references(volumes[mount.name], pod.metadata.namespace or "")


def _whole(found: LocalObject | None) -> Iterable[bytes]:
    return (found.digest.encode(),) if found is not None else ()


def _taken(container: v1.Container, key: ObjectKey, found: LocalObject | None) -> Iterator[bytes]:
    """Yield what of an object goes into a container's environment: all of it, or single keys."""
    if found is None:
        return
    if any(_origin(origin, key.namespace) == key for origin in container.env_from):
        yield found.digest.encode()
        return
    for entry in container.env:
        source = entry.value_from or v1.EnvVarSource()
        for reference, named in ((source.config_map_key_ref, config_map), (source.secret_key_ref, secret)):
            if reference is not None and named(key.namespace, reference.name) == key:
                value = found.data.get(reference.key)
                yield reference.key.encode()
                yield b"" if value is None else b"=" + value


def _origin(origin: v1.EnvFromSource, namespace: str) -> ObjectKey:
    if origin.config_map_ref is not None:
        return config_map(namespace, origin.config_map_ref.name)
    return secret(namespace, origin.secret_ref.name if origin.secret_ref is not None else None)


def _digest(parts: Iterable[bytes]) -> str:
    content = hashlib.sha256()
    for part in parts:
        content.update(len(part).to_bytes(8))
        content.update(part)
    return content.hexdigest()[:DIGITS]
