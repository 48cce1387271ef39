"""Chooses the pod CIDR of an instance; pure. The choice is kept in state, for running pods have addresses of it."""

from __future__ import annotations

import hashlib
import ipaddress
from typing import TYPE_CHECKING

from podstead.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from podstead.network.fib import Link

POOL = ipaddress.IPv4Network("10.88.0.0/13")
"""2048 networks of 254 addresses; 10.88.0.0/16 at its start is what podman uses, so overlaps are looked for."""
POD_PREFIX = 24


def choose_pod_cidr(instance: str, used: Iterable[ipaddress.IPv4Network]) -> ipaddress.IPv4Network:
    """Return a /24 of the pool that overlaps nothing in `used`; the same instance begins its search at the same place.

    Raises:
        OperatorError: every network of the pool is in use.
    """
    taken = [network for network in used if network.overlaps(POOL)]
    count = 1 << (POD_PREFIX - POOL.prefixlen)
    start = int.from_bytes(hashlib.sha256(instance.encode()).digest()[:8], "big") % count
    for step in range(count):
        base = int(POOL.network_address) + (((start + step) % count) << (32 - POD_PREFIX))
        candidate = ipaddress.IPv4Network((base, POD_PREFIX))
        if not any(candidate.overlaps(network) for network in taken):
            return candidate
    raise OperatorError(
        f"cannot choose addresses for pods: every network of {POOL} is routed on this node; give one with --pod-cidr"
    )


def overlap(cidr: ipaddress.IPv4Network, links: Iterable[Link]) -> Link | None:
    """Return the first network at one of the node's interfaces that shares addresses with the pods'.

    A network behind a router is no matter: pods are the nearer ones, as their route is the narrower one.
    """
    return next((link for link in links if link.network.overlaps(cidr)), None)
