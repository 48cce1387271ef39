"""A node for volumes: a mount table in memory, local objects, and pods to try them with."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from podstead.identity import PodUID
from podstead.k8s import core_v1 as v1
from podstead.state.objects import LocalObject, ObjectKey, ObjectKind
from podstead.volumes.grafts import UnsupportedError
from podstead.volumes.mounter import MountError, SystemMounter
from podstead.volumes.mountinfo import MountPoint, lies_in
from podstead.volumes.mounts import Prepared
from podstead.volumes.trouble import VolumeTrouble

if TYPE_CHECKING:
    from podstead.volumes.abilities import MountAbilities
    from podstead.volumes.home import PodVolumes
    from podstead.volumes.protection import Veil

UID = PodUID("6b1f0d7e-0000-4000-8000-000000000001")


@dataclass
class MountTable:
    """A mount table in memory: what is mounted is listed, the directories below stay what they are."""

    points: list[MountPoint] = field(default_factory=list)
    options: dict[Path, tuple[int, int, int | None]] = field(default_factory=dict)
    """Size, mode and group of what was mounted at a path."""
    pages: dict[Path, int] = field(default_factory=dict)
    """Size of the huge pages mounted at a path."""
    used: dict[Path, int] = field(default_factory=dict)
    """Bytes that what is mounted at a path holds."""
    bound: dict[Path, Path] = field(default_factory=dict)
    """What a path shows, by the place it was mounted on."""
    grafts: dict[Path, tuple[bool, bool, bool]] = field(default_factory=dict)
    """Of what was mounted by a descriptor: whether with all below it, whether it follows, whether through a veil."""
    unsupported: bool = False
    """Whether the kernel is too old for that."""
    detached: list[Path] = field(default_factory=list)
    shared: list[Path] = field(default_factory=list)
    refuse: str = ""

    def mount_tmpfs(self, path: Path, *, size: int, mode: int, gid: int | None) -> None:
        self._mount(path, "tmpfs")
        self.options[path.resolve()] = (size, mode, gid)

    def resize_tmpfs(self, path: Path, size: int) -> None:
        _, mode, gid = self.options[path.resolve()]
        self.options[path.resolve()] = (size, mode, gid)

    def mount_huge_pages(self, path: Path, *, page_bytes: int, size: int, mode: int, gid: int | None) -> None:
        self._mount(path, "hugetlbfs")
        self.pages[path.resolve()] = page_bytes
        self.options[path.resolve()] = (size, mode, gid)

    def mount_nfs(self, path: Path, source: str, *, read_only: bool) -> None:
        self._mount(path, "nfs4")
        self.bound[path.resolve()] = Path(f"{source} {'ro' if read_only else 'rw'}")

    def bind(self, descriptor: int, target: Path) -> None:
        found = Path(f"/proc/self/fd/{descriptor}").readlink()
        assert stat.S_ISDIR(os.fstat(descriptor).st_mode) == target.is_dir(), "mount(8): not a directory"
        self._mount(target, "ext4")
        self.bound[target.resolve()] = found

    def unmount(self, path: Path, *, detach: bool = False) -> None:
        if self.refuse and not detach:
            raise MountError(self.refuse)
        if detach:
            self.detached.append(path)
        self.points.remove(next(p for p in reversed(self.points) if p.path == path))
        self.bound.pop(path, None)

    def space(self, path: Path) -> tuple[int, int]:
        return self.options[path.resolve()][0], self.used.get(path.resolve(), 0)

    def mount_points(self, path: Path) -> tuple[MountPoint, ...]:
        return tuple(reversed([p for p in self.points if p.path == path or path in p.path.parents]))

    def graft(self, descriptor: int, target: Path, *, recursive: bool, follows: bool, veil: Veil | None = None) -> None:
        if self.unsupported:
            raise UnsupportedError
        self.bind(descriptor, target)
        self.grafts[target] = (recursive, follows, veil is not None)

    def detach(self, path: Path) -> None:
        self.points = [point for point in self.points if not lies_in(point.path, path)]
        self.bound = {place: shown for place, shown in self.bound.items() if not lies_in(place, path)}

    def table(self) -> tuple[MountPoint, ...]:
        """Return the machine's own mounts: what is opened lies on one of them."""
        return SystemMounter().table()

    def is_shared(self, path: Path) -> bool:
        return any(path == place or place in path.parents for place in self.shared)

    def _mount(self, path: Path, fs_type: str) -> None:
        if self.refuse:
            raise MountError(self.refuse)
        self.points.append(MountPoint(path.resolve(), fs_type))


