"""Pods that share a node, agents that share a machine, and a machine that was rebooted."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from podstead.config.runtime import RuntimeSettings
from podstead.cri import methods
from podstead.cri._pb import cri_pb2 as pb
from podstead.daemon.halt import halt_instance
from tests.support.agent import agent_at_rest
from tests.support.instance import apart
from tests.support.manifests import container_status, is_running, manifest
from tests.support.nodes import cri_client

if TYPE_CHECKING:
    from tests.support.agent import AgentUnderTest
    from tests.support.netns import Hosts

pytestmark = pytest.mark.real


def uid(pod: dict[str, Any]) -> str:
    return str(pod["metadata"]["annotations"]["kubernetes.io/config.hash"])


def on_port(port: int) -> dict[str, Any]:
    return {"ports": [{"containerPort": port, "hostPort": port}]}


@pytest.mark.conformance("S27")
def test_a_host_port_is_handed_over(agent: AgentUnderTest) -> None:
    agent.write("a.yaml", manifest("first", container=on_port(18090)))
    agent.wait_running("first")
    agent.write("b.yaml", manifest("second", container=on_port(18090)))

    pod = agent.wait_pod("second", lambda p: p["status"].get("reason") == "NodePorts")

    assert pod["status"]["phase"] == "Pending"
    assert "18090" in pod["status"]["message"]
    assert agent.containers("second") == ()
    assert agent.files()["b.yaml"]["verdict"] == "Accepted"
    agent.remove("a.yaml")
    agent.wait_running("second")


def test_a_critical_pod_takes_the_room_of_a_lower_one(agent: AgentUnderTest) -> None:
    cpus = os.cpu_count() or 1
    hungry = {"resources": {"requests": {"cpu": str(cpus)}}}
    agent.write("low.yaml", manifest("low", container=hungry))
    low = agent.wait_running("low")
    agent.write("other.yaml", manifest("other", container=hungry))
    agent.wait_pod("other", lambda p: p["status"]["phase"] == "Pending" and p["status"].get("reason"))

    agent.write("high.yaml", manifest("high", priorityClassName="system-node-critical", container=hungry))
    agent.wait_running("high")

    victim = agent.wait_pod("low", lambda p: p["status"].get("reason") == "Preempted")
    assert victim["status"]["phase"] == "Pending"
    assert agent.containers("low", running=True) == ()
    assert agent.events("Preempting", uid=uid(low))
    agent.remove("high.yaml")
    agent.remove("other.yaml")
    back = agent.wait_running("low", 20)
    assert uid(back) == uid(low)


@pytest.mark.conformance("S28")
def test_an_edit_that_does_not_fit_leaves_the_old_one_running(agent: AgentUnderTest) -> None:
    cpus = os.cpu_count() or 1
    agent.write("web.yaml", manifest("web", container={"resources": {"requests": {"cpu": "100m"}}}))
    agent.wait_running("web")
    old = agent.container_id("web")

    agent.write("web.yaml", manifest("web", container={"resources": {"requests": {"cpu": str(cpus + 1)}}}))
    agent.wait_pod("web", lambda p: [c for c in p["status"]["conditions"] if c["type"] == "podstead.io/CandidateReady"])
    time.sleep(1.0)

    assert agent.container_id("web") == old
    assert is_running(agent.pod("web"))


def test_two_agents_on_one_machine_leave_each_other_alone(own_agent: AgentUnderTest, agent_hosts: Hosts) -> None:
    first = own_agent
    with agent_at_rest(net_namespace=agent_hosts.node, node="node2") as second:
        second.start()
        second.import_busybox()
        for agent, name in ((first, "one"), (second, "two")):
            agent.write("web.yaml", manifest("web", hostNetwork=False, metadata={"labels": {"of": name}}))
        pods = [first.wait_running("web"), second.wait_running("web")]
        assert pods[0]["status"]["podIP"] != pods[1]["status"]["podIP"]
        ids = first.container_id("web"), second.container_id("web")

        second.restart()
        first.restart()
        assert (first.container_id("web"), second.container_id("web")) == ids
        second.clear()
        assert first.container_id("web") == ids[0]
        assert is_running(first.pod("web"))
        assert first.exec("web", "true") == ""


def test_an_agent_refuses_the_root_and_the_directory_of_another(own_agent: AgentUnderTest, agent_hosts: Hosts) -> None:
    first = own_agent
    with agent_at_rest(net_namespace=agent_hosts.node, node="node2") as second:
        second.settings = replace(second.settings, source=first.settings.source)
        second.launch()
        assert second.wait_dead(20)
        assert "another agent works on" in second.last_words()

    rival = replace(first, settings=replace(first.settings, source=None), process=None)
    rival.launch()
    assert rival.wait_dead(20)
    assert "another agent runs with this root dir" in rival.last_words()
    assert first.is_ready()


def foreign_sandbox(agent: AgentUnderTest) -> str:
    """Make a sandbox without our label on an agent's containerd, as another tool would."""

    async def make() -> str:
        request = pb.RunPodSandboxRequest(
            config=pb.PodSandboxConfig(
                metadata=pb.PodSandboxMetadata(name="foreign", uid=str(uuid4()), namespace="theirs"),
                log_directory=str(agent.root),
                linux=pb.LinuxPodSandboxConfig(
                    cgroup_parent=f"{agent.cgroup_root}/foreign",
                    security_context=pb.LinuxSandboxSecurityContext(
                        namespace_options=pb.NamespaceOption(network=pb.NODE)
                    ),
                ),
            ),
            runtime_handler=agent.status()["runtime"]["ociRuntime"],
        )
        async with cri_client(agent.containerd.socket) as client:
            reply = await client.transport.unary(methods.RUN_SANDBOX, request, 30)
            return reply.pod_sandbox_id

    return apart(make())


