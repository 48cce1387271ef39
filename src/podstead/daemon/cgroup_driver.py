"""Which cgroup driver a node works with: the runtime's, the configured one, or what fits the machine.

The private containerd is configured for what is chosen here. Another runtime has its own, and a driver that is not
its own would give pods limits that nobody holds.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.cgroups.hierarchy import read_hierarchies
from podstead.cgroups.layout import Driver, both_roots, driver_of, root_for
from podstead.cgroups.systemd import has_systemd
from podstead.cgroups.tree import UNIFIED, CgroupTree
from podstead.errors import OperatorError, RuntimeFault

if TYPE_CHECKING:
    from podstead.cgroups.hierarchy import Hierarchies
    from podstead.cri.client import CRIClient
    from podstead.daemon.network import Say

log = logging.getLogger(__name__)

KEPT = "CgroupDriverKept"
DIFFERS = "CgroupDriverDiffers"


def why_not_systemd(hierarchies: Hierarchies, booted: bool) -> str:
    """Return why systemd cannot make pods' cgroups here; empty where it can."""
    if not booted:
        return "systemd does not run this machine"
    return "" if hierarchies.version == UNIFIED else "this machine has cgroup v1, and slices are made on v2 alone"


def private_roots(root: str, wanted: str, say: Say | None = None) -> tuple[str, str]:
    """Return the pods' cgroup root for a private containerd, and the one to fall back on, or an empty one. Blocking.

    `root` is the one of cgroupfs, `wanted` the configured driver. What runs decides first: a sandbox keeps its place for
    life, so another driver counts when no pod runs any more. Where systemd is asked for and is not there, the command
    line of a kubelet that was copied still works: `say` is told.
    """
    hierarchies = read_hierarchies()
    why_not = why_not_systemd(hierarchies, has_systemd())
    if wanted == Driver.SYSTEMD and why_not:
        _tell(say, DIFFERS, f"the cgroup driver is cgroupfs, not systemd as configured: {why_not}")
        wanted = ""
    usual = Driver(wanted) if wanted else Driver.CGROUPFS if why_not else Driver.SYSTEMD
    busy = _busy(root, hierarchies)
    if busy and root_for(root, usual) not in busy:
        kept = driver_of(busy[0])
        text = (
            f"pods run with the cgroup driver {kept}, which stays: {usual} counts after 'podstead stop-all' or a reboot"
        )
        _tell(say if wanted else None, KEPT, text)
        return busy[0], ""
    fallback = root if usual is Driver.SYSTEMD and not wanted and not busy else ""
    return root_for(root, usual), fallback


def _busy(root: str, hierarchies: Hierarchies) -> list[str]:
    """Return the roots that pods run in. Blocking."""
    return [one for one in both_roots(root) if CgroupTree(one, hierarchies).pids(one)]


def _tell(say: Say | None, reason: str, text: str) -> None:
    log.info("%s", text)
    if say is not None:
        say(reason, text)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignRoot:
    """Where the pods' cgroups lie with a runtime of somebody else's."""

    root: str
    told: Driver | None
    """The driver, if the runtime itself has named it just now."""


async def foreign_root(root: str, wanted: str, client: CRIClient, say: Say, *, known: str | None = None) -> ForeignRoot:
    """Return the pods' cgroup root for a runtime of somebody else's: its driver counts, whatever is configured.

    A runtime that does not tell (containerd before 2.0, unless its status does) gets the configured driver, else
    cgroupfs, the kubelet's default. Of one that is away the driver of pods that run is taken, else `known`, which the
    same runtime told an earlier agent.

    Raises:
        OperatorError: the runtime's driver is systemd and does not work with this machine's cgroups, or the runtime is
            away and either driver may be its own: with the wrong one no pod would start.
    """
    hierarchies = await asyncio.to_thread(read_hierarchies)
    why_not = why_not_systemd(hierarchies, has_systemd())
    named: str | None = None
    try:
        told = named = await client.cgroup_driver()
    except RuntimeFault as fault:
        log.info("the runtime does not tell its cgroup driver yet: %s", fault)
        busy = await asyncio.to_thread(_busy, root, hierarchies)
        told = driver_of(busy[0]) if busy else known
        if fault.transient and not (told or wanted or why_not):
            raise OperatorError(
                f"no container runtime answers ({fault}), so its cgroup driver is not known:"
                " start the runtime first, or name the driver with --cgroup-driver"
            ) from fault
    if told is not None and wanted and told != wanted:
        say(DIFFERS, f"the runtime's cgroup driver is {told}, which counts; cgroupDriver {wanted} is not used")
    driver = Driver(told or wanted or Driver.CGROUPFS)
    if driver is Driver.SYSTEMD and why_not:
        raise OperatorError(f"cannot work with the runtime's cgroup driver systemd: {why_not}")
    return ForeignRoot(root=root_for(root, driver), told=Driver(named) if named else None)
