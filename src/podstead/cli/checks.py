"""Checks of single settings: each returns why a text is not what is due, or None. A reason never repeats the text."""

from __future__ import annotations

import ipaddress

CGROUP_DRIVERS = ("systemd", "cgroupfs")
"""Who makes pods' cgroups."""


def ip_reason(text: str) -> str | None:
    """Return why a text is not an IP address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return "must be an IP address such as 192.0.2.10"
    return None


def ipv4_range_reason(text: str) -> str | None:
    """Return why a text is not the address range of a pod network: IPv4, with room for a bridge and a pod."""
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return "must be an address range such as 10.244.0.0/16"
    if network.version != 4:
        return "must be an IPv4 range such as 10.244.0.0/16: pods have IPv4 addresses in this version"
    if network.prefixlen > 29:
        return "must hold at least 8 addresses (/29)"
    if network.is_loopback or network.is_link_local or network.is_multicast or network.is_unspecified:
        return "must be a range that can be routed, such as 10.244.0.0/16"
    return None


def driver_reason(text: str) -> str | None:
    """Return why a text is not a cgroup driver."""
    return None if text in CGROUP_DRIVERS else f"must be {' or '.join(CGROUP_DRIVERS)}"


def registry_host_reason(text: str) -> str | None:
    """Return why a text is not a registry's host, with or without a port."""
    if not text or "/" in text or any(character.isspace() for character in text):
        return "must be a host such as registry.example.com:5000, without https:// and without a path"
    return None