def test_a_shared_runtime_is_refused_or_shared_without_harm(own_agent: AgentUnderTest, agent_hosts: Hosts) -> None:
    owner = own_agent
    owner.write("web.yaml", manifest("web"))
    owner.wait_running("web")
    theirs = foreign_sandbox(owner)
    web = owner.container_id("web")
    with agent_at_rest(net_namespace=agent_hosts.node, node="node2") as guest:
        endpoint = RuntimeSettings(endpoint=f"unix://{owner.containerd.socket}")
        guest.settings = replace(guest.settings, runtime=endpoint)
        guest.launch()
        assert guest.wait_dead(20)
        assert "--share-runtime" in guest.last_words()

        guest.settings = replace(guest.settings, runtime=replace(endpoint, share_runtime=True))
        guest.start()
        guest.write("guest.yaml", manifest("guest"))
        guest.wait_running("guest")
        owner.restart()
        # Without its agent too, whose command line alone named the runtime, the guest's pods can be ended.
        guest.stop()
        said: list[str] = []
        assert halt_instance(guest.settings.paths, said.append) == 0
        assert said[:2] == ["stopping 1 containers", "removed 1 pod from the runtime"]
        guest.start()
        guest.wait_running("guest")
        guest.remove("guest.yaml")
        guest.wait("the guest's pod is gone", lambda: not guest.pods())
        assert owner.container_id("web") == web
        assert theirs in {s.id for s in owner.sandboxes()}
        assert [s.id for s in owner.sandboxes() if s.id == theirs and s.ready] == [theirs]
        guest.stop()


def test_pods_come_back_after_a_reboot(own_agent: AgentUnderTest) -> None:
    agent = own_agent
    agent.write("host.yaml", manifest("host"))
    agent.write("own.yaml", manifest("own", hostNetwork=False))
    agent.write("broken.yaml", manifest("broken"))
    before = {name: agent.wait_running(name) for name in ("host", "own", "broken")}
    agent.write("broken.yaml", "kind: Pod\nmetadata: [")
    agent.wait_file("broken.yaml", "Rejected")

    agent.pull_the_plug()
    agent.start()

    for name, pod in before.items():
        back = agent.wait_running(name, 30)
        assert uid(back) == uid(pod), name
        assert container_status(back)["restartCount"] == 1, name
        assert len(agent.containers(name, running=True)) == 1
    # What cannot be read now starts with what was admitted before.
    agent.wait_file("broken.yaml", "Rejected")
