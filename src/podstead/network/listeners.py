"""Where programs listen in the node's network namespace: from /proc/net, with no program's help."""

from __future__ import annotations

import ipaddress
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SOCKETS = Path("/proc/thread-self/net")
_TCP_LISTEN = "0A"
_UDP_UNCONNECTED = "07"
_V4_MAPPED = "0000000000000000FFFF0000"
"""The first twelve bytes of ::ffff:a.b.c.d, as four-byte words in the byte order of the machine."""


class Listener(NamedTuple):
    """A socket that takes what comes to a port; `address` is empty for every address."""

    protocol: str
    port: int
    address: str


def listeners() -> frozenset[Listener]:
    """Return every TCP and UDP listener that IPv4 traffic can reach. Blocks for a moment only."""
    found: set[Listener] = set()
    for name, protocol, state in (("tcp", "TCP", _TCP_LISTEN), ("udp", "UDP", _UDP_UNCONNECTED)):
        for family in ("", "6"):
            with suppress(OSError), (SOCKETS / f"{name}{family}").open(encoding="ascii") as lines:
                found.update(parse(lines, protocol, state))
    return frozenset(found)


def parse(lines: Iterable[str], protocol: str, state: str) -> Iterator[Listener]:
    """Yield the listeners of a table such as /proc/net/tcp. TCP's stand before all other sockets (proc(5))."""
    for line in lines:
        fields = line.split()
        if len(fields) < 4 or ":" not in fields[1]:
            continue  # the heading
        if fields[3] != state:
            if protocol == "TCP":
                return
            continue
        place, _, port = fields[1].rpartition(":")
        address = _address(place)
        if address is not None:
            yield Listener(protocol, int(port, 16), address)


def _address(place: str) -> str | None:
    """Return an IPv4 address, empty for all; None for an address of IPv6 alone."""
    if not place.strip("0"):
        return ""
    if len(place) > 8 and not place.startswith(_V4_MAPPED):
        return None
    return str(ipaddress.IPv4Address(bytes.fromhex(place[-8:])[::-1]))
