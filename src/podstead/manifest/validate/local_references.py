"""References to ConfigMaps and Secrets: judged where the node has an objects directory, else refused as by the kubelet.

That an object or a key is there is no rule here: a file is judged by its content, and a pod waits (foundation 11).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.k8s import core_v1 as v1
from podstead.k8s import names
from podstead.manifest.validate.objects import key_fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from podstead.manifest.validate.findings import Findings

_FILES = "keep its files in a directory of the node and mount that as hostPath"
_VALUE = "write the value itself, or mount a file of the node"
_ENTRIES = "write env entries"
_PULL = "give the node's agent the credentials of the registry"
_CONFIG_MAP, _SECRET = "a ConfigMap", "a Secret"
_EVEN_WITH = "unless it is local: start the agent with --objects-dir=DIR and write it into a file there"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reference:
    """One reference: where it stands, what it names, and what to write where there are no local objects.

    `name_field` is where the name stands below `path`; `key` is None where the whole object is meant.
    """

    path: str
    what: str
    name: str | None
    instead: str
    name_field: str = "name"
    key: str | None = None


def validate_local_references(pod: v1.Pod, found: Findings, *, allowed: bool) -> None:
    """Judge every reference to a ConfigMap or a Secret that a local object can satisfy."""
    for reference in _references(pod):
        if not allowed:
            found.forbidden(
                reference.path, f"a static pod cannot refer to {reference.what}, {_EVEN_WITH}; or {reference.instead}"
            )
        else:
            _judge(reference, found)


def _judge(reference: _Reference, found: Findings) -> None:
    path = f"{reference.path}.{reference.name_field}"
    if not reference.name:
        found.required(path, f"which is meant: expected the name of {reference.what}")
    else:
        found.named(path, reference.name, names.dns1123_subdomain(reference.name))
    if reference.key is not None:
        fault = key_fault(reference.key)
        if not reference.key:
            found.required(f"{reference.path}.key", f"which value is meant: expected a key of {reference.what}")
        elif fault is not None:
            found.named(f"{reference.path}.key", reference.key, fault)


def _references(pod: v1.Pod) -> Iterator[_Reference]:
    for index, pull in enumerate(pod.spec.image_pull_secrets):
        yield _Reference(path=f"spec.imagePullSecrets[{index}]", what=_SECRET, name=pull.name, instead=_PULL)
    for kind, containers in (("initContainers", pod.spec.init_containers), ("containers", pod.spec.containers)):
        for index, container in enumerate(containers):
            yield from _in_environment(container, f"spec.{kind}[{index}]")
    for index, volume in enumerate(pod.spec.volumes):
        yield from _in_volume(volume, f"spec.volumes[{index}]")


def _in_environment(container: v1.Container, path: str) -> Iterator[_Reference]:
    for index, entry in enumerate(container.env):
        source = entry.value_from or v1.EnvVarSource()
        here = f"{path}.env[{index}].valueFrom"
        for field, what, selected in (
            ("secretKeyRef", _SECRET, source.secret_key_ref),
            ("configMapKeyRef", _CONFIG_MAP, source.config_map_key_ref),
        ):
            if selected is not None:
                name, key = selected.name, selected.key
                yield _Reference(path=f"{here}.{field}", what=what, name=name, key=key, instead=_VALUE)
    for index, origin in enumerate(container.env_from):
        here = f"{path}.envFrom[{index}]"
        if origin.secret_ref is not None:
            yield _Reference(path=f"{here}.secretRef", what=_SECRET, name=origin.secret_ref.name, instead=_ENTRIES)
        if origin.config_map_ref is not None:
            name = origin.config_map_ref.name
            yield _Reference(path=f"{here}.configMapRef", what=_CONFIG_MAP, name=name, instead=_ENTRIES)


def _in_volume(volume: v1.Volume, path: str) -> Iterator[_Reference]:
    if volume.config_map is not None:
        yield _Reference(path=f"{path}.configMap", what=_CONFIG_MAP, name=volume.config_map.name, instead=_FILES)
    if volume.secret is not None:
        name = volume.secret.secret_name
        yield _Reference(path=f"{path}.secret", what=_SECRET, name=name, name_field="secretName", instead=_FILES)
    for index, projection in enumerate(volume.projected.sources if volume.projected is not None else ()):
        here = f"{path}.projected.sources[{index}]"
        if projection.config_map is not None:
            name = projection.config_map.name
            yield _Reference(path=f"{here}.configMap", what=_CONFIG_MAP, name=name, instead=_FILES)
        if projection.secret is not None:
            yield _Reference(path=f"{here}.secret", what=_SECRET, name=projection.secret.name, instead=_FILES)
