"""Counts the OOM killer's work in pods' cgroups, v2 only: there containerd often misses who was killed.

It watches a container's own cgroup, which goes with its last process; memory.events of the pod's cgroup also counts
what happened below it, and stays (cgroup-v2.rst).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.cgroups.layout import QOS_DIRECTORIES, pod_cgroup_path

if TYPE_CHECKING:
    from podstead.cgroups.tree import CgroupTree

GROUPS = "oom_group_kill"
"""How many cgroups were killed as a whole (Linux 5.17)."""
PROCESSES = "oom_kill"


class OomKills:
    """What of the kernel's counts is told already. Blocks for some ten microseconds a question."""

    def __init__(self, tree: CgroupTree) -> None:
        """What has been counted by now is taken for told."""
        self._tree = tree
        self._told = {path: self._count(path) for path in tree.pod_paths()}

    def take(self, uid: str) -> bool:
        """Return whether a container of this pod was killed that no earlier answer has told of.

        Where containers are killed as a whole each death is told once; where processes are, all that were counted
        together are told as one.
        """
        paths = (pod_cgroup_path(self._tree.root, qos, uid) for qos in QOS_DIRECTORIES)
        found = {path: count for path in paths if (count := self._count(path)) != (0, 0)}
        for path, (groups, processes) in found.items():
            told = self._told.get(path, (0, 0))
            if groups > told[0]:
                self._told[path] = (told[0] + 1, processes)
                return True
            if processes > told[1]:
                self._told[path] = (groups, processes)
                return True
        return False

    def forget(self, uid: str) -> None:
        """Drop what is known of a pod that has ended."""
        for qos in QOS_DIRECTORIES:
            self._told.pop(pod_cgroup_path(self._tree.root, qos, uid), None)

    def _count(self, path: str) -> tuple[int, int]:
        """Return groups and processes killed in a cgroup and below it."""
        unified = self._tree.hierarchies.unified
        if unified is None or self._tree.hierarchies.version == 1:
            return 0, 0
        try:
            text = (unified.mount / path.lstrip("/") / "memory.events").read_text(encoding="ascii")
        except OSError:
            return 0, 0  # gone, or without the memory controller
        table = dict(line.split(" ", 1) for line in text.splitlines() if " " in line)
        return int(table.get(GROUPS, 0)), int(table.get(PROCESSES, 0))
