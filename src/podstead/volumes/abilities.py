"""What the runtime and this machine can do with mounts, and what of a pod they cannot. Pure.

Runtimes pass over fields of a mount that they do not know, without a word: a volume would be empty, a sub-path the
whole image, a read-only tree writable. So what is asked for is compared with what is known before anything is made.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.k8s.containers import all_containers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from podstead.k8s import core_v1 as v1
    from podstead.state.runtime import RuntimeInfo

IMAGES_SINCE = {"containerd": (2, 1), "cri-o": (1, 31)}
"""First versions that mount images (KEP-4639; containerd pull request 10579)."""
IMAGE_SUB_PATHS_SINCE = {"containerd": (2, 2), "cri-o": (1, 33)}
"""First versions that mount a part of one; before, subPath means nothing to them (containerd issue 11580)."""

_VERSION = re.compile(r"v?(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class MountAbilities:
    """What mounts may ask for here; `runtime` names the runtime and its version for sentences."""

    runtime: str = "the runtime"
    images: bool = False
    image_sub_paths: bool = False
    recursive_read_only: bool = False
    private_mounts: bool = False
    """Whether the runtime lives in a mount namespace of its own: what containers mount never reaches the host."""


def abilities_of(info: RuntimeInfo, handler: str, *, private_mounts: bool) -> MountAbilities:
    """Return what a runtime can do for containers of this handler."""
    found = _VERSION.match(info.version)
    version = (int(found[1]), int(found[2])) if found else (0, 0)

    def knows(since: dict[str, tuple[int, int]]) -> bool:
        return info.name in since and version >= since[info.name]

    return MountAbilities(
        runtime=f"{info.name} {info.version}",
        images=knows(IMAGES_SINCE),
        image_sub_paths=knows(IMAGE_SUB_PATHS_SINCE),
        recursive_read_only=info.handler(handler).recursive_read_only,
        private_mounts=private_mounts,
    )


def asks_for_abilities(pod: v1.Pod) -> bool:
    """Return whether the pod has mounts that some runtimes or machines cannot make."""
    if any(volume.image is not None for volume in pod.spec.volumes):
        return True
    return any(_propagates(mount) or _recursive(mount) for _, mount in _mounts(pod))


def refusal(pod: v1.Pod, able: MountAbilities, root: str, is_shared: Callable[[str], bool]) -> str | None:
    """Return why the pod's mounts cannot be made here, None if they can.

    `root` is where the pods' own volumes lie; `is_shared` tells of a path of this machine whether mounts made below it
    are passed on (mount_namespaces(7)).
    """
    volumes = {volume.name: volume for volume in pod.spec.volumes}
    for container, mount in _mounts(pod):
        volume = volumes.get(mount.name)
        if volume is None:
            continue
        begin = f"container {container.name}, volume {mount.name}"
        path = root if volume.host_path is None else volume.host_path.path
        why = _image_fault(mount, volume, able) or _propagation_fault(mount, path, able, is_shared)
        if why is None and mount.recursive_read_only == "Enabled" and not able.recursive_read_only:
            why = f"{able.runtime} has no recursive read-only mounts here: write recursiveReadOnly: IfPossible"
        if why is not None:
            return f"{begin}: {why}"
    return None


def _image_fault(mount: v1.VolumeMount, volume: v1.Volume, able: MountAbilities) -> str | None:
    if volume.image is None:
        return None
    if not able.images:
        return (
            f"{able.runtime} does not mount images, {_since(IMAGES_SINCE)} do: "
            "use a newer runtime, or copy the files into a directory of the node and mount that as hostPath"
        )
    if (mount.sub_path or mount.sub_path_expr) and not able.image_sub_paths:
        return (
            f"{able.runtime} mounts whole images only, {_since(IMAGE_SUB_PATHS_SINCE)} know sub-paths: "
            "remove subPath and use the path below mountPath"
        )
    return None


def _since(versions: dict[str, tuple[int, int]]) -> str:
    return " and ".join(f"{name} {major}.{minor}" for name, (major, minor) in versions.items())


def _propagation_fault(
    mount: v1.VolumeMount, path: str, able: MountAbilities, is_shared: Callable[[str], bool]
) -> str | None:
    """Return why mounts below a path of this machine would not pass (foundation 5)."""
    if not _propagates(mount):
        return None
    begin = f"mountPropagation {mount.mount_propagation} would be without effect"
    if mount.mount_propagation == "Bidirectional" and able.private_mounts:
        return (
            f"{begin}: the runtime has a mount namespace of its own here, which nothing leaves "
            "(see podstead get nodes): write HostToContainer or None"
        )
    if not is_shared(path):
        return f"{begin}: {path!r} is on no shared mount: mount --make-rshared what holds it, or write None"
    return None


def _propagates(mount: v1.VolumeMount) -> bool:
    return mount.mount_propagation in {"HostToContainer", "Bidirectional"}


def _recursive(mount: v1.VolumeMount) -> bool:
    return mount.recursive_read_only in {"Enabled", "IfPossible"}


def _mounts(pod: v1.Pod) -> Iterator[tuple[v1.Container, v1.VolumeMount]]:
    for container in all_containers(pod.spec):
        for mount in container.volume_mounts:
            yield container, mount
