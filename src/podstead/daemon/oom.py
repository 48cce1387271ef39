"""Says of a container's end whether it ran out of memory, and tells it as an Event."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from podstead.cgroups.oom import OomKills
from podstead.k8s.containers import find_container

if TYPE_CHECKING:
    from podstead.agent.table import PodTable
    from podstead.daemon.ground import Ground
    from podstead.identity import PodUID
    from podstead.state.observed import ObservedContainer

OOM_KILLED = "OOMKilled"
KILLED = 128 + signal.SIGKILL
NANOSECONDS = 1_000_000_000


class OutOfMemory:
    """The runtime's word counts; where it knows only of a SIGKILL, the kernel's counts are asked."""

    def __init__(self, ground: Ground, table: PodTable) -> None:
        self._table = table
        self._recorder = ground.recorder
        self._since = int(ground.state.started_at * NANOSECONDS)
        self._kills = OomKills(ground.cgroups)

    def reason(self, ended: ObservedContainer) -> str:
        """Return why a container ended; call once for each end."""
        if ended.exit_code != KILLED:
            return ended.reason
        killed = self._kills.take(ended.uid)
        reason = OOM_KILLED if killed else ended.reason
        if reason == OOM_KILLED and ended.finished_at >= self._since:  # an end of before was told by an earlier agent
            self._tell(ended)
        return reason

    def forget(self, uid: PodUID) -> None:
        """Drop what is known of a pod that has ended."""
        self._kills.forget(uid)

    def _tell(self, ended: ObservedContainer) -> None:
        session = self._table.by_uid(ended.uid)
        if session is None:
            return
        revision = session.revision(ended.revision)
        spec = find_container(revision.pod.spec, ended.name) if revision is not None else None
        limit = spec.resources.limits.get("memory") if spec is not None and spec.resources is not None else None
        of_what = f"its memory limit is {limit}" if limit else "it has no memory limit of its own"
        text = f"Container {ended.name} was killed because memory ran out: {of_what}"
        self._recorder.event(session.key, ended.uid, OOM_KILLED, text, warning=True)
