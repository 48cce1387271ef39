"""The kubelet's cases that other tests of the real ring do not meet: what waits, what is lost outside, other sources."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from podstead.config.sources import UrlSettings
from podstead.identity import ContainerID
from tests.simulators.manifest_server import Answer, ManifestServer
from tests.support.manifests import container_status, manifest
from tests.support.netns import call_in_namespace
from tests.support.nodes import cri_client

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from podstead.config.settings import Settings
    from tests.support.agent import AgentUnderTest

pytestmark = pytest.mark.real

# Nothing listens there: a pull fails at once, and no packet leaves the machine.
NOWHERE = "127.0.0.1:1/missing:1"


def waits_for(pod: dict[str, Any], reason: str) -> bool:
    """Whether the only container of a pod waits for this reason."""
    if not pod["status"].get("containerStatuses"):
        return False
    return bool(container_status(pod)["state"].get("waiting", {}).get("reason") == reason)


@pytest.mark.conformance("S29", "S30", "S32", "S35")
def test_what_waits_says_why_and_goes_on(agent: AgentUnderTest, tmp_path: Path) -> None:
    file = tmp_path / "settings"
    volume = {"name": "v", "hostPath": {"path": str(file), "type": "File"}}
    mounted = {"volumeMounts": [{"name": "v", "mountPath": "/settings"}]}
    unsafe = {"sysctls": [{"name": "kernel.msgmax", "value": "65536"}]}
    never = {"image": NOWHERE, "imagePullPolicy": "Never"}
    agent.write("never.yaml", manifest("never", container=never))
    agent.write("pull.yaml", manifest("pull", container={"image": NOWHERE}))
    agent.write("path.yaml", manifest("path", container=mounted, volumes=[volume]))
    agent.write("sysctl.yaml", manifest("sysctl", securityContext=unsafe, hostNetwork=False))

    agent.wait_pod("pull", lambda p: waits_for(p, "RegistryUnavailable"))
    agent.wait_pod("never", lambda p: waits_for(p, "ErrImageNeverPull"))
    agent.wait_pod("path", lambda p: waits_for(p, "ContainerCreating"))
    pod = agent.wait_pod("sysctl", lambda p: p["status"].get("reason") == "SysctlForbidden")
    assert pod["status"]["phase"] == "Pending"
    agent.wait("an event names the path", lambda: str(file) in str(agent.events("FailedMount", about="path")))
    agent.wait_pod("pull", lambda p: waits_for(p, "ImagePullBackOff"))
    file.touch()
    agent.wait_running("path", 15.0)
    assert not any(agent.containers(name) for name in ("never", "pull", "sysctl"))


@pytest.mark.conformance("S37", "S38")
async def test_a_container_that_is_removed_outside_is_made_again(agent: AgentUnderTest) -> None:
    agent.write("web.yaml", manifest("web", hostNetwork=False))
    agent.wait_running("web")
    first = agent.container_id("web")
    assert agent.events("MissingClusterDNS", about="web")

    async with cri_client(agent.containerd.socket) as client:
        await client.remove_container(ContainerID(first))

    pod = agent.wait_pod("web", lambda p: container_status(p)["restartCount"] == 1, 40.0)
    agent.wait_running("web")
    assert agent.container_id("web") != first
    assert len(agent.sandboxes("web")) == 1
    assert container_status(pod)["restartCount"] == 1


@contextmanager
def server_of(agent: AgentUnderTest) -> Iterator[ManifestServer]:
    """A server of manifests in the network namespace of the agent."""
    with call_in_namespace(agent.net_namespace, ManifestServer) as server:
        yield server


def from_url(settings: Settings, server: ManifestServer, path: Path) -> Settings:
    """Settings with another path and a URL that is asked often."""
    assert settings.source is not None
    url = UrlSettings(url=server.url(), shown=server.url(), check_seconds=0.2)
    return replace(settings, source=replace(settings.source, path=path), url=url)


def pod_list(*names: str) -> bytes:
    items = [json.loads(manifest(name)) for name in names]
    return json.dumps({"apiVersion": "v1", "kind": "PodList", "items": items}).encode()


@pytest.mark.conformance("S6", "S7", "S11", "S12")
def test_one_file_that_comes_later_and_a_url(resting_agent: AgentUnderTest) -> None:
    agent = resting_agent
    file = agent.manifests / "web.yaml"
    with server_of(agent) as server:
        server.answer = Answer(status=500)
        agent.settings = from_url(agent.settings, server, file)
        agent.start()
        agent.import_busybox()
        assert agent.pods() == {}
        agent.write("web.yaml", manifest("web"))
        server.answer = Answer(body=pod_list("a", "b"))
        for name in ("web", "a", "b"):
            agent.wait_running(name, 15.0)
        running = {name: agent.container_id(name) for name in ("web", "a", "b")}

        agent.write("web.yaml", "kind: [")
        server.answer = Answer(body=b"")
        for name in ("web.yaml", "pods.yaml"):
            agent.wait_file(name, "Rejected")
        server.answer = Answer(status=500)
        agent.wait("it is told", lambda: "SourceImpaired" in agent.problems(), 15.0)
        agent.restart()
        assert {name: agent.container_id(name) for name in running} == running

        server.answer = Answer(body=pod_list("b"))
        agent.wait_gone("a")
        server.answer = Answer(body=pod_list())
        agent.wait_gone("b")
        assert agent.container_id("web") == running["web"]


@pytest.mark.conformance("S14")
def test_a_file_removed_while_the_agent_is_down_ends_its_pod_in_order(
    own_agent: AgentUnderTest, tmp_path: Path
) -> None:
    agent = own_agent
    ending = "trap 'sleep 1; echo ended >>/said/words; exit 0' TERM; while :; do sleep 0.1; done"
    container = {
        "command": ["sh", "-c", ending],
        "lifecycle": {"preStop": {"exec": {"command": ["sh", "-c", "echo hook >>/said/words"]}}},
        "volumeMounts": [{"name": "said", "mountPath": "/said"}],
    }
    volume = {"name": "said", "hostPath": {"path": str(tmp_path)}}
    agent.write("web.yaml", manifest("web", container=container, volumes=[volume], terminationGracePeriodSeconds=9))
    agent.wait_running("web")

    agent.kill9()
    agent.remove("web.yaml")
    agent.start()

    agent.wait_gone("web", 20.0)
    assert (tmp_path / "words").read_text().split() == ["hook", "ended"]
