"""Rules for env, envFrom and the selectors of a pod's own fields and resources."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from podstead.k8s import core_v1 as v1
from podstead.k8s import names, quantity, resources
from podstead.k8s.containers import find_container
from podstead.manifest.problems import ProblemKind
from podstead.manifest.validate.findings import path_fault, quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from podstead.manifest.validate.findings import Findings

ENV_FIELDS = (
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
)
"""What a fieldRef in env may name, beside one label or annotation."""
VOLUME_FIELDS = ("metadata.name", "metadata.namespace", "metadata.uid", "metadata.labels", "metadata.annotations")
"""What a fieldRef in a downwardAPI volume may name, beside one label or annotation."""

_ENTRY = re.compile(r"metadata\.(labels|annotations)\['(.*)'\]")
_ENV_NAME = re.compile(r"[ -<>-~]+")
"""Printable ASCII without '='."""
_RESOURCES = (resources.CPU, resources.MEMORY, resources.EPHEMERAL_STORAGE)
_CPU_DIVISORS = frozenset(map(quantity.parse, ("1m", "1")))
_OTHER_DIVISORS = frozenset(
    quantity.parse(f"1{suffix}") for suffix in ("", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
)


def validate_env(
    container: v1.Container, path: str, pod: v1.Pod, volumes: Mapping[str, v1.Volume], found: Findings
) -> None:
    """Judge env and envFrom of a container; no message shows a value."""
    for index, entry in enumerate(container.env):
        here = f"{path}.env[{index}]"
        if not entry.name:
            found.required(f"{here}.name", "an environment variable needs a name")
        else:
            found.named(f"{here}.name", entry.name, _env_name_fault(entry.name))
        if entry.value_from is not None:
            _validate_source(entry, f"{here}.valueFrom", volumes, found)
            _warn_of_stranger(entry.value_from.resource_field_ref, f"{here}.valueFrom", pod, found)
    for index, source in enumerate(container.env_from):
        here = f"{path}.envFrom[{index}]"
        if (source.config_map_ref is None) == (source.secret_ref is None):
            found.invalid(here, "expected exactly one of configMapRef and secretRef")
        if source.prefix:
            found.named(f"{here}.prefix", source.prefix, _env_name_fault(source.prefix))


def _warn_of_stranger(ref: v1.ResourceFieldSelector | None, path: str, pod: v1.Pod, found: Findings) -> None:
    """Warn of a container that the pod does not have: the API accepts it, and no container of it can ever start."""
    name = ref.container_name if ref is not None else None
    if name and find_container(pod.spec, name) is None:
        here = f"{path}.resourceFieldRef.containerName"
        found.warn(ProblemKind.NOT_FOUND, here, f"the pod has no container {quoted(name)}: this can only fail")


def _env_name_fault(name: str) -> str | None:
    return None if _ENV_NAME.fullmatch(name) else "must be printable ASCII characters other than '='"


def _validate_source(entry: v1.EnvVar, path: str, volumes: Mapping[str, v1.Volume], found: Findings) -> None:
    source = entry.value_from or v1.EnvVarSource()
    given = [
        kind
        for kind in (
            source.field_ref,
            source.resource_field_ref,
            source.file_key_ref,
            source.config_map_key_ref,
            source.secret_key_ref,
        )
        if kind is not None
    ]
    if entry.value:
        found.invalid(path, "not allowed beside a value; remove one of the two")
    if len(given) != 1:
        known = "fieldRef, resourceFieldRef, fileKeyRef, configMapKeyRef and secretKeyRef"
        found.invalid(path, f"got {len(given)} sources, expected exactly one of {known}")
    if source.field_ref is not None:
        validate_field_ref(source.field_ref, f"{path}.fieldRef", ENV_FIELDS, found)
    if source.resource_field_ref is not None:
        validate_resource_ref(source.resource_field_ref, f"{path}.resourceFieldRef", found)
    if source.file_key_ref is not None:
        _validate_file_key(source.file_key_ref, f"{path}.fileKeyRef", volumes, found)


def validate_field_ref(ref: v1.ObjectFieldSelector, path: str, allowed: Collection[str], found: Findings) -> None:
    """Judge a reference to one of the pod's own fields."""
    if ref.api_version not in {None, "", "v1"}:
        found.invalid(f"{path}.apiVersion", f"got {quoted(ref.api_version or '')}, expected v1")
    here = f"{path}.fieldPath"
    entry = _ENTRY.fullmatch(ref.field_path)
    if not ref.field_path:
        found.required(here, f"expected one of {', '.join(allowed)}")
    elif entry is not None:
        key = entry[2] if entry[1] == "labels" else entry[2].lower()
        found.named(here, entry[2], names.qualified_name(key))
    elif ref.field_path not in allowed:
        known = (*allowed, "metadata.labels['KEY']", "metadata.annotations['KEY']")
        found.one_of(here, ref.field_path, known)


def validate_resource_ref(ref: v1.ResourceFieldSelector, path: str, found: Findings) -> None:
    """Judge a reference to a container's requests or limits."""
    if not ref.resource:
        found.required(f"{path}.resource", "expected limits.cpu, requests.memory or the like")
        return
    kind, _, name = ref.resource.partition(".")
    known = name in _RESOURCES or name.startswith(resources.HUGEPAGES_PREFIX)
    if kind not in {"limits", "requests"} or not known:
        listed = [f"{kind}.{name}" for kind in ("limits", "requests") for name in (*_RESOURCES, "hugepages-SIZE")]
        found.one_of(f"{path}.resource", ref.resource, listed)
    if ref.divisor is None:
        return
    fault = quantity.problem(ref.divisor)
    if fault is not None:
        found.named(f"{path}.divisor", ref.divisor, fault)
        return
    divisors = _CPU_DIVISORS if name == resources.CPU else _OTHER_DIVISORS
    amount = quantity.parse(ref.divisor)
    if amount and amount not in divisors:
        expected = "1m or 1" if name == resources.CPU else "1, 1k to 1E, or 1Ki to 1Ei"
        found.invalid(f"{path}.divisor", f"got {quoted(ref.divisor)}, expected {expected}")


def _validate_file_key(ref: v1.FileKeySelector, path: str, volumes: Mapping[str, v1.Volume], found: Findings) -> None:
    volume = volumes.get(ref.volume_name)
    if not ref.volume_name:
        found.required(f"{path}.volumeName", "expected the name of an emptyDir volume of this pod")
    elif volume is None:
        found.not_found(f"{path}.volumeName", f"the pod has no volume {quoted(ref.volume_name)}")
    elif volume.empty_dir is None:
        found.invalid(f"{path}.volumeName", f"volume {quoted(ref.volume_name)} is no emptyDir")
    if not ref.key:
        found.required(f"{path}.key", "expected the name of a variable in the file")
    else:
        found.named(f"{path}.key", ref.key, _env_name_fault(ref.key))
    if not ref.path:
        found.required(f"{path}.path", "expected the file's path within the volume")
    else:
        found.named(f"{path}.path", ref.path, path_fault(ref.path))
