"""What a pod has on the node besides the runtime: volumes and directories, its cgroup, its logs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from podstead.agent.requests import sound
from podstead.cgroups.layout import QOS_DIRECTORIES, pod_cgroup_path
from podstead.errors import RuntimeFault
from podstead.k8s.containers import find_container
from podstead.k8s.qos import qos_class
from podstead.k8s.resources import pod_values, widest
from podstead.volumes.abilities import asks_for_abilities

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from podstead.cgroups.tree import CgroupTree
    from podstead.identity import PodUID
    from podstead.k8s import core_v1 as v1
    from podstead.state.records import Revision
    from podstead.volumes.abilities import MountAbilities
    from podstead.volumes.home import PodVolumes
    from podstead.volumes.mounts import Prepared


class PodHomes:
    """Prepares and removes pods' homes."""

    def __init__(
        self,
        volumes: PodVolumes,
        cgroups: CgroupTree,
        whole: Callable[[v1.Pod], v1.Pod],
        abilities: Callable[[v1.Pod], Awaitable[MountAbilities]],
        forget_logs: Callable[[PodUID], Awaitable[None]],
        pids_limit: int = 0,
    ) -> None:
        """`whole` returns a pod with what its runtime class takes beside its containers.

        `pids_limit` is how many processes a pod may have, 0 or less for no limit.
        """
        self._pids_limit = pids_limit
        self._volumes = volumes
        self._cgroups = cgroups
        self._whole = whole
        self._abilities = abilities
        self._forget_logs = forget_logs

    async def prepare(self, revision: Revision, uid: PodUID, *, in_force: bool) -> Prepared:
        """Check and make the revision's volumes; raises RuntimeFault with reason FailedMount.

        What the runtime can do is asked only for pods that need to know.
        """
        able = await self._abilities(revision.pod) if asks_for_abilities(revision.pod) else None
        return sound(await self._volumes.prepare(revision.pod, uid, able, in_force=in_force))

    async def release(self, revision: Revision, uid: PodUID, container: str) -> None:
        """Take away what was mounted on the node for a start of a container: the container has its own by now."""
        spec = find_container(revision.pod.spec, container)
        if spec is not None and (trouble := await self._volumes.release(spec, revision.pod, uid)) is not None:
            raise RuntimeFault(trouble.message, reason=trouble.reason)

    async def ready_cgroup(self, revision: Revision, uid: PodUID, beside: Sequence[Revision] = ()) -> None:
        """Make the pod's cgroup with its limits; the runtime makes its containers' below it (spec/cri.md 6)."""
        path = pod_cgroup_path(self._cgroups.root, qos_class(revision.pod), uid)
        values = widest([pod_values(self._whole(one.pod)) for one in (revision, *beside)])
        await asyncio.to_thread(self._cgroups.create, path, values, pids_limit=self._pids_limit)

    async def reset(self, uid: PodUID) -> None:
        """Remove the pod's volumes, so that fresh ones are made."""
        if (trouble := await self._volumes.reset(uid)) is not None:
            raise RuntimeFault(trouble.message, reason=trouble.reason)

    async def teardown(self, uid: PodUID) -> None:
        """Remove everything of the incarnation that the runtime does not hold.

        Its directory goes last: as long as it is there, what has the same uid is known to be ours.
        """
        await self._forget_logs(uid)
        await asyncio.to_thread(self._remove_cgroups, uid)
        if (trouble := await self._volumes.teardown(uid)) is not None:
            raise RuntimeFault(trouble.message, reason=trouble.reason)

    def _remove_cgroups(self, uid: PodUID) -> None:
        """Remove them with what the runtime has left in them, as the kubelet does.

        Its containers are gone by now. But of a start that was cut off by the agent's death the OCI runtime's own process
        may wait in a cgroup for ever (`runc init`, with containerd 2.1).
        """
        for qos in QOS_DIRECTORIES:
            path = pod_cgroup_path(self._cgroups.root, qos, uid)
            if self._cgroups.remove(path):
                continue
            self._cgroups.kill(path)
            if not self._cgroups.remove(path):
                raise RuntimeFault(f"cannot remove cgroup {path}: a process is still in it", reason="FailedRemoval")
