"""Environment, command and arguments of a container after `$(NAME)` expansion (spec/kubelet-static-pods.md 5.4).

The values made here may be passwords: they go to the runtime and nowhere else (foundation 24).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Protocol

from podstead.k8s import quantity
from podstead.k8s.containers import find_container
from podstead.k8s.env_file import EnvFileError, EnvFiles, value_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from podstead.k8s import core_v1 as v1

    Reference = v1.ConfigMapKeySelector | v1.SecretKeySelector

_REFERENCE = re.compile(r"\$(?:\$|\(([^)]*)\))")
_SUBSCRIPT = re.compile(r"metadata\.(labels|annotations)\['([^']+)'\]")


class UnresolvedError(ValueError):
    """An entry of the environment cannot be given a value; the text names the entry and never a value."""


class ObjectData(Protocol):
    """What a ConfigMap or a Secret holds."""

    @property
    def data(self) -> Mapping[str, bytes]:
        """The bytes by key."""
        ...

    @property
    def binary(self) -> frozenset[str]:
        """The keys of `binaryData`, of which no environment can be made."""
        ...


FindObject = Callable[[str, str], ObjectData | None]
"""Returns the object of a kind (`ConfigMap` or `Secret`) and a name in the pod's namespace, None where there is none."""


def no_objects(_kind: str, _name: str) -> ObjectData | None:
    """Find no object."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class PodFacts:
    """What the entries of an environment may ask of a pod beyond its manifest.

    `allocatable` is the node's, by resource name: it stands in for a limit that the manifest does not set. `find` gives
    the ConfigMaps and Secrets that it may refer to, `files` the files of its volumes.
    """

    uid: str
    host_ip: str = ""
    host_ips: tuple[str, ...] = ()
    pod_ips: tuple[str, ...] = ()
    allocatable: Mapping[str, str] = field(default_factory=dict)
    find: FindObject = no_objects
    files: EnvFiles = field(default_factory=dict)


def expand(text: str, mapping: Mapping[str, str]) -> str:
    """Return `text` with `$(NAME)` replaced by its value and `$$` by `$`.

    A reference to an unknown name, an unclosed `$(` and any other `$` stay as they are. Values are not expanded again.
    """

    def replacement(match: re.Match[str]) -> str:
        name = match[1]
        return "$" if name is None else mapping.get(name, match[0])

    return _REFERENCE.sub(replacement, text)


def references(text: str) -> frozenset[str]:
    """Return the names that a text's `$(NAME)` refer to."""
    return frozenset(match[1] for match in _REFERENCE.finditer(text) if match[1] is not None)


def environment(container: v1.Container, pod: v1.Pod, facts: PodFacts) -> tuple[tuple[str, str], ...]:
    """Return the container's environment in the order of its declaration.

    What envFrom brings in comes first. A later entry of the same name replaces the value of the earlier one, in the
    earlier one's place; an entry sees those above it; an optional one whose source is not there sets nothing. Raises
    UnresolvedError for a source that has no value here (an object or a file that is not there).
    """
    values: dict[str, str] = {}
    for origin in container.env_from:
        values |= _imported(origin, pod, facts.find)
    for entry in container.env:
        if entry.value_from is None:
            values[entry.name] = expand(entry.value or "", values)
        elif (value := _sourced(entry.name, entry.value_from, container, pod, facts)) is not None:
            values[entry.name] = value
    return tuple(values.items())


def _imported(origin: v1.EnvFromSource, pod: v1.Pod, find: FindObject) -> dict[str, str]:
    """Return the variables that one entry of envFrom makes of an object's keys, in the order of their names."""
    prefix, reference = origin.prefix or "", origin.config_map_ref or origin.secret_ref
    kind = "ConfigMap" if origin.config_map_ref is not None else "Secret"
    name = (reference.name if reference is not None else None) or ""
    found = find(kind, name)
    if found is None:
        if reference is not None and reference.optional:
            return {}
        raise UnresolvedError(f"cannot set the environment: {_absent(kind, name, pod)}")
    keys = sorted(found.data.keys() - found.binary)
    return {f"{prefix}{key}": _text(f"{prefix}{key}", found.data[key], key, kind, name) for key in keys}


def _selected(entry: str, kind: str, reference: Reference, pod: v1.Pod, find: FindObject) -> str | None:
    """Return the value of one key of an object; None where an optional one is not there."""
    name, key = reference.name or "", reference.key
    found = find(kind, name)
    if found is not None and key in found.data:
        if key in found.binary:
            raise UnresolvedError(f"cannot set {entry}: key {key!r} of {kind} {name} is binary: mount it in a volume")
        return _text(entry, found.data[key], key, kind, name)
    if reference.optional:
        return None
    missing = f"{kind} {name} has no key {key!r}" if found is not None else _absent(kind, name, pod)
    raise UnresolvedError(f"cannot set {entry}: {missing}")


def _absent(kind: str, name: str, pod: v1.Pod) -> str:
    namespace = pod.metadata.namespace
    return f"there is no {kind} {namespace}/{name}: write it into a file of the objects directory"


