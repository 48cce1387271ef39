"""Renders the CNI configuration of an instance's pod network; pure.

A bridge of our own, addresses from the instance's CIDR, masquerading out, host ports. containerd brings the loopback
interface of a sandbox up itself. The plugins are those of the CNI project, release 0.9 or later.
"""

from __future__ import annotations

import ipaddress
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead import whole_files
from podstead.errors import OperatorError

if TYPE_CHECKING:
    from pathlib import Path

CNI_VERSION = "0.4.0"
"""The newest that every supported plugin and containerd version speaks; 1.0.0 adds nothing that we use."""
MAX_INTERFACE_NAME = 15
"""IFNAMSIZ less its final zero (netdevice(7))."""
MIN_ADDRESSES = 8
"""A smaller network has room for the bridge and five pods at most: surely a mistake."""
CONFLIST_NAME = "10-podstead.conflist"


@dataclass(frozen=True, slots=True, kw_only=True)
class PodNetwork:
    """The pod network of one instance."""

    name: str
    """CNI network name: results of all containerds of a machine share /var/lib/cni, so it must be unique there."""
    bridge: str
    """Interface name of the bridge."""
    cidr: ipaddress.IPv4Network
    leases: Path
    """Where host-local keeps which address is whose, over restarts."""
    mtu: int = 0
    """0: the kernel's default."""

    @property
    def gateway(self) -> ipaddress.IPv4Address:
        """The bridge's own address, the first of the network."""
        return self.cidr[1]


def pod_network(short_id: str, cidr: str, directory: Path, *, mtu: int = 0) -> PodNetwork:
    """Return the network of the instance `short_id`; `directory` is ROOT/network.

    Raises:
        OperatorError: `cidr` is no IPv4 network or too small.
    """
    try:
        network = ipaddress.IPv4Network(cidr)
    except ValueError as error:
        raise OperatorError(
            f"cannot use --pod-cidr {cidr!r}: {error}; write an IPv4 network, such as 10.88.7.0/24"
        ) from error
    if network.num_addresses < MIN_ADDRESSES:
        raise OperatorError(
            f"cannot use --pod-cidr {cidr}: it has {network.num_addresses} addresses; write a /24 or larger"
        )
    bridge = f"pods-{short_id}"[:MAX_INTERFACE_NAME]
    return PodNetwork(name=f"podstead-{short_id}", bridge=bridge, cidr=network, leases=directory / "leases", mtu=mtu)


def render_conflist(network: PodNetwork) -> str:
    """Return the text of the conflist file."""
    bridge: dict[str, object] = {
        "type": "bridge",
        "bridge": network.bridge,
        "isGateway": True,
        "ipMasq": True,
        # A pod that calls its own hostPort comes back through the port it left by.
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "dataDir": str(network.leases),
            "ranges": [[{"subnet": str(network.cidr), "gateway": str(network.gateway)}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    if network.mtu:
        bridge["mtu"] = network.mtu
    # snat: calls from the host's own loopback address, and from a pod to its own hostPort, find their way back.
    portmap = {"type": "portmap", "capabilities": {"portMappings": True}, "snat": True}
    conflist = {"cniVersion": CNI_VERSION, "name": network.name, "plugins": [bridge, portmap]}
    return json.dumps(conflist, indent=2) + "\n"


def write_conflist(network: PodNetwork, directory: Path) -> None:
    """Write the conflist into containerd's conf_dir, at once or not at all.

    containerd watches the directory; a file that changes counts for sandboxes made later.
    """
    text = render_conflist(network)
    target = directory / CONFLIST_NAME
    if target.is_file() and target.read_text(encoding="utf-8") == text:
        return
    directory.mkdir(parents=True, exist_ok=True)
    # Until it is whole its name ends in .new: CNI reads *.conf, *.conflist and *.json only.
    whole_files.write(target, text.encode(), mode=0o644, durable=False)


def written_cidr(directory: Path) -> str:
    """Return the network of the conflist in containerd's conf_dir, empty where none can be read.

    It is where the pods' addresses can be found again when the instance's own memory of them is lost.
    """
    try:
        conflist = json.loads((directory / CONFLIST_NAME).read_text(encoding="utf-8"))
        return str(ipaddress.IPv4Network(conflist["plugins"][0]["ipam"]["ranges"][0][0]["subnet"]))
    except (OSError, ValueError, LookupError, TypeError):
        return ""
