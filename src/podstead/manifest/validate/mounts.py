"""Rules for volumeMounts and volumeDevices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.manifest.validate.findings import path_fault, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from podstead.k8s import core_v1 as v1
    from podstead.manifest.validate.findings import Findings

PROPAGATIONS = ("None", "HostToContainer", "Bidirectional")
RECURSIVE_READ_ONLY = ("Disabled", "IfPossible", "Enabled")


def validate_mounts(container: v1.Container, path: str, volumes: Mapping[str, v1.Volume], found: Findings) -> None:
    """Judge the mounts of one container against the volumes of its pod."""
    seen: set[str] = set()
    for index, mount in enumerate(container.volume_mounts):
        here = f"{path}.volumeMounts[{index}]"
        if not mount.name:
            found.required(f"{here}.name", "expected the name of a volume of this pod")
        elif mount.name not in volumes:
            found.not_found(f"{here}.name", f"the pod has no volume {quoted(mount.name)}; add it to spec.volumes")
        if not mount.mount_path:
            found.required(f"{here}.mountPath", "expected a path in the container")
        elif mount.mount_path in seen:
            found.invalid(f"{here}.mountPath", f"got {quoted(mount.mount_path)} a second time, it must be unique")
        seen.add(mount.mount_path)
        _validate_sub_path(mount, here, found)
        _validate_propagation(mount, here, container, found)
        _validate_recursive(mount, here, found)
    for index in range(len(container.volume_devices)):
        found.forbidden(
            f"{path}.volumeDevices[{index}]",
            "a block device needs a PersistentVolumeClaim, which a static pod cannot have",
        )


def _validate_sub_path(mount: v1.VolumeMount, path: str, found: Findings) -> None:
    if mount.sub_path:
        found.named(f"{path}.subPath", mount.sub_path, path_fault(mount.sub_path))
    if mount.sub_path_expr:
        found.named(f"{path}.subPathExpr", mount.sub_path_expr, path_fault(mount.sub_path_expr))
        if mount.sub_path:
            found.invalid(f"{path}.subPathExpr", "not allowed beside subPath; remove one of the two")


def _validate_propagation(mount: v1.VolumeMount, path: str, container: v1.Container, found: Findings) -> None:
    found.one_of(f"{path}.mountPropagation", mount.mount_propagation, PROPAGATIONS)
    privileged = container.security_context is not None and container.security_context.privileged
    if mount.mount_propagation == "Bidirectional" and not privileged:
        found.forbidden(
            f"{path}.mountPropagation",
            "Bidirectional is for privileged containers only; write HostToContainer or remove it",
        )


def _validate_recursive(mount: v1.VolumeMount, path: str, found: Findings) -> None:
    found.one_of(f"{path}.recursiveReadOnly", mount.recursive_read_only, RECURSIVE_READ_ONLY)
    if mount.recursive_read_only not in {"Enabled", "IfPossible"}:
        return
    if not mount.read_only:
        found.forbidden(f"{path}.recursiveReadOnly", "it needs readOnly: true")
    if mount.mount_propagation not in {None, "", "None"}:
        found.forbidden(f"{path}.recursiveReadOnly", "it needs mountPropagation: None")
