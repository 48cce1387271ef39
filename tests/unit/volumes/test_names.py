"""Host names, hosts files and resolv.conf values."""

from __future__ import annotations

import pytest

from podstead.k8s import core_v1 as v1
from podstead.state.runtime import DNS
from podstead.volumes.hostname import PodHostname, hostname_of
from podstead.volumes.hosts import host_network_hosts, pod_network_hosts
from podstead.volumes.resolv import ClusterDNS, DNSWarning, dns_of, parse_resolv

NODE = "# comment\nnameserver 192.0.2.53\n;semicolon\nsearch old.example\nsearch lan.example. .\noptions ndots:2 edns0\noptions ndots:3\n"
CLUSTER = ClusterDNS(servers=("10.96.0.10",), domain="cluster.local")
NODE_DNS = DNS(servers=("192.0.2.53",), searches=("lan.example",), options=("ndots:3", "edns0"))


def pod(name: str = "web-node1", **spec: object) -> v1.Pod:
    return v1.Pod(
        metadata=v1.ObjectMeta(name=name, namespace="shop"),
        spec=v1.PodSpec(containers=(v1.Container(name="c"),), **spec),  # type: ignore[arg-type]  # test data
    )


@pytest.mark.conformance("S40")
@pytest.mark.parametrize(
    ("made", "domain", "expected"),
    [
        (pod(), "", PodHostname(hostname="web-node1", short="web-node1")),
        (pod(hostname="db"), "", PodHostname(hostname="db", short="db")),
        (pod(subdomain="s"), "", PodHostname(hostname="web-node1", short="web-node1")),
        (
            pod(subdomain="s"),
            "cluster.local",
            PodHostname(hostname="web-node1", short="web-node1", domain="s.shop.svc.cluster.local"),
        ),
        (
            pod(subdomain="s", set_hostname_as_fqdn=True),
            "c.l",
            PodHostname(hostname="web-node1.s.shop.svc.c.l", short="web-node1", domain="s.shop.svc.c.l"),
        ),
        (pod(subdomain="s" * 63, set_hostname_as_fqdn=True), "cluster.local", None),
        (pod(set_hostname_as_fqdn=True), "", PodHostname(hostname="web-node1", short="web-node1")),
        (pod(hostname_override="a.b", subdomain="s"), "c.l", PodHostname(hostname="a.b", short="a.b")),
        (pod(host_network=True), "", PodHostname(hostname="", short="")),
        (pod("a" * 62 + "-b"), "", PodHostname(hostname="a" * 62, short="a" * 62)),
        (pod("a" * 60 + ".-x-y"), "", PodHostname(hostname="a" * 60 + ".-x", short="a" * 60 + ".-x")),
    ],
)
def test_hostnames(made: v1.Pod, domain: str, expected: PodHostname | None) -> None:
    assert hostname_of(made, domain) == expected


@pytest.mark.conformance("S39")
def test_hosts_of_a_pod_with_its_own_network() -> None:
    name = PodHostname(hostname="web", short="web", domain="s.shop.svc.cluster.local")
    aliases = (v1.HostAlias(ip="192.0.2.1", hostnames=("a", "b.c")), v1.HostAlias(ip="2001:db8::1", hostnames=("d",)))
    assert pod_network_hosts(name, ("10.88.0.2", "fd00::2"), aliases) == (
        "# Kubernetes-managed hosts file.\n"
        "127.0.0.1\tlocalhost\n"
        "::1\tlocalhost ip6-localhost ip6-loopback\n"
        "fe00::0\tip6-localnet\n"
        "fe00::0\tip6-mcastprefix\n"
        "fe00::1\tip6-allnodes\n"
        "fe00::2\tip6-allrouters\n"
        "10.88.0.2\tweb.s.shop.svc.cluster.local\tweb\n"
        "fd00::2\tweb.s.shop.svc.cluster.local\tweb\n"
        "\n"
        "# Entries added by HostAliases.\n"
        "192.0.2.1\ta\tb.c\n"
        "2001:db8::1\td\n"
    )
    assert (
        pod_network_hosts(PodHostname(hostname="w", short="w"), ("10.88.0.2",), ()).splitlines()[-1] == "10.88.0.2\tw"
    )


