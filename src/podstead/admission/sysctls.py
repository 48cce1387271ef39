"""Which kernel parameters a pod may set (spec/kubelet-static-pods.md 5.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.k8s.sysctls import dotted
from podstead.state.desired import Blocked

if TYPE_CHECKING:
    from podstead.k8s import core_v1 as v1

FORBIDDEN = "SysctlForbidden"
SAFE = frozenset(
    {
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ping_group_range",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.tcp_wmem",
    }
)
"""They have a value for each namespace and harm nobody outside it."""

_IPC_PREFIXES = ("kernel.shm", "kernel.msg", "fs.mqueue.")
_IPC_NAMES = frozenset({"kernel.sem"})
_NET_PREFIX = "net."


def forbidden(pod: v1.Pod, allowed_unsafe: tuple[str, ...]) -> Blocked | None:
    """Return why the pod may not set one of its sysctls; None when it may.

    `allowed_unsafe` are names, or beginnings of names that end in `*`.
    """
    context = pod.spec.security_context
    for sysctl in context.sysctls if context is not None else ():
        name = dotted(sysctl.name)
        if sentence := _refusal(name, pod, allowed_unsafe):
            return Blocked(reason=FORBIDDEN, message=sentence)
    return None


def _refusal(name: str, pod: v1.Pod, allowed_unsafe: tuple[str, ...]) -> str:
    is_ipc = name.startswith(_IPC_PREFIXES) or name in _IPC_NAMES
    is_net = name.startswith(_NET_PREFIX)
    if name not in SAFE and not any(_pattern_matches(pattern, name) for pattern in allowed_unsafe):
        return f"sysctl {name} is not in the safe set; the node's operator can allow it with allowedUnsafeSysctls"
    if not is_ipc and not is_net:
        return f"sysctl {name} has one value for the whole node: set it on the node, not in a pod"
    if is_net and pod.spec.host_network:
        return f"sysctl {name} would change the node's own network, as the pod sets hostNetwork"
    if is_ipc and pod.spec.host_ipc:
        return f"sysctl {name} would change the node's own IPC, as the pod sets hostIPC"
    return ""


def _pattern_matches(pattern: str, name: str) -> bool:
    pattern = dotted(pattern)
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern
