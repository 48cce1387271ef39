"""The pods of the table as the upkeep of the node wants to see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.cgroups.layout import pod_cgroup_path
from podstead.cgroups.usage import read_usage
from podstead.k8s.containers import all_containers
from podstead.k8s.qos import qos_class
from podstead.reconcile.termination import ALIVE
from podstead.state.observed import ContainerState
from podstead.state.updates import in_use
from podstead.upkeep.ports import EvictedPod, LoggingPod, RunningPod

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from podstead.agent.pleg import Pleg
    from podstead.agent.session import PodSession
    from podstead.agent.table import PodTable
    from podstead.cgroups.tree import CgroupTree
    from podstead.identity import ContainerID, PodUID


class LoggingPods:
    """The pods for the keeper of logs."""

    def __init__(self, table: Callable[[], PodTable], pleg: Pleg) -> None:
        self._table = table
        self._pleg = pleg

    def all(self) -> Iterator[LoggingPod]:
        """Yield every incarnation that has not ended."""
        return (self._pod(session) for session in self._table().sessions())

    def one(self, uid: PodUID) -> LoggingPod | None:
        """Return an incarnation, None when it has ended."""
        session = self._table().by_uid(uid)
        return self._pod(session) if session is not None else None

    def _pod(self, session: PodSession) -> LoggingPod:
        view, record = self._pleg.view(session.uid), session.record
        may_run = [session.revision(identifier) for identifier in in_use(record)]
        names = frozenset(c.name for r in may_run if r is not None for c in all_containers(r.pod.spec))
        return LoggingPod(key=session.key, uid=session.uid, containers=view.containers, names=names, fresh=view.fresh)


class RoomPods:
    """The pods for whoever watches the node's room."""

    def __init__(self, table: Callable[[], PodTable], pleg: Pleg) -> None:
        self._table = table
        self._pleg = pleg

    def running(self) -> list[RunningPod]:
        """Return the pods that could go: something of them runs, and they are not going already."""
        found = []
        for session in self._table().sessions():
            record, view = session.record, self._pleg.view(session.uid)
            effective = session.revision(record.effective)
            ended = record.terminating or record.stopped or record.completion is not None
            going = ended or session.stray or session.preempted
            if going or effective is None or not any(c.state is ContainerState.RUNNING for c in view.containers):
                continue
            found.append(RunningPod(key=session.key, uid=session.uid, pod=effective.pod, containers=view.containers))
        return found

    def evicted(self) -> list[EvictedPod]:
        """Return the pods that went and wait to come back."""
        found = []
        for session in self._table().sessions():
            record = session.record
            effective = session.revision(record.effective)
            if record.evicted is not None and effective is not None and not record.terminating:
                pod = EvictedPod(
                    uid=session.uid, pod=effective.pod, created_at=record.created_at, eviction=record.evicted
                )
                found.append(pod)
        return found

    def is_gone(self, uid: PodUID) -> bool:
        """Return whether nothing of a pod is left in the runtime."""
        view = self._pleg.view(uid)
        return not view.sandboxes and not any(c.state in ALIVE for c in view.containers)

    def earlier_records(self) -> list[tuple[PodUID, ContainerID]]:
        """Return the ended containers that a later one of the same name has taken the place of."""
        found = []
        for session in self._table().sessions():
            view = self._pleg.view(session.uid)
            seen: set[str] = set()
            for container in view.containers:  # newest first
                if container.name in seen and container.state is ContainerState.EXITED and view.fresh:
                    found.append((session.uid, container.id))
                seen.add(container.name)
        return found


class CgroupMeter:
    """What pods use by their cgroups. Everything here blocks for some ten microseconds a file."""

    def __init__(self, tree: CgroupTree) -> None:
        self._tree = tree

    def memory(self, pod: RunningPod) -> int:
        """Return a pod's working set in bytes, 0 where it cannot be told."""
        used = read_usage(self._tree.hierarchies, self._path(pod))
        return used.memory_bytes if used is not None else 0

    def processes(self, pod: RunningPod) -> int:
        """Return how many processes a pod has."""
        return len(self._tree.pids(self._path(pod)))

    def _path(self, pod: RunningPod) -> str:
        return pod_cgroup_path(self._tree.root, qos_class(pod.pod), pod.uid)
