"""Volumes as this node has them: what they may not reach, what bounds them, and what the runtime can mount."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from podstead.cri.transport import socket_path
from podstead.daemon.abilities import abilities
from podstead.daemon.node import allocatable_texts
from podstead.volumes.abilities import MountAbilities, abilities_of
from podstead.volumes.home import PodVolumes
from podstead.volumes.making import VolumeNode
from podstead.volumes.mounter import SystemMounter
from podstead.volumes.payload import ContentSources

if TYPE_CHECKING:
    from podstead.config import Settings
    from podstead.daemon.parts import Ground
    from podstead.k8s import core_v1 as v1
    from podstead.state.objects import ObjectLookup


def pod_volumes(ground: Ground, objects: ObjectLookup) -> PodVolumes:
    """Return what makes the pods' volumes."""
    node = VolumeNode(
        sources=ContentSources(
            objects=objects,
            allocatable=allocatable_texts(ground.machine),
            directory=str(ground.settings.objects.path) if ground.settings.objects is not None else "",
        ),
        protected=tuple(guarded(ground.settings)),
        memory_bytes=ground.machine.memory_bytes,
    )
    return PodVolumes(ground.settings.paths, SystemMounter(), node)


async def mount_abilities(ground: Ground, pod: v1.Pod) -> MountAbilities:
    """Return what the runtime can mount for a pod; raises RuntimeFault where it was never asked and does not answer."""
    connection = ground.connection
    private = connection.mends is not None and connection.mends.private_mounts
    info = ground.state.last_runtime or await connection.client.info()
    handler = abilities(ground).classes.handler(pod.spec) or ""
    return abilities_of(info, handler, private_mounts=private)


def guarded(settings: Settings) -> list[Path]:
    """Return what no pod may mount: with any of it a container could make itself root of the node."""
    paths, credentials, endpoint = settings.paths, settings.images.credentials_file, settings.runtime.endpoint
    return [
        paths.root,
        paths.run,
        paths.socket,
        *([settings.runtime.seccomp_root] if settings.runtime.seccomp_root is not None else ()),
        *([settings.source.path] if settings.source is not None else ()),
        *([settings.objects.path] if settings.objects is not None else ()),
        *settings.files,
        *([Path(credentials)] if credentials else ()),
        *([Path(socket_path(endpoint))] if endpoint else ()),
    ]
