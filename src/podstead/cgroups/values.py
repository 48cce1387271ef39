"""Limits as the files of a cgroup; pure. Values come in cgroup v1's words (`k8s.resources.CgroupValues`)."""

from __future__ import annotations

from dataclasses import dataclass

from podstead.k8s.resources import CgroupValues

MIN_SHARES, MAX_SHARES = 2, 262144
SHARES_PER_CPU = 1024
MIN_WEIGHT, DEFAULT_WEIGHT, MAX_WEIGHT = 1, 100, 10_000
"""Bounds of cpu.weight; every cgroup that nobody gave one has the default (cgroup-v2.rst)."""
DEFAULT_PERIOD_US = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CgroupFile:
    """One write: `controller` must be there, `name` is the file, `text` its content."""

    controller: str
    name: str
    text: str


def cpu_weight(shares: int) -> int:
    """Return cpu.weight (1 to 10000) for cpu.shares (2 to 262144), as the kubelet converts (KEP-2254).

    runc before 1.3.2 and crun before 1.23 convert alike; newer ones give one core 102, not 39. That changes nothing
    between pods: only cgroups of one parent are weighed against each other, and all pods have theirs from here.
    """
    bounded = min(MAX_SHARES, max(MIN_SHARES, shares))
    return 1 + (bounded - MIN_SHARES) * 9999 // (MAX_SHARES - MIN_SHARES)


def v1_files(values: CgroupValues, pids_limit: int = 0) -> tuple[CgroupFile, ...]:
    """Return the writes for cgroup v1; 0 means no limit, and a limit that was there before is lifted."""
    return (
        CgroupFile(controller="cpu", name="cpu.shares", text=str(values.shares)),
        # The period first: a quota that was right for the old period may be refused with the new one.
        CgroupFile(controller="cpu", name="cpu.cfs_period_us", text=str(values.period or DEFAULT_PERIOD_US)),
        CgroupFile(controller="cpu", name="cpu.cfs_quota_us", text=str(values.quota or -1)),
        CgroupFile(controller="memory", name="memory.limit_in_bytes", text=str(values.memory_limit or -1)),
        CgroupFile(controller="pids", name="pids.max", text=str(pids_limit) if pids_limit > 0 else "max"),
    )


def root_values(cpus: int) -> CgroupValues:
    """Return what all pods together have on a machine of so many CPUs: their weight, and no limit."""
    return CgroupValues(shares=max(SHARES_PER_CPU, cpus * SHARES_PER_CPU), quota=0, period=0, memory_limit=0)


def least_of(name: str) -> int:
    """Return the kernel's smallest value of cpu.shares or cpu.weight."""
    return MIN_SHARES if name == "cpu.shares" else MIN_WEIGHT


def v2_files(values: CgroupValues, pids_limit: int = 0, least_weight: int = MIN_WEIGHT) -> tuple[CgroupFile, ...]:
    """Return the writes for cgroup v2; 0 means no limit."""
    period = values.period or DEFAULT_PERIOD_US
    return (
        CgroupFile(controller="cpu", name="cpu.weight", text=str(max(least_weight, cpu_weight(values.shares)))),
        CgroupFile(controller="cpu", name="cpu.max", text=f"{values.quota or 'max'} {period}"),
        CgroupFile(controller="memory", name="memory.max", text=str(values.memory_limit or "max")),
        CgroupFile(controller="pids", name="pids.max", text=str(pids_limit) if pids_limit > 0 else "max"),
    )
