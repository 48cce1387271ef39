"""The node's addresses: which one is the node's, and which ones reach it."""

from __future__ import annotations

import fcntl
import socket
import struct
from dataclasses import dataclass

from podstead.network import fib

SIOCGIFADDR = 0x8915
"""ioctl that gives an interface's primary IPv4 address (netdevice(7))."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeAddress:
    """The node's IP."""

    ip: str
    interface: str
    """The default route's interface; empty where there is none."""


def find_node_ip() -> NodeAddress:
    """Return the address of the default route's interface; else the first other one; else 127.0.0.1.

    Read anew at each call: addresses change.
    """
    interface = fib.default_interface(fib.read_text(fib.ROUTE))
    if interface and (primary := interface_address(interface)):
        return NodeAddress(ip=primary, interface=interface)
    for address in fib.local_addresses(fib.read_text(fib.FIB_TRIE)):
        if not address.is_loopback and not address.is_link_local:
            return NodeAddress(ip=str(address), interface="")
    return NodeAddress(ip="127.0.0.1", interface="")


def interface_address(interface: str) -> str:
    """Return an interface's primary IPv4 address, or an empty text if it has none."""
    request = struct.pack("16s16x", interface.encode()[:15])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            reply = fcntl.ioctl(asking.fileno(), SIOCGIFADDR, request)
        except OSError:
            return ""
    return socket.inet_ntoa(reply[20:24])
