"""Makes the mounts ready that a container is about to see: sub-paths of volumes, and paths of the node. Blocks.

A path of the node is opened when a container starts, judged as an open file, and mounted from that: a container that
may write a directory above it can exchange it for a link at any moment and changes nothing. The runtime gets the place
of our mount, and once it has made its own from it, ours goes (`release`): a host path never stays mounted below the
agent's root, where somebody might remove it with the rest.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from podstead.errors import POLICY_VIOLATION, SELF_PROTECTION
from podstead.k8s.volumes import shows_content
from podstead.volumes import grafts, hostpath, layout, leads, subpaths
from podstead.volumes.mounts import SubPaths
from podstead.volumes.protection import Protection, Reach, ReachError
from podstead.volumes.trouble import VolumeTrouble

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from podstead.config.paths import Paths
    from podstead.identity import PodUID
    from podstead.k8s import core_v1 as v1
    from podstead.volumes.mounter import Mounter
    from podstead.volumes.mounts import Prepared
    from podstead.volumes.protection import Protected

CONFIG_ERROR = "CreateContainerConfigError"
BIDIRECTIONAL = "Bidirectional"
HOST_TO_CONTAINER = "HostToContainer"


@dataclass(frozen=True, slots=True, kw_only=True)
class MountBinder:
    """One start of a container. `protected` is what no pod may reach; `moved` is asked about paths that lead elsewhere.

    `led` says where paths of the node led when the pod was admitted, where a policy judged it.
    """

    paths: Paths
    mounter: Mounter
    protected: Sequence[Protected]
    moved: leads.Moved
    container: v1.Container
    pod: v1.Pod
    uid: PodUID
    prepared: Prepared
    env: Mapping[str, str]
    led: Mapping[str, str]

    def bind(self) -> SubPaths | VolumeTrouble:
        """Mount each sub-path and each path of the node, and fill in sub-paths of images, which the runtime mounts."""
        volumes = {volume.name: volume for volume in self.pod.spec.volumes}
        bound: dict[int, Path] = {}
        of_images: dict[int, str] = {}
        protection: Protection | None = None
        for index, mount in enumerate(self.container.volume_mounts):
            volume = volumes[mount.name]
            has_part = bool(mount.sub_path or mount.sub_path_expr)
            if not has_part and volume.host_path is None:
                continue
            try:
                part = subpaths.expanded(mount, self.env) if has_part else ""
                if mount.name in self.prepared.images:
                    of_images[index] = part
                elif volume.host_path is None:
                    bound[index] = self._mounted(volume, part, index)
                else:
                    protection = protection or Protection(self.protected, self.mounter.table())
                    if (place := self._host_path(volume.host_path, mount, part, index, protection)) is not None:
                        bound[index] = place
            except ReachError as error:
                return self._trouble(mount, f": it {error}: choose another path", SELF_PROTECTION)
            except leads.MovedError as error:
                return self._trouble(mount, f": it {error}", POLICY_VIOLATION)
            except (subpaths.SubPathError, OSError) as error:
                why = hostpath.reason_of(error) if isinstance(error, OSError) else str(error)
                return self._trouble(mount, f": {why}", CONFIG_ERROR)
        return SubPaths(bound=bound, of_images=of_images)

    def _trouble(self, mount: v1.VolumeMount, why: str, reason: str) -> VolumeTrouble:
        if mount.sub_path:
            what = f"subPath {mount.sub_path!r}"
        elif mount.sub_path_expr:
            what = f"subPathExpr {mount.sub_path_expr!r}"
        else:
            what = "the host path"
        begin = f"container {self.container.name}, volume {mount.name}: cannot mount"
        return VolumeTrouble(message=f"{begin} {what}{why}", reason=reason)

    def _mounted(self, volume: v1.Volume, sub_path: str, index: int) -> Path:
        target = layout.sub_paths(self.paths, self.uid) / volume.name / self.container.name / str(index)
        root = self.prepared.volumes[volume.name]
        subpaths.bind(root, sub_path, target, self.mounter, make=not shows_content(volume))
        return target

    def _host_path(
        self, source: v1.HostPathVolumeSource, mount: v1.VolumeMount, part: str, index: int, protection: Protection
    ) -> Path | None:
        """Mount a path of the node, or a part of it; None where the runtime is to mount it by its name.

        That is so of a Bidirectional mount, which must be the very mount of the node; Kubernetes lets only privileged
        containers have one, and such a container is root of the node anyway. And on a kernel without the calls.
        """
        found, _ = hostpath.opened(source, make=True, protection=protection)
        try:
            self._compare(source.path, found, writable=not mount.read_only)
            if part:
                root, found = found, -1
                try:
                    found = subpaths.open_within(root, part, make=True, ask=protection.allow_new)
                finally:
                    os.close(root)
            reach = protection.judge(found, writable=not mount.read_only)
            if isinstance(reach, Reach):
                raise ReachError(reach.way)
            if mount.mount_propagation == BIDIRECTIONAL and not part:
                if reach is not None:
                    raise ReachError("holds what no pod may mount, which a Bidirectional mount cannot leave out")
                return None
            target = layout.host_paths(self.paths, self.uid) / mount.name / self.container.name / str(index)
            subpaths.place(target, found, self.mounter)
            follows = mount.mount_propagation == HOST_TO_CONTAINER
            try:
                self.mounter.graft(found, target, recursive=not part, follows=follows, veil=reach)
            except grafts.UnsupportedError:
                if reach is not None:
                    raise ReachError(
                        "holds what no pod may mount, and this kernel (before 5.12) cannot hide it"
                    ) from None
                if not part:
                    return None
                self.mounter.bind(found, target)
            return target
        finally:
            if found >= 0:
                os.close(found)

    def _compare(self, path: str, found: int, *, writable: bool) -> None:
        """Raise MovedError where a path leads elsewhere than at first, and the policy would not have it there."""
        real = Path(f"/proc/self/fd/{found}").readlink()
        kept = layout.leads(self.paths, self.uid)
        leads.check(kept, path, real, writable=writable, moved=self.moved, admitted=self.led.get(path))


def release(paths: Paths, uid: PodUID, container: str, mounter: Mounter) -> None:
    """Take away what was mounted for a start of a container; the container keeps its own. Raises OSErrors.

    The places go too: a start that comes too late must find nothing rather than an empty directory.
    """
    volumes = layout.host_paths(paths, uid)
    for volume in volumes.iterdir() if volumes.is_dir() else ():
        of_container = volume / container
        for place in of_container.iterdir() if of_container.is_dir() else ():
            mounter.detach(place)
            if place.is_dir() and not place.is_symlink():
                place.rmdir()
            else:
                place.unlink()
        with contextlib.suppress(FileNotFoundError):
            of_container.rmdir()
