from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podstead.errors import OperatorError
from podstead.network import fib
from podstead.network.cidr import POOL, choose_pod_cidr, overlap
from podstead.network.link import delete_link
from podstead.network.node_ip import find_node_ip, interface_address

FIB = """\
Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 10.88.0.0/15 2 0 2
        |-- 10.88.0.0
           /16 link UNICAST
           /24 universe BLACKHOLE
        |-- 10.88.0.1
           /32 host LOCAL
        |-- 169.254.3.4
           /32 host LOCAL
     |-- 127.0.0.1
        /32 host LOCAL
Id 200:
  |-- 172.16.0.0
     /12 universe UNICAST
"""
ROUTE = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth1\t00000000\t010200C0\t0003\t0\t0\t200\t00000000\t0\t0\t0
eth0\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0
eth2\t00000000\t010200C0\t0003\t0\t0\t0\t000000C0\t0\t0\t0
eth3\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
"""


def test_routes_of_every_table_are_used_networks() -> None:
    assert fib.used_networks(FIB) == tuple(
        IPv4Network(one)
        for one in (
            "10.88.0.0/16",
            "10.88.0.0/24",
            "10.88.0.1/32",
            "169.254.3.4/32",
            "127.0.0.1/32",
            "172.16.0.0/12",
        )
    )


def test_networks_at_interfaces() -> None:
    assert fib.links(ROUTE) == (fib.Link(IPv4Network("192.0.2.0/24"), "eth3"),)
    assert fib.links("") == ()


def test_what_shares_addresses_with_pods() -> None:
    links = fib.links(ROUTE)
    assert overlap(IPv4Network("192.0.0.0/16"), links) == links[0]
    assert overlap(IPv4Network("192.0.2.128/25"), links) == links[0]
    assert overlap(IPv4Network("192.0.3.0/24"), links) is None


def test_local_addresses_end_with_the_loopback() -> None:
    assert fib.local_addresses(FIB) == tuple(IPv4Address(one) for one in ("10.88.0.1", "169.254.3.4", "127.0.0.1"))


def test_the_default_route_with_the_lowest_metric_counts() -> None:
    assert fib.default_interface(ROUTE) == "eth0"
    assert fib.default_interface("") == fib.default_interface("\n".join(ROUTE.splitlines()[:1])) == ""


def test_this_machine_has_the_addresses_that_its_kernel_names() -> None:
    assert IPv4Address("127.0.0.1") in fib.local_addresses(fib.read_text(fib.FIB_TRIE))
    assert interface_address("lo") == "127.0.0.1"
    assert interface_address("no-such-if") == ""
    found = find_node_ip()
    assert IPv4Address(found.ip) in fib.local_addresses(fib.read_text(fib.FIB_TRIE))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind((found.ip, 0))  # the kernel agrees that it is ours


def test_an_interface_that_is_not_there_cannot_be_removed() -> None:
    assert delete_link("no-such-if") is False


def test_the_same_instance_gets_the_same_network() -> None:
    assert choose_pod_cidr("a", ()) == choose_pod_cidr("a", ()) != choose_pod_cidr("b", ())


@given(
    st.text(max_size=8),
    st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(8, 32)).map(lambda one: IPv4Network(one, strict=False))),
)
def test_a_chosen_network_overlaps_nothing(instance: str, used: list[IPv4Network]) -> None:
    if any(one.supernet_of(POOL) for one in used):
        return
    chosen = choose_pod_cidr(instance, used)
    assert chosen.prefixlen == 24
    assert chosen.subnet_of(POOL)
    assert not any(chosen.overlaps(one) for one in used)


def test_the_last_free_network_is_found_and_then_none() -> None:
    free = choose_pod_cidr("a", ())
    others = [one for one in POOL.subnets(new_prefix=24) if one != free]
    assert choose_pod_cidr("b", others) == free
    with pytest.raises(OperatorError, match="give one with --pod-cidr"):
        choose_pod_cidr("a", [POOL])
