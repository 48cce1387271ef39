"""The text of a pod's /etc/hosts (spec/kubelet-static-pods.md 5.2). Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from podstead.k8s import core_v1 as v1
    from podstead.volumes.hostname import PodHostname

# The first line is looked for by tools that ask whether a hosts file is managed.
HEADER = "# Kubernetes-managed hosts file."
HOST_NETWORK_HEADER = "# Kubernetes-managed hosts file (host network)."
ALIASES_HEADER = "# Entries added by HostAliases."

LOOPBACK = (
    "127.0.0.1\tlocalhost",
    "::1\tlocalhost ip6-localhost ip6-loopback",
    "fe00::0\tip6-localnet",
    "fe00::0\tip6-mcastprefix",
    "fe00::1\tip6-allnodes",
    "fe00::2\tip6-allrouters",
)


def pod_network_hosts(name: PodHostname, ips: Sequence[str], aliases: Sequence[v1.HostAlias]) -> str:
    """Return the file of a pod with its own network: loopback, one line an address, aliases."""
    names = f"{name.short}.{name.domain}\t{name.short}" if name.domain else name.short
    return _text([HEADER, *LOOPBACK, *(f"{ip}\t{names}" for ip in ips)], aliases)


def host_network_hosts(node_hosts: str, aliases: Sequence[v1.HostAlias]) -> str:
    """Return the file of a pod on the host's network: a copy of the node's file, then aliases."""
    return _text([HOST_NETWORK_HEADER, node_hosts.rstrip("\n")], aliases)


def _text(lines: list[str], aliases: Sequence[v1.HostAlias]) -> str:
    if aliases:
        lines += ["", ALIASES_HEADER]
        lines += ["\t".join((alias.ip, *alias.hostnames)) for alias in aliases]
    return "\n".join(lines) + "\n"
