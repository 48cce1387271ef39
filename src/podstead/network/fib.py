"""What the kernel routes: networks and addresses of the node, from /proc, with no program's help.

/proc/thread-self is read, not /proc/self: it tells of the network namespace of the thread that asks.
"""

from __future__ import annotations

import ipaddress
import re
import sys
from pathlib import Path
from typing import NamedTuple

FIB_TRIE = Path("/proc/thread-self/net/fib_trie")
ROUTE = Path("/proc/thread-self/net/route")

_LEAF = re.compile(r"\|--\s+(\d+\.\d+\.\d+\.\d+)\s*$")
_ALIAS = re.compile(r"^\s*/(\d+)\s+(\w+)\s+(\w+)")


def parse_fib_trie(text: str) -> tuple[tuple[ipaddress.IPv4Network, str], ...]:
    """Return each IPv4 route of every table as (network, type); types are LOCAL, UNICAST, BROADCAST, …"""
    routes: dict[tuple[ipaddress.IPv4Network, str], None] = {}
    prefix = ""
    for line in text.splitlines():
        if (leaf := _LEAF.search(line)) is not None:
            prefix = leaf.group(1)
        elif prefix and (alias := _ALIAS.match(line)) is not None:
            network = ipaddress.IPv4Network(f"{prefix}/{alias.group(1)}", strict=False)
            routes[network, alias.group(3)] = None
    return tuple(routes)


def used_networks(text: str) -> tuple[ipaddress.IPv4Network, ...]:
    """Return every network that is routed or an address of the node, the default route left out."""
    return tuple(dict.fromkeys(network for network, _ in parse_fib_trie(text) if network.prefixlen > 0))


def local_addresses(text: str) -> tuple[ipaddress.IPv4Address, ...]:
    """Return the node's own IPv4 addresses, those of the loopback network last."""
    found = {
        network.network_address: None
        for network, kind in parse_fib_trie(text)
        if kind == "LOCAL" and network.prefixlen == 32
    }
    return tuple(sorted(found, key=lambda address: (address.is_loopback, address)))


def default_interface(text: str) -> str:
    """Return the interface of the default route with the lowest metric (from /proc/net/route), or an empty text."""
    best: tuple[int, str] | None = None
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 8 or fields[1] != "00000000" or fields[7] != "00000000":
            continue
        candidate = (int(fields[6]), fields[0])
        if best is None or candidate[0] < best[0]:
            best = candidate
    return best[1] if best else ""


class Link(NamedTuple):
    """A network that is reached without a router."""

    network: ipaddress.IPv4Network
    interface: str


def links(text: str) -> tuple[Link, ...]:
    """Return the networks at the node's interfaces (from /proc/net/route)."""
    found = []
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 8 or fields[2] != "00000000" or fields[7] == "00000000":
            continue
        address, mask = (int(field, 16).to_bytes(4, sys.byteorder) for field in (fields[1], fields[7]))
        network = ipaddress.IPv4Network((address, int.from_bytes(mask, "big").bit_count()), strict=False)
        found.append(Link(network, fields[0]))
    return tuple(found)


def read_text(path: Path) -> str:
    """Return a /proc file's text; empty where the kernel has none (IPv6 switched off)."""
    try:
        return path.read_text(encoding="ascii")
    except OSError:
        return ""
