"""Which cgroup hierarchies this machine has: v2 alone, or v1 controllers with or without a v2 beside them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_OCTAL = re.compile(r"\\([0-7]{3})")

V1_CONTROLLERS = frozenset(
    {"blkio", "cpu", "cpuacct", "cpuset", "devices", "freezer", "hugetlb", "memory", "net_cls", "net_prio"}
    | {"perf_event", "pids", "rdma", "misc"}
)
"""Mount options of cgroup v1 that name a controller (cgroups(7)); the others are flags."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hierarchy:
    """One mounted cgroup tree. `controllers` is empty for v2 (each cgroup tells its own) and for named v1 trees."""

    mount: Path
    controllers: frozenset[str] = frozenset()
    unified: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Hierarchies:
    """Everything that is mounted."""

    trees: tuple[Hierarchy, ...]

    @property
    def version(self) -> int:
        """1 where v1 controllers are mounted, with or without a v2 tree beside them; else 2."""
        return 1 if any(not tree.unified for tree in self.trees) else 2

    def of(self, controller: str) -> Hierarchy | None:
        """Return the v1 tree of a controller, or None."""
        return next((tree for tree in self.trees if controller in tree.controllers), None)

    @property
    def unified(self) -> Hierarchy | None:
        """The v2 tree, or None."""
        return next((tree for tree in self.trees if tree.unified), None)


def parse_hierarchies(mountinfo: str) -> Hierarchies:
    """Decode the cgroup mounts of /proc/self/mountinfo; a tree mounted twice counts once, where it was first."""
    trees: dict[tuple[bool, frozenset[str], str], Hierarchy] = {}
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        fields, behind = left.split(" "), right.split(" ")
        if len(fields) < 6 or len(behind) < 3 or behind[0] not in {"cgroup", "cgroup2"}:
            continue
        options = behind[2].split(",")
        unified = behind[0] == "cgroup2"
        controllers = frozenset() if unified else V1_CONTROLLERS.intersection(options)
        name = next((option for option in options if option.startswith("name=")), "")
        mount = Path(_OCTAL.sub(lambda match: chr(int(match.group(1), 8)), fields[4]))
        tree = Hierarchy(mount=mount, controllers=controllers, unified=unified)
        trees.setdefault((unified, controllers, name), tree)
    return Hierarchies(trees=tuple(trees.values()))


def read_hierarchies() -> Hierarchies:
    """Return this machine's cgroup trees."""
    return parse_hierarchies(Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape"))
