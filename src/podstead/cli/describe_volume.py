"""The volumes of a pod as `describe` shows them, in kubectl's words: where content comes from, never the content."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from podstead.cli.outline import Outline
    from podstead.k8s import core_v1 as v1


def describe_volumes(outline: Outline, pod: v1.Pod) -> None:
    """Add every volume of the pod."""
    if not pod.spec.volumes:
        outline.add("Volumes")
        return
    below = outline.block("Volumes")
    for volume in pod.spec.volumes:
        block = below.block(volume.name)
        for name, *texts in _rows(volume):
            block.add(name, *texts)


def _rows(volume: v1.Volume) -> Iterator[tuple[str, ...]]:
    """Yield names and texts about a volume, its type first."""
    if volume.host_path is not None:
        yield "Type", "HostPath (a path of the node)"
        yield "Path", volume.host_path.path
        yield "HostPathType", volume.host_path.type or ""
    elif volume.empty_dir is not None:
        yield "Type", "EmptyDir (lives as long as the pod)"
        yield "Medium", volume.empty_dir.medium or ""
        yield "SizeLimit", volume.empty_dir.size_limit or "<unset>"
    elif volume.config_map is not None:
        yield "Type", "ConfigMap (a volume populated by a ConfigMap)"
        yield "Name", volume.config_map.name or ""
        yield "Optional", _truth(volume.config_map.optional)
    elif volume.secret is not None:
        yield "Type", "Secret (a volume populated by a Secret)"
        yield "SecretName", volume.secret.secret_name or ""
        yield "Optional", _truth(volume.secret.optional)
    elif volume.downward_api is not None:
        yield "Type", "DownwardAPI (a volume populated by information about the pod)"
        yield "Items", *(_item(item) for item in volume.downward_api.items)
    elif volume.projected is not None:
        yield "Type", "Projected (a volume that contains data from several sources)"
        for source in volume.projected.sources:
            yield from _projection(source)
    elif volume.image is not None:
        yield "Type", "Image (a container image or OCI artifact)"
        yield "Reference", volume.image.reference or ""
        yield "PullPolicy", volume.image.pull_policy or ""
    elif volume.nfs is not None:
        yield "Type", "NFS (an NFS mount of the node)"
        yield "Server", volume.nfs.server
        yield "Path", volume.nfs.path
        yield "ReadOnly", _truth(volume.nfs.read_only)


def _projection(source: v1.VolumeProjection) -> Iterator[tuple[str, ...]]:
    if source.downward_api is not None:
        yield "DownwardAPI", *(_item(item) for item in source.downward_api.items)
    if source.config_map is not None:
        yield "ConfigMapName", source.config_map.name or ""
        yield "Optional", _truth(source.config_map.optional)
    if source.secret is not None:
        yield "SecretName", source.secret.name or ""
        yield "Optional", _truth(source.secret.optional)


def _item(item: v1.DownwardAPIVolumeFile) -> str:
    if item.field_ref is not None:
        return f"{item.field_ref.field_path} -> {item.path}"
    wanted = item.resource_field_ref
    return f"{wanted.container_name}: {wanted.resource} -> {item.path}" if wanted is not None else item.path


def _truth(value: bool | None) -> str:
    return "true" if value else "false"