@pytest.mark.conformance("S39")
def test_hosts_with_host_networking_are_the_nodes() -> None:
    node = "127.0.0.1 localhost\n192.0.2.7 node1\n"
    assert host_network_hosts(node, (v1.HostAlias(ip="192.0.2.1", hostnames=("a",)),)) == (
        "# Kubernetes-managed hosts file (host network).\n"
        "127.0.0.1 localhost\n192.0.2.7 node1\n"
        "\n"
        "# Entries added by HostAliases.\n"
        "192.0.2.1\ta\n"
    )


def test_parsing_the_nodes_file() -> None:
    assert parse_resolv(NODE) == NODE_DNS
    assert parse_resolv("nameserver\nnameserver 1.1.1.1 2.2.2.2\nsearch\n") == DNS(servers=("1.1.1.1",))


@pytest.mark.conformance("S38")
@pytest.mark.parametrize(
    ("made", "cluster", "expected", "reasons"),
    [
        (pod(dns_policy="Default"), CLUSTER, NODE_DNS, []),
        (pod(dns_policy="ClusterFirst"), ClusterDNS(), NODE_DNS, ["MissingClusterDNS"]),
        (pod(), ClusterDNS(), NODE_DNS, ["MissingClusterDNS"]),
        (pod(dns_policy="ClusterFirst", host_network=True), CLUSTER, NODE_DNS, []),
        (pod(dns_policy="ClusterFirst", host_network=True), ClusterDNS(), NODE_DNS, []),
        (
            pod(dns_policy="ClusterFirst"),
            CLUSTER,
            DNS(
                servers=("10.96.0.10",),
                searches=("shop.svc.cluster.local", "svc.cluster.local", "cluster.local", "lan.example"),
                options=("ndots:5",),
            ),
            [],
        ),
        (
            pod(dns_policy="ClusterFirstWithHostNet", host_network=True),
            ClusterDNS(servers=("10.96.0.10",)),
            DNS(servers=("10.96.0.10",), searches=("lan.example",), options=("ndots:5",)),
            [],
        ),
        (
            pod(
                dns_policy="None",
                dns_config=v1.PodDNSConfig(
                    nameservers=("1.1.1.1",),
                    searches=("x.example",),
                    options=(v1.PodDNSConfigOption(name="timeout", value="1"), v1.PodDNSConfigOption(name="rotate")),
                ),
            ),
            CLUSTER,
            DNS(servers=("1.1.1.1",), searches=("x.example",), options=("timeout:1", "rotate")),
            [],
        ),
        (
            pod(
                dns_policy="Default",
                dns_config=v1.PodDNSConfig(
                    nameservers=("192.0.2.53", "1.1.1.1"),
                    searches=("lan.example", "y.example"),
                    options=(v1.PodDNSConfigOption(name="ndots", value="1"),),
                ),
            ),
            CLUSTER,
            DNS(
                servers=("192.0.2.53", "1.1.1.1"),
                searches=("lan.example", "y.example"),
                options=("ndots:1", "edns0"),
            ),
            [],
        ),
    ],
)
def test_dns(made: v1.Pod, cluster: ClusterDNS, expected: DNS, reasons: list[str]) -> None:
    dns, warnings = dns_of(made, NODE, cluster)
    assert dns == expected
    assert [warning.reason for warning in warnings] == reasons


def test_limits_cut_and_say_so() -> None:
    config = v1.PodDNSConfig(
        nameservers=("1.1.1.1", "2.2.2.2", "3.3.3.3"), searches=(*(f"s{n}.example" for n in range(40)), "x" * 254)
    )
    dns, warnings = dns_of(pod(dns_policy="Default", dns_config=config), NODE, CLUSTER)
    assert dns.servers == ("192.0.2.53", "1.1.1.1", "2.2.2.2")
    assert len(dns.searches) == 32
    assert warnings == (
        DNSWarning(
            reason="DNSConfigForming",
            message="more than 3 name servers: only 192.0.2.53, 1.1.1.1, 2.2.2.2 are used",
        ),
        DNSWarning(
            reason="DNSConfigForming",
            message="10 search domains are left out: the limits are 32 domains, 2048 characters, 253 each",
        ),
    )


def test_no_node_file_means_this_machine() -> None:
    dns, _ = dns_of(pod(dns_policy="Default"), "", CLUSTER)
    assert dns == DNS(servers=("127.0.0.1",), searches=(".",))
