"""The pod network for real, in a network namespace of its own with another host on a cable."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import pytest

from podstead.containerd.locate import find_programs
from podstead.k8s import core_v1 as v1
from podstead.network import fib
from podstead.network.cidr import choose_pod_cidr
from podstead.network.host import HostNetwork
from podstead.network.node_ip import find_node_ip
from tests.support.netns import NODE_ADDRESS, OTHER_HOST_ADDRESS, Hosts, call_in_namespace, run, two_hosts
from tests.support.nodes import PrivateNode, make_node
from tests.support.pods import running_pod

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.real

SERVER = ("httpd", "-f", "-h", "/www", "-p", "80")
PAGE = "podstead test\n"
HOST_PORT = v1.ContainerPort(container_port=80, host_port=8080)


def fetch(namespace: Path, url: str) -> str:
    """Return the page at a URL as seen from a namespace, without any proxy."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def get() -> str:
        with opener.open(url, timeout=5) as reply:
            return str(reply.read().decode())

    return call_in_namespace(namespace, get)


def await_server(namespace: Path, address: str, port: int = 80) -> None:
    """Wait until something listens: a container that runs has not opened its port yet."""
    deadline = time.monotonic() + 10

    def connect() -> bool:
        with socket.socket() as client:
            client.settimeout(1)
            return client.connect_ex((address, port)) == 0

    while not call_in_namespace(namespace, connect):
        assert time.monotonic() < deadline, f"nothing listens on {address}:{port}"
        time.sleep(0.02)


def rules(namespace: Path) -> list[str]:
    """Return the iptables rules of pods; the plugins' empty chains and their entries stay, as on any node."""
    told = [run("nsenter", f"--net={namespace}", "iptables-save", "-t", table) for table in ("nat", "filter")]
    lines = "\n".join(told).splitlines()
    return [line for line in lines if line.startswith("-A CNI-") and "CNI-HOSTPORT-" not in line.split()[1]]


def peers_of_port(namespace: Path, port: int) -> subprocess.Popen[str]:
    """Start a server in a namespace that prints the address of its first client."""
    program = (
        f"import socket; s=socket.create_server(('0.0.0.0', {port})); print('up', flush=True); "
        "s.settimeout(20); c,a=s.accept(); print(a[0], flush=True)"
    )
    command = ["nsenter", f"--net={namespace}", "python3", "-c", program]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


async def test_pods_reach_each_other_and_the_node(isolated_node: PrivateNode, hosts: Hosts) -> None:
    async with (
        isolated_node.client() as runtime,
        running_pod(runtime, isolated_node, "web", SERVER) as web,
        running_pod(runtime, isolated_node, "asks") as asks,
        running_pod(runtime, isolated_node, "on-node", ("httpd", "-f", "-h", "/www", "-p", "8181"), host_network=True),
    ):
        assert len({web.ip, asks.ip, ""}) == 3
        for url in (f"http://{web.ip}/", f"http://{NODE_ADDRESS}:8181/"):
            said = await runtime.exec_sync(asks.container, ("wget", "-qO-", url), 10)
            assert (said.exit_code, said.stdout.decode()) == (0, PAGE), url
        assert fetch(hosts.node, f"http://{web.ip}/") == PAGE


async def test_pods_leave_the_node_by_masquerade(isolated_node: PrivateNode, hosts: Hosts) -> None:
    with peers_of_port(hosts.other, 9000) as server:
        async with isolated_node.client() as runtime, running_pod(runtime, isolated_node, "out") as pod:
            try:
                assert server.stdout is not None
                assert server.stdout.readline() == "up\n"
                await runtime.exec_sync(pod.container, ("nc", "-w", "2", OTHER_HOST_ADDRESS, "9000"), 10)
                assert server.stdout.readline().strip() == NODE_ADDRESS
            finally:
                server.kill()


