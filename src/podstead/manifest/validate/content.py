"""Rules for volumes whose files the agent writes: downwardAPI, configMap, secret, projected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.manifest.validate.environment import VOLUME_FIELDS, validate_field_ref, validate_resource_ref
from podstead.manifest.validate.findings import path_fault, quoted
from podstead.manifest.validate.objects import key_fault

if TYPE_CHECKING:
    from collections.abc import Iterable

    from podstead.k8s import core_v1 as v1
    from podstead.manifest.validate.findings import Findings

MODE_MAX = 0o777
ID_MAX = 2**31 - 1
WORKING_SOURCES = "configMap, downwardAPI or secret"


@dataclass(slots=True)
class _Paths:
    """The paths of one volume's files so far: two sources must not want one."""

    found: Findings
    taken: dict[str, str]

    def take(self, where: str, path: str) -> None:
        """Judge the path of the file that is declared at `where`."""
        if not path:
            self.found.required(f"{where}.path", "expected the file's path within the volume")
            return
        begins_with_dots = path.split("/", maxsplit=1)[0].startswith("..")
        fault = path_fault(path) or ("must not begin with '..'" if begins_with_dots else None)
        self.found.named(f"{where}.path", path, fault)
        clash = next((other for other in self.taken if _meet(other, path)), None)
        if clash is not None:
            said = f"got {quoted(path)}, which {self.taken[clash]} has as {quoted(clash)}; choose another path"
            self.found.invalid(f"{where}.path", said)
        self.taken.setdefault(path, where)


def validate_content(volume: v1.Volume, path: str, found: Findings) -> None:
    """Judge what stands in the volume's files."""
    paths = _Paths(found, {})
    for name, source in (("downwardAPI", volume.downward_api), ("projected", volume.projected)):
        if source is not None:
            _validate_defaults(source.default_mode, source.default_user, f"{path}.{name}", found)
    for name, one in (("configMap", volume.config_map), ("secret", volume.secret)):
        if one is not None:
            _validate_defaults(one.default_mode, one.default_user, f"{path}.{name}", found)
            _validate_keys(one.items, f"{path}.{name}", paths, found)
    if volume.downward_api is not None:
        _validate_fields(volume.downward_api.items, f"{path}.downwardAPI", paths, found)
    if volume.projected is not None:
        for index, projection in enumerate(volume.projected.sources):
            _validate_projection(projection, f"{path}.projected.sources[{index}]", paths, found)


def _validate_defaults(mode: int | None, user: int | None, path: str, found: Findings) -> None:
    found.within(f"{path}.defaultMode", mode, 0, MODE_MAX)
    found.within(f"{path}.defaultUser", user, 0, ID_MAX)


def _validate_projection(source: v1.VolumeProjection, path: str, paths: _Paths, found: Findings) -> None:
    given = [
        name
        for name, inner in (
            ("downwardAPI", source.downward_api),
            ("configMap", source.config_map),
            ("secret", source.secret),
            ("serviceAccountToken", source.service_account_token),
            ("clusterTrustBundle", source.cluster_trust_bundle),
            ("podCertificate", source.pod_certificate),
        )
        if inner is not None
    ]
    if not given:
        found.required(path, f"expected {WORKING_SOURCES}")
    for extra in given[1:]:
        found.forbidden(f"{path}.{extra}", f"{given[0]} is given already; make it an entry of its own")
    if source.downward_api is not None:
        _validate_fields(source.downward_api.items, f"{path}.downwardAPI", paths, found)
    if source.config_map is not None:
        _validate_keys(source.config_map.items, f"{path}.configMap", paths, found)
    if source.secret is not None:
        _validate_keys(source.secret.items, f"{path}.secret", paths, found)


def _validate_keys(items: Iterable[v1.KeyToPath], path: str, paths: _Paths, found: Findings) -> None:
    """Judge which keys of an object become which files."""
    for index, item in enumerate(items):
        here = f"{path}.items[{index}]"
        if not item.key:
            found.required(f"{here}.key", "expected a key of the object")
        else:
            found.named(f"{here}.key", item.key, key_fault(item.key))
        paths.take(here, item.path)
        found.within(f"{here}.mode", item.mode, 0, MODE_MAX)
        found.within(f"{here}.user", item.user, 0, ID_MAX)


def _validate_fields(items: Iterable[v1.DownwardAPIVolumeFile], path: str, paths: _Paths, found: Findings) -> None:
    """Judge the files of a downwardAPI source."""
    for index, item in enumerate(items):
        here = f"{path}.items[{index}]"
        paths.take(here, item.path)
        found.within(f"{here}.mode", item.mode, 0, MODE_MAX)
        found.within(f"{here}.user", item.user, 0, ID_MAX)
        if item.field_ref is not None:
            validate_field_ref(item.field_ref, f"{here}.fieldRef", VOLUME_FIELDS, found)
            if item.resource_field_ref is not None:
                found.invalid(here, "got fieldRef and resourceFieldRef; remove one of the two")
        elif item.resource_field_ref is None:
            found.required(here, "expected fieldRef or resourceFieldRef")
        if item.resource_field_ref is not None:
            if not item.resource_field_ref.container_name:
                found.required(f"{here}.resourceFieldRef.containerName", "a volume belongs to no container: name one")
            validate_resource_ref(item.resource_field_ref, f"{here}.resourceFieldRef", found)


def _meet(one: str, other: str) -> bool:
    """Return whether two paths cannot both be files: they are the same, or one would be the other's directory."""
    first, second = one.split("/"), other.split("/")
    return first[: len(second)] == second[: len(first)]
