"""Makes the sub-paths ready that a container is about to see. Blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.k8s.volumes import shows_content
from podstead.volumes import layout, subpaths
from podstead.volumes.mounts import SubPaths
from podstead.volumes.trouble import VolumeTrouble

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from podstead.config import Paths
    from podstead.identity import PodUID
    from podstead.k8s import core_v1 as v1
    from podstead.volumes.mounter import Mounter
    from podstead.volumes.mounts import Prepared

CONFIG_ERROR = "CreateContainerConfigError"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubPathBinder:
    """One start of a container. `protected` are paths that no pod may mount."""

    paths: Paths
    mounter: Mounter
    protected: tuple[Path, ...]
    container: v1.Container
    pod: v1.Pod
    uid: PodUID
    prepared: Prepared
    env: Mapping[str, str]

    def bind(self) -> SubPaths | VolumeTrouble:
        """Mount each sub-path of a volume, and fill in those of images, which the runtime mounts."""
        volumes = {volume.name: volume for volume in self.pod.spec.volumes}
        bound: dict[int, Path] = {}
        of_images: dict[int, str] = {}
        for index, mount in enumerate(self.container.volume_mounts):
            if not mount.sub_path and not mount.sub_path_expr:
                continue
            try:
                sub_path = subpaths.expanded(mount, self.env)
                if mount.name in self.prepared.images:
                    of_images[index] = sub_path
                else:
                    bound[index] = self._mounted(volumes[mount.name], sub_path, index)
            except (subpaths.SubPathError, OSError) as error:
                why = (error.strerror if isinstance(error, OSError) else None) or str(error)
                written = f"subPath {mount.sub_path!r}" if mount.sub_path else f"subPathExpr {mount.sub_path_expr!r}"
                said = f"container {self.container.name}, volume {mount.name}: cannot mount {written}: {why}"
                return VolumeTrouble(message=said, reason=CONFIG_ERROR)
        return SubPaths(bound=bound, of_images=of_images)

    def _mounted(self, volume: v1.Volume, sub_path: str, index: int) -> Path:
        target = layout.sub_paths(self.paths, self.uid) / volume.name / self.container.name / str(index)
        barred = [path.resolve() for path in self.protected] if volume.host_path is not None else ()
        root = self.prepared.volumes[volume.name]
        subpaths.bind(root, sub_path, target, self.mounter, make=not shows_content(volume), barred=barred)
        return target
