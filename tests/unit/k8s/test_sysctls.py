"""The two spellings of a sysctl."""

from __future__ import annotations

import pytest

from podstead.k8s.sysctls import dotted


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("net.ipv4.ping_group_range", "net.ipv4.ping_group_range"),
        ("net/ipv4/ping_group_range", "net.ipv4.ping_group_range"),
        ("net/ipv4/conf/eth0.100/forwarding", "net.ipv4.conf.eth0/100.forwarding"),
        ("net.ipv4.conf.eth0/100.forwarding", "net.ipv4.conf.eth0/100.forwarding"),
        ("", ""),
    ],
)
def test_both_spellings_name_the_same(name: str, expected: str) -> None:
    assert dotted(name) == expected
