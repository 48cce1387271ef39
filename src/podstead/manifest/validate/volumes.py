"""Rules for the volumes of a pod."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.k8s import core_v1 as v1
from podstead.k8s import names, quantity
from podstead.manifest.defaults import volume_sources
from podstead.manifest.validate.environment import VOLUME_FIELDS, validate_field_ref, validate_resource_ref
from podstead.manifest.validate.findings import path_fault, quoted

if TYPE_CHECKING:
    from podstead.manifest.validate.findings import Findings

HOST_PATH_TYPES = (
    "",
    "DirectoryOrCreate",
    "Directory",
    "FileOrCreate",
    "File",
    "Socket",
    "CharDevice",
    "BlockDevice",
)
MEDIA = ("", "Memory", "HugePages")
PULL_POLICIES = ("Always", "IfNotPresent", "Never")
MODE_MAX = 0o777


def validate_volumes(pod: v1.Pod, found: Findings) -> None:
    """Judge every volume of the pod."""
    seen: set[str] = set()
    for index, volume in enumerate(pod.spec.volumes):
        here = f"spec.volumes[{index}]"
        if not volume.name:
            found.required(f"{here}.name", "a volume needs a name")
        else:
            found.named(f"{here}.name", volume.name, names.dns1123_label(volume.name))
            if volume.name in seen:
                found.duplicate(f"{here}.name", f"{quoted(volume.name)} names another volume of this pod already")
            seen.add(volume.name)
        _validate_source(volume, here, found)


def _validate_source(volume: v1.Volume, path: str, found: Findings) -> None:
    sources = volume_sources(volume)
    if not sources:
        found.required(path, "expected a source such as emptyDir or hostPath")
    for extra in sources[1:]:
        found.forbidden(f"{path}.{extra}", f"{sources[0]} is given already; keep one of the two")
    if volume.host_path is not None:
        _validate_host_path(volume.host_path, f"{path}.hostPath", found)
    if volume.empty_dir is not None:
        _validate_empty_dir(volume.empty_dir, f"{path}.emptyDir", found)
    if volume.downward_api is not None:
        found.within(f"{path}.downwardAPI.defaultMode", volume.downward_api.default_mode, 0, MODE_MAX)
        _validate_files(volume.downward_api.items, f"{path}.downwardAPI", found)
    if volume.projected is not None:
        _validate_projected(volume.projected, f"{path}.projected", found)
    if volume.image is not None:
        if not volume.image.reference:
            found.required(f"{path}.image.reference", "expected an image such as data:1.0")
        found.one_of(f"{path}.image.pullPolicy", volume.image.pull_policy, PULL_POLICIES)
    if volume.nfs is not None and not volume.nfs.path.startswith("/"):
        found.invalid(f"{path}.nfs.path", f"got {quoted(volume.nfs.path)}, must be absolute")


def _validate_host_path(source: v1.HostPathVolumeSource, path: str, found: Findings) -> None:
    """Judge a hostPath. A relative path is refused, which the kubelet does not: it would depend on who starts us."""
    if not source.path:
        found.required(f"{path}.path", "expected a path on the node")
    elif ".." in source.path.split("/"):
        found.invalid(f"{path}.path", f"got {quoted(source.path)}, must not contain '..'")
    elif not source.path.startswith("/"):
        found.invalid(f"{path}.path", f"got {quoted(source.path)}, must be absolute: begin it with '/'")
    found.one_of(f"{path}.type", source.type, HOST_PATH_TYPES)


def _validate_empty_dir(source: v1.EmptyDirVolumeSource, path: str, found: Findings) -> None:
    """Judge an emptyDir. An unknown medium is refused here; the kubelet fails when it mounts it."""
    if source.medium is not None and not source.medium.startswith("HugePages-"):
        found.one_of(f"{path}.medium", source.medium, MEDIA)
    if source.size_limit is None:
        return
    fault = quantity.problem(source.size_limit)
    if fault is not None:
        found.named(f"{path}.sizeLimit", source.size_limit, fault)
    elif quantity.parse(source.size_limit) < 0:
        found.invalid(f"{path}.sizeLimit", f"got {quoted(source.size_limit)}, must not be negative")


def _validate_projected(source: v1.ProjectedVolumeSource, path: str, found: Findings) -> None:
    found.within(f"{path}.defaultMode", source.default_mode, 0, MODE_MAX)
    for index, projection in enumerate(source.sources):
        here = f"{path}.sources[{index}]"
        given = [
            name
            for name, inner in (
                ("downwardAPI", projection.downward_api),
                ("configMap", projection.config_map),
                ("secret", projection.secret),
                ("serviceAccountToken", projection.service_account_token),
                ("clusterTrustBundle", projection.cluster_trust_bundle),
                ("podCertificate", projection.pod_certificate),
            )
            if inner is not None
        ]
        if not given:
            found.required(here, "expected downwardAPI, the one source that works without an API server")
        for extra in given[1:]:
            found.forbidden(f"{here}.{extra}", f"{given[0]} is given already; make it an entry of its own")
        if projection.downward_api is not None:
            _validate_files(projection.downward_api.items, f"{here}.downwardAPI", found)


def _validate_files(items: tuple[v1.DownwardAPIVolumeFile, ...], path: str, found: Findings) -> None:
    """Judge the files of a downwardAPI source."""
    for index, item in enumerate(items):
        here = f"{path}.items[{index}]"
        if not item.path:
            found.required(f"{here}.path", "expected the file's path within the volume")
        else:
            begins_with_dots = item.path.split("/")[0].startswith("..")
            fault = path_fault(item.path) or ("must not begin with '..'" if begins_with_dots else None)
            found.named(f"{here}.path", item.path, fault)
        found.within(f"{here}.mode", item.mode, 0, MODE_MAX)
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
