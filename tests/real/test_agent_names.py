"""Pods call each other by name, and reach each other, through a container's own resolver."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.agent import agent_under_test
from tests.support.debian import C_LIBRARY, build_image, unpacked
from tests.support.manifests import manifest
from tests.support.netns import run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from podstead.config.settings import Settings
    from tests.support.agent import AgentUnderTest
    from tests.support.netns import Hosts

pytestmark = [pytest.mark.real, pytest.mark.timeout(400)]

WWW = {"command": ["sh", "-c", "trap 'exit 0' TERM; httpd -p 8080 -h /www; while :; do sleep 3600 & wait; done"]}
SOON_SECONDS = 10.0
ASKER_IMAGE = "docker.io/library/asker:1"
"""Debian's busybox with its C library beside it: the static one falls over its own resolver (getaddrinfo)."""
APPLETS = dict.fromkeys(("usr/bin/sh", "usr/bin/sleep", "usr/bin/wget"), "busybox")
QUICK_DNS: dict[str, Any] = {"dnsPolicy": "None", "dnsConfig": {"nameservers": ["127.0.0.1"]}}
"""Nobody answers there, and says so at once."""


def often(settings: Settings) -> Settings:
    """Return settings that look after forwarding twice a second."""
    return replace(settings, node=replace(settings.node, network_seconds=0.5))


@pytest.fixture(scope="module")
def module_agent(agent_hosts: Hosts) -> Iterator[AgentUnderTest]:
    """Give an agent that looks after the host often, and an image with a resolver of today."""
    with agent_under_test(net_namespace=agent_hosts.node, changed=often) as agent:
        root = unpacked("busybox", ("busybox",), release="trixie")
        archive = agent.root / "asker.tar"
        build_image(archive, root, ("usr/bin/busybox", *C_LIBRARY), ASKER_IMAGE, APPLETS)
        agent.import_image(archive)
        yield agent


def fetched(agent: AgentUnderTest, host: str) -> str:
    """Return what the pod that asks gets from a host by name, or what its wget says."""
    return agent.exec("asker", "sh", "-c", f"wget -q -T 2 -O - http://{host}:8080/ 2>&1 || true").strip()


def answers(agent: AgentUnderTest, host: str) -> bool:
    """Return whether a host answers the pod that asks."""
    return fetched(agent, host) == "podstead test"


def test_pods_reach_each_other_by_name(agent: AgentUnderTest) -> None:
    agent.write("web.yaml", manifest("web", hostNetwork=False, container=WWW))
    agent.write("far.yaml", manifest("far", namespace="other", hostNetwork=False, container=WWW))
    agent.write("asker.yaml", manifest("asker", image=ASKER_IMAGE, hostNetwork=False, **QUICK_DNS))
    web = agent.wait_running("web", 20)
    agent.wait_running("other/far", 20)
    agent.wait_running("asker", 20)
    asking = agent.container_id("asker")

    for name in ("web", "web.default", "web-node1", "far.other"):
        agent.wait(f"{name} answers", partial(answers, agent, name), SOON_SECONDS)
    assert "bad address" in fetched(agent, "far")  # the name of another namespace alone means nothing

    # A third pod comes and goes, its name with it, and nobody restarts.
    agent.write("third.yaml", manifest("third", hostNetwork=False, container=WWW))
    agent.wait_running("third", 20)
    agent.wait("third answers", partial(answers, agent, "third"), SOON_SECONDS)
    agent.kill9()
    assert answers(agent, "web")  # names are there without an agent
    agent.start()
    agent.remove("third.yaml")
    agent.wait_gone("third")
    agent.wait("third is forgotten", lambda: "bad address" in fetched(agent, "third"), SOON_SECONDS)
    assert agent.container_id("asker") == asking
    assert agent.pod("web")["status"]["podIP"] == web["status"]["podIP"]


def test_a_firewall_that_starts_later_does_not_cut_pods_off(agent: AgentUnderTest) -> None:
    iptables = ("nsenter", f"--net={agent.net_namespace}", "iptables", "-w")
    run(*iptables, "-P", "FORWARD", "DROP")
    try:
        agent.wait("pods pass", lambda: run(*iptables, "-S", "FORWARD").count("-j ACCEPT") == 2, SOON_SECONDS)
        assert "FORWARD chain's policy is DROP" in str(agent.events("HostChanged"))
    finally:
        run(*iptables, "-P", "FORWARD", "ACCEPT")
