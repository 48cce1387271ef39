"""What a container mounts, from what was prepared. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from podstead.state.runtime import Mount

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from podstead.k8s import core_v1 as v1

ETC_HOSTS = "/etc/hosts"
DEFAULT_TERMINATION_PATH = "/dev/termination-log"

_PROPAGATION = {"HostToContainer": "rslave", "Bidirectional": "rshared"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What `prepare` made ready for the containers of a pod.

    `volumes` has the path on the node of each volume that some container uses, `images` the reference of each image
    volume, which has none. What stands in `readonly` is mounted so whatever the mount says; what stands in `owned` is
    the pod's alone. `warnings` tell of what is not as the manifest wants it and keeps nobody from running.
    """

    volumes: Mapping[str, Path] = field(default_factory=dict)
    images: Mapping[str, str] = field(default_factory=dict)
    readonly: frozenset[str] = frozenset()
    owned: frozenset[str] = frozenset()
    recursive_read_only: bool = False
    """Whether the runtime can make a mount read-only in all that is mounted below it."""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SubPaths:
    """The sub-paths of a container's mounts, by the mount's index: where they are mounted on the node, and in images."""

    bound: Mapping[int, Path] = field(default_factory=dict)
    of_images: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerFiles:
    """What one start of a container has of its own; `image_ids` has the ids of images by their references."""

    etc_hosts: Path | None = None
    termination_file: Path | None = None
    sub_paths: SubPaths = field(default_factory=SubPaths)
    image_ids: Mapping[str, str] = field(default_factory=dict)


def mounts_for(container: v1.Container, prepared: Prepared, own: ContainerFiles) -> tuple[Mount, ...]:
    """Return the container's mounts: its volumes as declared, then the hosts file and the termination message file.

    The last two give way to a mount of the container's own at the same place. Raises KeyError for a volume that was
    not prepared and for an image without an id.
    """
    mounts = [_of_volume(mount, index, prepared, own) for index, mount in enumerate(container.volume_mounts)]
    taken = {mount.container_path.rstrip("/") for mount in mounts}
    if own.etc_hosts is not None and ETC_HOSTS not in taken:
        mounts.append(Mount(container_path=ETC_HOSTS, host_path=str(own.etc_hosts), relabel=True))
    message = _absolute(container.termination_message_path or DEFAULT_TERMINATION_PATH)
    if own.termination_file is not None and message.rstrip("/") not in taken:
        mounts.append(Mount(container_path=message, host_path=str(own.termination_file), relabel=True))
    return tuple(mounts)


def _of_volume(mount: v1.VolumeMount, index: int, prepared: Prepared, own: ContainerFiles) -> Mount:
    path = _absolute(mount.mount_path)
    if mount.name in prepared.images:
        image = own.image_ids[prepared.images[mount.name]]
        return Mount(
            container_path=path, readonly=True, image=image, image_sub_path=own.sub_paths.of_images.get(index, "")
        )
    readonly = bool(mount.read_only) or mount.name in prepared.readonly
    wanted = mount.recursive_read_only in {"Enabled", "IfPossible"}
    return Mount(
        container_path=path,
        host_path=str(own.sub_paths.bound.get(index, prepared.volumes[mount.name])),
        readonly=readonly,
        recursive_readonly=readonly and wanted and prepared.recursive_read_only,
        propagation=_PROPAGATION.get(mount.mount_propagation or "", "private"),
        relabel=mount.name in prepared.owned,
    )


def _absolute(path: str) -> str:
    """Return a mount path as the runtime wants it: a relative one is taken from the container's root (kubelet)."""
    return path if path.startswith("/") else f"/{path}"
