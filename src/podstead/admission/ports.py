"""Host ports: what a pod binds on the node, and which two cannot be bound at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.k8s.containers import standing_containers
from podstead.state.desired import Blocked

if TYPE_CHECKING:
    from collections.abc import Iterable

    from podstead.k8s import core_v1 as v1

NODE_PORTS = "NodePorts"
_EVERY_ADDRESS = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - compared, not bound


@dataclass(frozen=True, slots=True, order=True)
class HostPort:
    """A port of the node; `address` is empty for every address."""

    port: int
    protocol: str
    address: str

    def __str__(self) -> str:
        return f"{self.address or '*'}:{self.port}/{self.protocol}"

    def conflicts_with(self, other: HostPort) -> bool:
        """Return whether the two cannot be bound at the same time."""
        if (self.port, self.protocol) != (other.port, other.protocol):
            return False
        return not self.address or not other.address or self.address == other.address


def host_ports(pod: v1.Pod) -> frozenset[HostPort]:
    """Return the ports of the node that a defaulted pod binds.

    A pod on the host's network binds its container ports there. Init containers other than sidecars do not count:
    they have ended when the pod runs (kube-scheduler's NodePorts leaves them out too).
    """
    found: set[HostPort] = set()
    for container in standing_containers(pod.spec):
        for port in container.ports:
            number = port.host_port or (port.container_port if pod.spec.host_network else 0)
            if number:
                address = "" if (port.host_ip or "") in _EVERY_ADDRESS else port.host_ip or ""
                found.add(HostPort(port=number, protocol=port.protocol or "TCP", address=address))
    return frozenset(found)


def stolen(pod: v1.Pod, held: Iterable[HostPort], listening: Iterable[HostPort]) -> Blocked | None:
    """Return why a pod must wait whose host ports would take the traffic of a program of the node.

    A host port of a pod with a network of its own is a redirection, which wins over any listener: `hostPort: 22` would
    lock the operator out (tried). `held` are the ports that the pod has already. On the host's network the pod's own
    program binds, and fails by itself; what listens there may be that very program.
    """
    if pod.spec.host_network:
        return None
    taken = sorted(
        port for port in host_ports(pod) - frozenset(held) if any(port.conflicts_with(other) for other in listening)
    )
    if not taken:
        return None
    ports = ", ".join(map(str, taken))
    return Blocked(
        reason=NODE_PORTS, message=f"host port {ports} is used by a program of the node: stop it, or choose another"
    )
