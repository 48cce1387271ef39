"""Makes the volumes of one pod, each by its kind. Everything here blocks."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from podstead.k8s.containers import all_containers
from podstead.k8s.volumes import shows_content, used_volumes
from podstead.volumes import abilities, content, emptydir, hostpath, layout, nfs
from podstead.volumes.leads import Moved, unjudged
from podstead.volumes.mounts import Prepared
from podstead.volumes.protection import Protection
from podstead.volumes.trouble import Ready, VolumeTrouble

if TYPE_CHECKING:
    from collections.abc import Mapping

    from podstead.config.paths import Paths
    from podstead.identity import PodUID
    from podstead.k8s import core_v1 as v1
    from podstead.volumes.abilities import MountAbilities
    from podstead.volumes.mounter import Mounter
    from podstead.volumes.payload import ContentError, ContentSources, FileContent
    from podstead.volumes.protection import Protected


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeNode:
    """What volumes need to know of the node.

    `protected` is what no pod may reach (the manifest directory, the agent's root, its sockets). `moved` is asked about a
    path of the node that leads elsewhere than when it was admitted. `memory_bytes` bounds volumes in memory, 0: unbounded.
    """

    sources: ContentSources
    protected: tuple[Protected, ...] = ()
    moved: Moved = unjudged
    memory_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PodMaker:
    """One pod, and what its volumes are made of.

    `contents` has, by name, the files of volumes that the agent writes. What running containers see of a volume
    changes only with the revision that is `in_force`.
    """

    paths: Paths
    mounter: Mounter
    node: VolumeNode
    pod: v1.Pod
    uid: PodUID
    able: MountAbilities
    in_force: bool
    contents: Mapping[str, Mapping[str, FileContent] | ContentError] = field(default_factory=dict)

    def make(self) -> Prepared | VolumeTrouble:
        """Check and make every volume that a container uses; trouble with one keeps no other from being up to date."""
        layout.pod_directory(self.paths, self.uid).mkdir(mode=0o750, parents=True, exist_ok=True)
        if abilities.asks_for_abilities(self.pod):
            why = abilities.refusal(self.pod, self.able, str(self.paths.root), self._is_shared)
            if why is not None:
                return VolumeTrouble(message=why)
        used = used_volumes(self.pod)
        made = {volume.name: self._volume(volume) for volume in used if volume.image is None}
        ready = {name: one for name, one in made.items() if isinstance(one, Ready)}
        trouble = next((one for one in made.values() if isinstance(one, VolumeTrouble)), None)
        if trouble is not None:
            return trouble
        return Prepared(
            volumes={name: one.path for name, one in ready.items()},
            images={v.name: v.image.reference or "" for v in used if v.image is not None},
            readonly=frozenset(v.name for v in used if shows_content(v)),
            owned=frozenset(v.name for v in used if shows_content(v) or v.empty_dir is not None),
            recursive_read_only=self.able.recursive_read_only,
            warnings=tuple(one.warning for one in ready.values() if one.warning),
        )

    def _volume(self, volume: v1.Volume) -> Ready | VolumeTrouble:
        if volume.host_path is not None:
            protection = Protection(self.node.protected, self.mounter.table())
            return hostpath.prepare(volume.name, volume.host_path, protection, writable=self._is_written(volume.name))
        place = layout.place_of(volume)
        if place is None:
            return VolumeTrouble(message=f"cannot make volume {volume.name!r}: its kind is not supported")
        path = layout.volume(self.paths, self.uid, *place)
        if volume.nfs is not None:
            return nfs.prepare(volume.name, volume.nfs, path, self.mounter)
        if volume.empty_dir is not None:
            return emptydir.prepare(
                volume.name,
                volume.empty_dir,
                path,
                self.pod,
                self.mounter,
                memory_bytes=self.node.memory_bytes,
                in_force=self.in_force,
            )
        security = self.pod.spec.security_context
        return content.prepare(
            volume,
            self.contents[volume.name],
            path,
            layout.definition(self.paths, self.uid, *place),
            security.fs_group if security is not None else None,
            self.mounter,
            in_force=self.in_force,
        )

    def _is_written(self, name: str) -> bool:
        """Return whether a container may write the whole of a volume; parts of it are judged when they are mounted."""
        mounts = (m for c in all_containers(self.pod.spec) for m in c.volume_mounts if m.name == name)
        return any(not (mount.read_only or mount.sub_path or mount.sub_path_expr) for mount in mounts)

    def _is_shared(self, path: str) -> bool:
        return self.mounter.is_shared(Path(path))
