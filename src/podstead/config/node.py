"""The node's identity, its limits, and how its pods end with it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSettings:
    """The node's identity and limits."""

    name: str
    ip: str = ""
    """Empty: the address of the default route's interface."""
    pod_cidr: str = ""
    """Empty: a /24 of 10.88.0.0/13 that no route of the node uses, kept in state."""
    pod_names: bool = True
    """Whether pods with a network of their own find the node's pods by their names (docs/adr/0006)."""
    network_seconds: float = 30.0
    """How often forwarding is looked after: a firewall that starts later may shut pods off. One short iptables call."""
    max_pods: int = 300
    cluster_dns: tuple[str, ...] = ()
    cluster_domain: str = ""
    resolv_conf: str = "/etc/resolv.conf"
    labels: tuple[tuple[str, str], ...] = ()
    allowed_unsafe_sysctls: tuple[str, ...] = ()
    cgroup_root: str = ""
    """Empty: /podstead-<short instance id>."""
    pids_limit: int = -1
    """How many processes and threads a pod may have; -1: no limit (kubelet: podPidsLimit)."""
    single_process_oom_kill: bool = False
    """Whether the OOM killer ends one process of a container, as on cgroup v1, instead of all of them."""
    cgroup_driver: str = ""
    """systemd or cgroupfs; empty: what the runtime uses, and with a private one systemd where it runs the machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShutdownGroup:
    """Pods of this priority or above, up to the next group, and how long they have when the node goes down.

    `seconds` None: as long as their own grace periods take.
    """

    priority: int
    seconds: float | None = None


CRITICAL_LAST = (ShutdownGroup(priority=0), ShutdownGroup(priority=2_000_000_000))
"""The kubelet's two groups: system-critical pods end after all others."""
