"""The text of a pod's /etc/hosts (spec/kubelet-static-pods.md 5.2), and what is renewed in it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from podstead.k8s import core_v1 as v1
    from podstead.volumes.hostname import PodHostname
    from podstead.volumes.neighbours import Names

# The first line is looked for by tools that ask whether a hosts file is managed.
HEADER = "# Kubernetes-managed hosts file."
HOST_NETWORK_HEADER = "# Kubernetes-managed hosts file (host network)."
ALIASES_HEADER = "# Entries added by HostAliases."
NEIGHBOURS_BEGIN = "# Pods of this node; podstead keeps this part up to date."
NEIGHBOURS_END = "# End of the pods of this node."

LOOPBACK = (
    "127.0.0.1\tlocalhost",
    "::1\tlocalhost ip6-localhost ip6-loopback",
    "fe00::0\tip6-localnet",
    "fe00::0\tip6-mcastprefix",
    "fe00::1\tip6-allnodes",
    "fe00::2\tip6-allrouters",
)


def pod_network_hosts(
    name: PodHostname, ips: Sequence[str], aliases: Sequence[v1.HostAlias], neighbours: Names | None = None
) -> str:
    """Return the file of a pod with its own network: loopback, one line an address, aliases, the node's other pods.

    Without `neighbours` the node's pods have no part in it.
    """
    names = f"{name.short}.{name.domain}\t{name.short}" if name.domain else name.short
    own = _text([HEADER, *LOOPBACK, *(f"{ip}\t{names}" for ip in ips)], aliases)
    return own if neighbours is None else own + _part(own, neighbours)


def host_network_hosts(node_hosts: str, aliases: Sequence[v1.HostAlias]) -> str:
    """Return the file of a pod on the host's network: a copy of the node's file, then aliases."""
    return _text([HOST_NETWORK_HEADER, node_hosts.rstrip("\n")], aliases)


def renewed(text: str, neighbours: Names | None) -> str:
    """Return a file with its part about the node's pods as it must be now; None takes that part away.

    Everything else stays as it is, be it a container's own doing; a file without that part is nobody's but its pod's.
    """
    before, begin, rest = text.partition(f"{NEIGHBOURS_BEGIN}\n")
    _, end, after = rest.partition(f"{NEIGHBOURS_END}\n")
    if not begin or not end:
        return text
    return before + ("" if neighbours is None else _part(before + after, neighbours)) + after


def _part(others: str, neighbours: Names) -> str:
    """Return the part about the node's pods; a name that `others` define means what they say."""
    lines = (line.partition("#")[0].split() for line in others.splitlines())
    taken = {name for words in lines for name in words[1:]}
    return f"{NEIGHBOURS_BEGIN}\n{neighbours.lines(taken)}{NEIGHBOURS_END}\n"


def _text(lines: list[str], aliases: Sequence[v1.HostAlias]) -> str:
    if aliases:
        lines += ["", ALIASES_HEADER]
        lines += ["\t".join((alias.ip, *alias.hostnames)) for alias in aliases]
    return "\n".join(lines) + "\n"
