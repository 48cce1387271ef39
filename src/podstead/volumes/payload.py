"""What stands in the files of a volume that the agent writes: downwardAPI, configMap, secret, projected. Pure.

The content may be secret: it goes into the files and nowhere else, no message shows any of it (foundation 24).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from podstead.k8s.expansion import PodFacts, UnresolvedError, field_value, resource_value
from podstead.state.objects import ObjectKind
from podstead.state.references import config_map, secret, volume_references

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from podstead.k8s import core_v1 as v1
    from podstead.state.objects import ObjectKey, ObjectLookup

DEFAULT_MODE = 0o644
_ESCAPES = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}


class ContentError(ValueError):
    """The volume's files cannot be told: an object or a key is not there, or two sources want one path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileContent:
    """One file. `user` is the owner's uid, None for root."""

    data: bytes = field(repr=False)
    mode: int
    user: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentSources:
    """Where the content comes from beside the pod itself.

    `allocatable` is the node's, by resource name. `directory` is where the operator writes local objects, for sentences.
    """

    objects: ObjectLookup
    allocatable: Mapping[str, str] = field(default_factory=dict)
    directory: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Defaults:
    mode: int
    user: int | None

    def file(self, data: bytes, mode: int | None, user: int | None) -> FileContent:
        return FileContent(
            data=data, mode=self.mode if mode is None else mode, user=self.user if user is None else user
        )


def payload(volume: v1.Volume, pod: v1.Pod, uid: str, sources: ContentSources) -> dict[str, FileContent]:
    """Return the files of a volume by their path in it; raises ContentError, which says what to write where."""
    maker = _Maker(pod, PodFacts(uid=uid, allocatable=sources.allocatable), sources)
    merged: dict[str, FileContent] = {}
    for path, content in maker.files(volume):
        if path.startswith("..") or any(part in {"", ".", ".."} for part in path.split("/")):
            raise ContentError(f"{path!r} cannot be the path of a file: give the key one in items")
        clash = next((other for other in merged if _meets(path, other)), None)
        if clash is not None:
            raise ContentError(f"two of its sources want the path {clash!r}: give one of them another path")
        merged[path] = content
    return merged


def is_secret(volume: v1.Volume) -> bool:
    """Return whether the volume's content must never reach a disk."""
    return any(key.kind is ObjectKind.SECRET for key in volume_references(volume, ""))


def format_map(values: Mapping[str, str]) -> str:
    """Return labels or annotations as a downwardAPI file holds them: sorted lines `key="value"`, quoted as Go does."""
    return "\n".join(f"{key}={_quoted(values[key])}" for key in sorted(values))


def _quoted(text: str) -> str:
    return f'"{"".join(_escaped(letter) for letter in text)}"'


def _escaped(letter: str) -> str:
    if letter in '"\\':
        return f"\\{letter}"
    if letter.isprintable():
        return letter
    code = ord(letter)
    if letter in _ESCAPES or code < 0x20 or code == 0x7F:
        return _ESCAPES.get(letter, f"\\x{code:02x}")
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _meets(path: str, other: str) -> bool:
    """Return whether two paths cannot both be files: they are the same, or one would be the other's directory."""
    one, two = path.split("/"), other.split("/")
    return one[: len(two)] == two[: len(one)]


class _Maker:
    """Gathers the files of one volume of one pod."""

    def __init__(self, pod: v1.Pod, facts: PodFacts, sources: ContentSources) -> None:
        self._pod = pod
        self._facts = facts
        self._sources = sources
        self._namespace = pod.metadata.namespace or "default"

    def files(self, volume: v1.Volume) -> Iterator[tuple[str, FileContent]]:
        if volume.downward_api is not None:
            yield from self._downward(volume.downward_api.items, _defaults(volume.downward_api))
        if volume.config_map is not None:
            key = config_map(self._namespace, volume.config_map.name)
            yield from self._object(key, volume.config_map, _defaults(volume.config_map))
        if volume.secret is not None:
            key = secret(self._namespace, volume.secret.secret_name)
            yield from self._object(key, volume.secret, _defaults(volume.secret))
        if volume.projected is not None:
            for projection in volume.projected.sources:
                yield from self._projection(projection, _defaults(volume.projected))

    def _projection(self, source: v1.VolumeProjection, defaults: _Defaults) -> Iterator[tuple[str, FileContent]]:
        if source.downward_api is not None:
            yield from self._downward(source.downward_api.items, defaults)
        if source.config_map is not None:
            key = config_map(self._namespace, source.config_map.name)
            yield from self._object(key, source.config_map, defaults)
        if source.secret is not None:
            key = secret(self._namespace, source.secret.name)
            yield from self._object(key, source.secret, defaults)

    def _downward(
        self, items: Iterable[v1.DownwardAPIVolumeFile], defaults: _Defaults
    ) -> Iterator[tuple[str, FileContent]]:
        for item in items:
            yield item.path, defaults.file(self._text(item).encode(), item.mode, item.user)

    def _text(self, item: v1.DownwardAPIVolumeFile) -> str:
        meta = self._pod.metadata
        whole = {"metadata.labels": meta.labels, "metadata.annotations": meta.annotations}
        if item.field_ref is not None:
            path = item.field_ref.field_path
            text = format_map(whole[path]) if path in whole else field_value(path, self._pod, self._facts)
            if text is None:
                raise ContentError(f"file {item.path!r}: {path!r} is not a field of a pod")
            return text
        if item.resource_field_ref is not None:
            try:
                return resource_value(item.path, item.resource_field_ref, "", self._pod, self._facts)
            except UnresolvedError as error:
                raise ContentError(str(error)) from None
        return ""

    def _object(
        self,
        key: ObjectKey,
        source: v1.ConfigMapVolumeSource | v1.SecretVolumeSource | v1.ConfigMapProjection | v1.SecretProjection,
        defaults: _Defaults,
    ) -> Iterator[tuple[str, FileContent]]:
        found = self._sources.objects.get(key)
        if found is None:
            if source.optional:
                return
            place = self._sources.directory or "the node's directory of local objects"
            raise ContentError(f"there is no {key}: write it as a file (kind: {key.kind}) into {place}")
        if not source.items:
            for name, data in sorted(found.data.items()):
                yield name, defaults.file(data, None, None)
        for item in source.items:
            if item.key in found.data:
                yield item.path, defaults.file(found.data[item.key], item.mode, item.user)
            elif not source.optional:
                raise ContentError(f"{key} has no key {item.key!r}: add it to the object, or take it from the items")


def _defaults(
    source: v1.DownwardAPIVolumeSource | v1.ConfigMapVolumeSource | v1.SecretVolumeSource | v1.ProjectedVolumeSource,
) -> _Defaults:
    mode = source.default_mode
    return _Defaults(mode=DEFAULT_MODE if mode is None else mode, user=source.default_user)
