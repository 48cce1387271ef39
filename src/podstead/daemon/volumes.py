"""Volumes as this node has them: what they may not reach, what bounds them, and what the runtime can mount."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from podstead.daemon.abilities import abilities
from podstead.daemon.node import allocatable_texts
from podstead.daemon.self_protection import protected
from podstead.errors import PodsteadError
from podstead.k8s.containers import all_containers, find_container
from podstead.k8s.volumes import used_volumes, uses
from podstead.state.observed import ContainerState
from podstead.volumes.abilities import MountAbilities, abilities_of
from podstead.volumes.home import PodVolumes
from podstead.volumes.making import VolumeNode
from podstead.volumes.mounter import SystemMounter
from podstead.volumes.payload import ContentSources

if TYPE_CHECKING:
    from podstead.agent.home import PodHomes
    from podstead.agent.pleg import Pleg
    from podstead.agent.session import PodSession
    from podstead.agent.table import PodTable
    from podstead.clock import Clock
    from podstead.daemon.ground import Ground
    from podstead.identity import PodUID
    from podstead.k8s import core_v1 as v1
    from podstead.state.objects import ObjectLookup
    from podstead.volumes.leads import Moved

log = logging.getLogger(__name__)

TIDY_SECONDS = 30.0
"""How soon the space of a volume that was edited out is given back."""
TIDIES_PER_LOOK = 20
"""How often that is done before directories of forgotten pods are looked for again: those appear at starts only."""


def pod_volumes(ground: Ground, objects: ObjectLookup, moved: Moved) -> PodVolumes:
    """Return what makes the pods' volumes; `moved` is asked about paths of the node that lead elsewhere than at first."""
    node = VolumeNode(
        sources=ContentSources(
            objects=objects,
            allocatable=allocatable_texts(ground.machine),
            directory=str(ground.settings.objects.path) if ground.settings.objects is not None else "",
        ),
        protected=protected(ground.settings),
        moved=moved,
        memory_bytes=ground.machine.memory_bytes,
    )
    return PodVolumes(ground.settings.paths, SystemMounter(), node)


class VolumeKeeper:
    """Removes volumes that nobody uses any more: of edits that took them out, and of pods that nothing else remembers."""

    def __init__(self, clock: Clock, volumes: PodVolumes, homes: PodHomes, table: PodTable, pleg: Pleg) -> None:
        self._clock = clock
        self._volumes = volumes
        self._homes = homes
        self._table = table
        self._pleg = pleg
        self._tidied: dict[PodUID, tuple[v1.Volume, ...]] = {}

    async def run(self) -> None:
        """Look now and then, for ever; call when the table of pods is filled."""
        await self._drop_host_paths()
        while True:
            await self._drop_leftovers()
            for _ in range(TIDIES_PER_LOOK):
                await self._clock.sleep(TIDY_SECONDS)
                for session in list(self._table.sessions()):
                    await self._tidy(session)

    async def _drop_leftovers(self) -> None:
        """Remove what is left of incarnations that ended while no agent could remove it: logs and cgroups too.

        A pod's directory is the mark by which everything else of its uid is known to be ours (foundation 1); it goes last.
        """
        for uid in await self._volumes.leftovers(lambda uid: self._table.by_uid(uid) is not None):
            try:
                await self._homes.teardown(uid)
            except (PodsteadError, ValueError) as error:
                log.warning("what pod %s left on the node stays: %s", uid, error)
            else:
                log.warning("what pod %s left on the node was removed", uid)

    async def _drop_host_paths(self) -> None:
        """Unmount the paths of the node that an agent which died in the middle of a start has left mounted.

        A container that was created and not started yet needs them; its start makes them anew and lets them go.
        """
        for session in list(self._table.sessions()):
            revision = session.revision(session.record.effective)
            created = any(c.state is ContainerState.CREATED for c in self._pleg.view(session.uid).containers)
            if revision is None or created or session.flights:
                continue
            for container in all_containers(revision.pod.spec):
                if (trouble := await self._volumes.release(container, revision.pod, session.uid)) is not None:
                    log.warning("pod %s: %s", session.key, trouble.message)

    async def _tidy(self, session: PodSession) -> None:
        """Remove the volumes that no content in force or waiting uses and no running container, when those change."""
        used = self._used(session)
        if used is None or self._tidied.get(session.uid) == used:
            return
        trouble = await self._volumes.tidy(session.uid, lambda: self._used(session))
        if trouble is not None:
            log.warning("unused volumes of pod %s stay: %s", session.key, trouble.message)
        self._tidied = {s.uid: self._tidied[s.uid] for s in self._table.sessions() if s.uid in self._tidied}
        self._tidied[session.uid] = used

    def _used(self, session: PodSession) -> tuple[v1.Volume, ...] | None:
        """Return the volumes in use, None where that cannot be told: a revision is lost, or the runtime away."""
        view = self._pleg.view(session.uid)
        found: list[v1.Volume] = []
        for identifier in (session.record.effective, session.record.candidate):
            revision = session.revision(identifier)
            if identifier is not None and revision is None:
                return None
            found += used_volumes(revision.pod) if revision is not None else ()
        for container in view.containers:
            if container.state is not ContainerState.EXITED:
                made_by = session.revision(container.revision)
                spec = find_container(made_by.pod.spec, container.name) if made_by is not None else None
                if made_by is None or spec is None:
                    return None
                found += [volume for volume in made_by.pod.spec.volumes if uses(spec, volume.name)]
        return tuple(found) if view.fresh else None


async def mount_abilities(ground: Ground, pod: v1.Pod) -> MountAbilities:
    """Return what the runtime can mount for a pod; raises RuntimeFault where it was never asked and does not answer."""
    connection = ground.connection
    private = connection.mends is not None and connection.mends.private_mounts
    info = ground.state.last_runtime or await connection.client.info()
    handler = abilities(ground).classes.handler(pod.spec) or ""
    return abilities_of(info, handler, private_mounts=private)