def _text(entry: str, value: bytes, key: str, kind: str, name: str) -> str:
    """Return a value as an environment can have it."""
    mend = "mount it in a volume"
    if b"\0" in value:
        raise UnresolvedError(f"cannot set {entry}: key {key!r} of {kind} {name} holds a NUL byte: {mend}")
    try:
        return value.decode()
    except UnicodeDecodeError:
        text = f"cannot set {entry}: key {key!r} of {kind} {name} is not UTF-8: {mend}"
        raise UnresolvedError(text) from None


def literal_environment(container: v1.Container) -> dict[str, str]:
    """Return the entries written as plain values, unexpanded: all that an exec probe's command may refer to."""
    return {entry.name: entry.value or "" for entry in container.env if entry.value_from is None}


def command_line(container: v1.Container, env: Iterable[tuple[str, str]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return command and arguments, expanded with the whole environment; empty ones leave the image's own."""
    values = dict(env)
    return tuple(expand(c, values) for c in container.command), tuple(expand(a, values) for a in container.args)


def _sourced(name: str, source: v1.EnvVarSource, container: v1.Container, pod: v1.Pod, facts: PodFacts) -> str | None:
    """Return what an entry's source gives, None where an optional one gives nothing."""
    if source.config_map_key_ref is not None:
        return _selected(name, "ConfigMap", source.config_map_key_ref, pod, facts.find)
    if source.secret_key_ref is not None:
        return _selected(name, "Secret", source.secret_key_ref, pod, facts.find)
    if source.field_ref is not None:
        value = field_value(source.field_ref.field_path, pod, facts)
        if value is None:
            raise UnresolvedError(f"cannot set {name}: {source.field_ref.field_path!r} is not a field of a pod")
        return value
    if source.resource_field_ref is not None:
        return resource_value(name, source.resource_field_ref, container.name, pod, facts)
    if source.file_key_ref is not None:
        return _read(name, source.file_key_ref, facts.files)
    raise UnresolvedError(f"cannot set {name}: it names no source")


def _read(entry: str, reference: v1.FileKeySelector, files: EnvFiles) -> str | None:
    """Return the value of a variable in a file of a volume; None where an optional one is not there."""
    where = f"file {reference.path!r} of volume {reference.volume_name}"
    text = files.get((reference.volume_name, reference.path))
    try:
        value = None if text is None else value_of(text, reference.key)
    except EnvFileError as error:
        raise UnresolvedError(f"cannot set {entry}: {where}: {error}") from None
    if value is not None and "\0" in value:
        raise UnresolvedError(f"cannot set {entry}: {where}: the value of {reference.key!r} holds a NUL byte")
    if value is None and not reference.optional:
        missing = "is not there" if text is None else f"has no variable {reference.key!r}"
        raise UnresolvedError(f"cannot set {entry}: {where} {missing}")
    return value


def field_value(path: str, pod: v1.Pod, facts: PodFacts) -> str | None:
    """Return what a fieldRef of an environment entry stands for, None for an unknown path.

    A label or annotation that the pod does not have gives the empty text.
    """
    meta, spec = pod.metadata, pod.spec
    match = _SUBSCRIPT.fullmatch(path)
    if match is not None:
        held = meta.labels if match[1] == "labels" else meta.annotations
        return held.get(match[2], "")
    return {
        "metadata.name": meta.name or "",
        "metadata.namespace": meta.namespace or "",
        "metadata.uid": facts.uid,
        "spec.nodeName": spec.node_name or "",
        "spec.serviceAccountName": spec.service_account_name or "",
        "status.hostIP": facts.host_ip,
        "status.hostIPs": ",".join(facts.host_ips or ((facts.host_ip,) if facts.host_ip else ())),
        "status.podIP": facts.pod_ips[0] if facts.pod_ips else "",
        "status.podIPs": ",".join(facts.pod_ips),
    }.get(path)


def resource_value(name: str, wanted: v1.ResourceFieldSelector, own: str, pod: v1.Pod, facts: PodFacts) -> str:
    """Return a limit or request in units of the divisor, rounded up; a missing limit is the pod's, else the node's.

    `own` is the container that is meant where the selector names none. Raises UnresolvedError, about `name`.
    """
    kind, _, resource = wanted.resource.partition(".")
    spec = pod.spec
    if kind not in {"limits", "requests"} or not resource:
        raise UnresolvedError(f"cannot set {name}: {wanted.resource!r} must be limits.RESOURCE or requests.RESOURCE")
    asked = wanted.container_name or own
    found = find_container(spec, asked)
    if found is None:
        raise UnresolvedError(f"cannot set {name}: the pod has no container {asked!r}")
    amount = _amount(found.resources, kind, resource)
    if amount is None and kind == "limits":
        amount = _amount(spec.resources, kind, resource) or facts.allocatable.get(resource)
    divisor = quantity.parse(wanted.divisor or "1") or Fraction(1)
    return str(math.ceil(quantity.parse(amount or "0") / divisor))


def _amount(resources: v1.ResourceRequirements | None, kind: str, resource: str) -> str | None:
    if resources is None:
        return None
    return (resources.limits if kind == "limits" else resources.requests).get(resource)
