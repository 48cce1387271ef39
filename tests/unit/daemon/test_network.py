"""The pods' network meets the node's own, and other programs that change the host."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

import pytest

from podstead.clock import SystemClock
from podstead.config.node import NodeSettings
from podstead.config.paths import paths_for
from podstead.config.settings import Settings
from podstead.containerd import locate
from podstead.daemon.network import NodeNetwork, keep_passable
from podstead.errors import OperatorError
from podstead.network import fib
from podstead.network import host as host_module
from podstead.network.conflist import pod_network
from podstead.network.host import HostNetwork
from podstead.store.facts import POD_CIDR, FactStore
from podstead.store.instance import make_directories, open_instance
from tests.support.waiting import until
from tests.unit.network.test_host import IPTABLES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
ETH0 = "eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
"""192.0.2.0/24."""


class Node(NamedTuple):
    """A node whose kernel and iptables are files."""

    directory: Path
    facts: FactStore
    said: list[tuple[str, str]]

    def routes(self, text: str) -> None:
        """Let the kernel have these routes."""
        (self.directory / "route").write_text(HEAD + text)

    async def make(self, pod_cidr: str = "") -> str:
        """Make the network as at a start of the agent; returns the bridge."""
        settings = Settings(
            paths=paths_for(self.directory / "root"), source=None, node=NodeSettings(name="n", pod_cidr=pod_cidr)
        )
        make_directories(settings.paths)
        instance = open_instance(settings.paths, wall=0.0)
        network = NodeNetwork(settings, instance, self.facts, lambda reason, text: self.said.append((reason, text)))
        await network.make(self.directory / "cni")
        return pod_network(instance.short, "10.88.0.0/24", self.directory).bridge


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    (tmp_path / "iptables").write_text(IPTABLES)
    (tmp_path / "iptables").chmod(0o755)
    for name, text in (("policy", "ACCEPT"), ("rules", ""), ("ip_forward", "1\n"), ("route", HEAD), ("fib", "")):
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(host_module, "IP_FORWARD", tmp_path / "ip_forward")
    monkeypatch.setattr(fib, "ROUTE", tmp_path / "route")
    monkeypatch.setattr(fib, "FIB_TRIE", tmp_path / "fib")
    monkeypatch.setattr(locate, "require_program", lambda _: tmp_path / "iptables")
    state = tmp_path / "root" / "state"
    return Node(tmp_path, FactStore(state, wall=lambda: 0.0), [])


async def test_a_range_that_the_node_is_in_is_refused_with_one_that_is_free(node: Node) -> None:
    node.routes(ETH0)
    with pytest.raises(OperatorError, match=r"192.0.2.0/24, which is at this node's interface eth0") as raised:
        await node.make("192.0.2.128/25")
    assert "such as 10." in str(raised.value)
    assert not (node.directory / "cni").exists()
    await node.make("10.244.1.0/24")
    assert node.facts.get(POD_CIDR) == "10.244.1.0/24"
    assert node.said == []


async def test_our_own_bridge_is_no_overlap(node: Node) -> None:
    bridge = await node.make("10.244.1.0/24")
    node.routes(f"{bridge}\t0001F40A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n")
    await node.make("10.244.1.0/24")
    await node.make()
    assert node.said == []


async def test_pods_that_run_are_not_given_up_for_a_network_that_came_later(node: Node) -> None:
    await node.make("192.0.2.0/24")
    node.routes(ETH0)
    for given in ("192.0.2.0/24", ""):
        node.said.clear()
        await node.make(given)
        ((reason, text),) = node.said
        assert reason == "PodNetworkOverlaps"
        assert "interface eth0: neither reaches all of the other" in text


@asynccontextmanager
async def kept(node: Node) -> AsyncIterator[asyncio.Queue[tuple[str, str]]]:
    """Look after a node's forwarding meanwhile; gives what is said."""
    network = HostNetwork(pod_network("ab12cd34", "10.88.7.0/24", node.directory), node.directory / "iptables")
    said: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
    keeping = asyncio.create_task(
        keep_passable(network, SystemClock(), 0.05, lambda reason, text: said.put_nowait((reason, text)))
    )
    try:
        async with asyncio.timeout(100):
            yield said
    finally:
        keeping.cancel()
        await asyncio.wait({keeping})


async def test_a_firewall_that_starts_later_does_not_shut_pods_off(node: Node) -> None:
    async with kept(node) as said:
        await asyncio.sleep(0.3)
        assert said.empty()
        (node.directory / "policy").write_text("DROP")
        assert [(await said.get())[0] for _ in range(2)] == ["HostChanged", "HostChanged"]
        rules = (node.directory / "rules").read_text()
        assert "-i pods-ab12cd34" in rules
        assert "-o pods-ab12cd34" in rules
        await asyncio.sleep(0.3)
        assert said.empty()


async def test_an_iptables_that_fails_is_told_once_and_tried_again(
    node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    iptables = node.directory / "iptables"
    iptables.write_text(f"#!/bin/sh\necho one >>{node.directory}/tries\necho the lock is held >&2\nexit 4\n")
    async with kept(node) as said:
        tries = node.directory / "tries"
        await until(lambda: tries.exists() and len(tries.read_text().splitlines()) > 4)
        told = [r.getMessage() for r in caplog.records if r.name == "podstead.daemon.network"]
        assert [text.count("the lock is held") for text in told] == [1]
        replaced = node.directory / "better"
        replaced.write_text(IPTABLES)
        replaced.chmod(0o755)
        (node.directory / "policy").write_text("DROP")
        replaced.replace(iptables)
        assert (await said.get())[0] == "HostChanged"