class Objects:
    """Local objects that a test writes."""

    def __init__(self) -> None:
        self.held: dict[ObjectKey, LocalObject] = {}

    def get(self, key: ObjectKey) -> LocalObject | None:
        return self.held.get(key)

    def put(self, kind: ObjectKind, name: str, **data: str) -> None:
        """Write an object of namespace default; `__` in a key stands for a dot."""
        key = ObjectKey(kind=kind, namespace="default", name=name)
        values = {k.replace("__", "."): v.encode() for k, v in data.items()}
        self.held[key] = LocalObject(key=key, data=values, digest=str(values))

    def remove(self, kind: ObjectKind, name: str) -> None:
        del self.held[ObjectKey(kind=kind, namespace="default", name=name)]


def pod_with(*volumes: v1.Volume, fs_group: int | None = None, memory: str = "", **spec: object) -> v1.Pod:
    """Return a pod whose only container mounts every volume at /NAME."""
    limits = {"memory": memory} if memory else {}
    container = v1.Container(
        name="c",
        volume_mounts=tuple(v1.VolumeMount(name=v.name, mount_path=f"/{v.name}") for v in volumes),
        resources=v1.ResourceRequirements(limits=limits),
    )
    security = v1.PodSecurityContext(fs_group=fs_group)
    return v1.Pod(
        metadata=v1.ObjectMeta(name="p", namespace="default", labels={"app": "web"}),
        spec=v1.PodSpec(containers=(container,), volumes=volumes, security_context=security, **spec),  # type: ignore[arg-type]  # test data
    )


def mounting(volume: v1.Volume, *mounts: v1.VolumeMount, **container: object) -> v1.Pod:
    """Return a pod with one container `c` that has these mounts of a volume."""
    made = v1.Container(name="c", volume_mounts=mounts, **container)  # type: ignore[arg-type]  # test data
    return v1.Pod(
        metadata=v1.ObjectMeta(name="p", namespace="default"), spec=v1.PodSpec(containers=(made,), volumes=(volume,))
    )


def host(path: Path | str, kind: str | None = None) -> v1.Volume:
    """Return the hostPath volume `h`."""
    return v1.Volume(name="h", host_path=v1.HostPathVolumeSource(path=str(path), type=kind))


def empty(name: str = "e", medium: str | None = None, size: str | None = None, mode: int | None = None) -> v1.Volume:
    """Return an emptyDir volume."""
    return v1.Volume(name=name, empty_dir=v1.EmptyDirVolumeSource(medium=medium, size_limit=size, mode=mode))


def labels(path: str = "labels", mode: int | None = None) -> v1.Volume:
    """Return the downwardAPI volume `d` with the pod's labels in one file."""
    item = v1.DownwardAPIVolumeFile(
        path=path, mode=mode, field_ref=v1.ObjectFieldSelector(field_path="metadata.labels")
    )
    return v1.Volume(name="d", downward_api=v1.DownwardAPIVolumeSource(items=(item,)))


def config(name: str = "app", *items: v1.KeyToPath, **source: object) -> v1.Volume:
    """Return the configMap volume `m`."""
    made = v1.ConfigMapVolumeSource(name=name, items=items, **source)  # type: ignore[arg-type]  # test data
    return v1.Volume(name="m", config_map=made)


def secret(name: str = "keys", *items: v1.KeyToPath, **source: object) -> v1.Volume:
    """Return the secret volume `s`."""
    made = v1.SecretVolumeSource(secret_name=name, items=items, **source)  # type: ignore[arg-type]  # test data
    return v1.Volume(name="s", secret=made)


def mode_of(path: Path) -> int:
    """Return the permission bits of a path itself."""
    return stat.S_IMODE(path.lstat().st_mode)


async def prepared(home: PodVolumes, pod: v1.Pod, *, in_force: bool = True) -> Prepared:
    """Prepare a pod's volumes, which must be possible."""
    result = await home.prepare(pod, UID, in_force=in_force)
    assert isinstance(result, Prepared), result
    return result


async def trouble(
    home: PodVolumes,
    pod: v1.Pod,
    able: MountAbilities | None = None,
    *,
    in_force: bool = True,
    reason: str = "FailedMount",
) -> str:
    """Prepare a pod's volumes, which must fail; returns why."""
    result = await home.prepare(pod, UID, able, in_force=in_force)
    assert isinstance(result, VolumeTrouble), result
    assert result.reason == reason
    return result.message