async def test_host_ports_answer_from_everywhere_and_go_with_the_pod(isolated_node: PrivateNode, hosts: Hosts) -> None:
    before = rules(hosts.node)
    async with isolated_node.client() as runtime:
        async with running_pod(runtime, isolated_node, "port", SERVER, ports=(HOST_PORT,)) as pod:
            await_server(hosts.node, pod.ip)
            assert fetch(hosts.other, f"http://{NODE_ADDRESS}:8080/") == PAGE  # from another host
            assert fetch(hosts.node, f"http://{NODE_ADDRESS}:8080/") == PAGE  # from the node, its own address
            assert fetch(hosts.node, "http://127.0.0.1:8080/") == PAGE
            hairpin = ("wget", "-qO-", f"http://{NODE_ADDRESS}:8080/")  # from the very pod
            assert (await runtime.exec_sync(pod.container, hairpin, 10)).stdout.decode() == PAGE
            assert len(rules(hosts.node)) > len(before)
        assert rules(hosts.node) == before
        with pytest.raises(urllib.error.URLError, match="refused"):
            fetch(hosts.node, f"http://{NODE_ADDRESS}:8080/")


async def test_addresses_and_host_ports_survive_the_death_of_containerd(tmp_path: Path) -> None:
    with two_hosts(tmp_path) as own, make_node(net_namespace=own.node) as node:
        async with node.client() as runtime:
            async with running_pod(runtime, node, "port", SERVER, ports=(HOST_PORT,)) as pod:
                await_server(own.node, pod.ip)
                os.kill(node.running.pid, signal.SIGKILL)
                assert fetch(own.other, f"http://{NODE_ADDRESS}:8080/") == PAGE  # while it is down
                await node.start_again()
                assert (await runtime.sandbox_status(pod.sandbox)).ips == (pod.ip,)
                assert fetch(own.other, f"http://{NODE_ADDRESS}:8080/") == PAGE
            assert rules(own.node) == []
            leases = {file.name for file in node.network.leases.rglob("10.*")}
            assert leases == set()
        bridge = node.network.bridge
        assert bridge in run("nsenter", f"--net={own.node}", "ip", "-o", "link")
        iptables = find_programs().iptables
        call_in_namespace(own.node, HostNetwork(node.network, iptables).restore)
        assert bridge not in run("nsenter", f"--net={own.node}", "ip", "-o", "link")


async def test_a_forward_policy_of_drop_is_opened_for_our_bridge_only(tmp_path: Path) -> None:
    with two_hosts(tmp_path) as own, make_node(net_namespace=own.node) as node:
        inside = ("nsenter", f"--net={own.node}")
        run(*inside, "iptables", "-P", "FORWARD", "DROP")
        host = HostNetwork(node.network, find_programs().iptables)
        changes = call_in_namespace(own.node, host.prepare)
        assert [change.message.split(":")[0].split(" (")[0] for change in changes] == [
            "set net.ipv4.ip_forward=1",
            "added an iptables rule, as the FORWARD chain's policy is DROP",
            "added an iptables rule, as the FORWARD chain's policy is DROP",
        ]
        assert call_in_namespace(own.node, host.prepare) == ()
        async with node.client() as runtime, running_pod(runtime, node, "port", SERVER, ports=(HOST_PORT,)) as pod:
            await_server(own.node, pod.ip)
            assert fetch(own.other, f"http://{NODE_ADDRESS}:8080/") == PAGE
        call_in_namespace(own.node, host.restore)
        listed = run(*inside, "iptables", "-S", "FORWARD").splitlines()
        assert [line for line in listed if node.network.bridge in line] == []


def test_the_node_address_is_that_of_the_namespace(hosts: Hosts) -> None:
    found = call_in_namespace(hosts.node, find_node_ip)
    assert (found.ip, found.interface) == (NODE_ADDRESS, "eth0")
    # The other host has an address but no default route.
    other = call_in_namespace(hosts.other, find_node_ip)
    assert (other.ip, other.interface) == (OTHER_HOST_ADDRESS, "")


def test_the_chosen_cidr_avoids_what_the_node_routes(hosts: Hosts) -> None:
    first = choose_pod_cidr("instance", ())
    run("nsenter", f"--net={hosts.node}", "ip", "route", "add", "blackhole", str(first), "table", "77")
    try:
        used = call_in_namespace(hosts.node, lambda: fib.used_networks(fib.read_text(fib.FIB_TRIE)))
    finally:
        run("nsenter", f"--net={hosts.node}", "ip", "route", "del", "blackhole", str(first), "table", "77")
    assert first in used
    assert choose_pod_cidr("instance", used) != first
