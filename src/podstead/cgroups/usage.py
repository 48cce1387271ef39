"""Reads what a cgroup uses, from its files: 20 times cheaper than asking the runtime (spec/cri.md 6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from podstead.cgroups.hierarchy import Hierarchies


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Used so far and now."""

    cpu_nanoseconds: int
    """CPU time since the cgroup was made."""
    memory_bytes: int
    """Working set: used memory without the file cache that can be dropped at once, as the kubelet counts it."""


def read_usage(hierarchies: Hierarchies, path: str) -> Usage | None:
    """Return a cgroup's usage, or None if it is not there or this machine does not count both."""
    relative = path.strip("/")
    try:
        if hierarchies.version == 1:
            cpu, memory = hierarchies.of("cpuacct"), hierarchies.of("memory")
            if cpu is None or memory is None:
                return None
            return _read_v1(cpu.mount / relative, memory.mount / relative)
        unified = hierarchies.unified
        return None if unified is None else _read_v2(unified.mount / relative)
    except (OSError, KeyError):
        return None  # the cgroup went meanwhile, or lacks a controller


def _read_v1(cpu: Path, memory: Path) -> Usage:
    used = int((memory / "memory.usage_in_bytes").read_text(encoding="ascii"))
    inactive = _table(memory / "memory.stat")["total_inactive_file"]
    return Usage(
        cpu_nanoseconds=int((cpu / "cpuacct.usage").read_text(encoding="ascii")),
        memory_bytes=max(0, used - inactive),
    )


def _read_v2(directory: Path) -> Usage:
    used = int((directory / "memory.current").read_text(encoding="ascii"))
    inactive = _table(directory / "memory.stat")["inactive_file"]
    return Usage(
        cpu_nanoseconds=_table(directory / "cpu.stat")["usage_usec"] * 1000,
        memory_bytes=max(0, used - inactive),
    )


def _table(file: Path) -> dict[str, int]:
    lines = (line.split() for line in file.read_text(encoding="ascii").splitlines())
    return {words[0]: int(words[1]) for words in lines if len(words) == 2}
