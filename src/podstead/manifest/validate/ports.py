"""Rules for container ports."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from podstead.k8s import core_v1 as v1
from podstead.k8s import names
from podstead.manifest.validate.findings import quoted

if TYPE_CHECKING:
    from podstead.manifest.validate.findings import Findings

PORT_MAX = 65535
PROTOCOLS = ("TCP", "UDP", "SCTP")

HostPort = tuple[str, str, int]
"""Protocol, host address and host port: what two regular containers of a pod cannot both have."""


def validate_ports(container: v1.Container, path: str, found: Findings, *, host_network: bool) -> None:
    """Judge the ports of one container, each by itself and their names together."""
    seen: set[str] = set()
    for index, port in enumerate(container.ports):
        here = f"{path}.ports[{index}]"
        if port.container_port == 0:
            found.required(f"{here}.containerPort", f"expected a number from 1 to {PORT_MAX}")
        else:
            found.within(f"{here}.containerPort", port.container_port, 1, PORT_MAX)
        if port.host_port:
            found.within(f"{here}.hostPort", port.host_port, 1, PORT_MAX)
            if host_network and port.host_port != port.container_port:
                found.invalid(
                    f"{here}.hostPort",
                    f"got {port.host_port}, must equal containerPort {port.container_port} with hostNetwork; remove it",
                )
        found.one_of(f"{here}.protocol", port.protocol, PROTOCOLS)
        if port.host_ip and not is_ip(port.host_ip):
            found.invalid(f"{here}.hostIP", f"got {quoted(port.host_ip)}, expected an IPv4 or IPv6 address")
        if port.name:
            found.named(f"{here}.name", port.name, names.port_name(port.name))
            if port.name in seen:
                found.duplicate(f"{here}.name", f"{quoted(port.name)} names another port of this container already")
            seen.add(port.name)


def validate_host_ports(container: v1.Container, path: str, taken: set[HostPort], found: Findings) -> None:
    """Refuse a host port that is in `taken`, and add this container's."""
    for index, port in enumerate(container.ports):
        if not port.host_port:
            continue
        wanted = (port.protocol or "TCP", port.host_ip or "", port.host_port)
        if wanted in taken:
            found.duplicate(
                f"{path}.ports[{index}].hostPort",
                f"{wanted[0]} port {port.host_port} of the node is taken by another port of this pod",
            )
        taken.add(wanted)


def is_ip(text: str) -> bool:
    """Return whether a text is an IP address without a zone."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text
