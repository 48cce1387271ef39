"""Probes under the whole agent: what they dial, what they kill, what they only show."""

from __future__ import annotations

import subprocess
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.manifests import OBEYING, condition, container_status, is_running, manifest
from tests.support.netns import NODE_ADDRESS
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.support.agent import AgentUnderTest

pytestmark = pytest.mark.real

SERVING = ["sh", "-c", "touch /tmp/ok; httpd -p 8080 -h /www; " + OBEYING]
OFTEN = {"periodSeconds": 1, "timeoutSeconds": 1, "failureThreshold": 2}

GRPC_SERVER = """
import asyncio, sys
from grpclib.health.service import Health
from grpclib.server import Server
async def main():
    server = Server([Health()])
    await server.start("0.0.0.0", int(sys.argv[1]))
    await server.wait_closed()
asyncio.run(main())
"""


def uid(pod: dict[str, Any]) -> str:
    return str(pod["metadata"]["annotations"]["kubernetes.io/config.hash"])


@pytest.mark.conformance("S22")
@pytest.mark.parametrize(
    ("handler", "spoil"),
    [
        pytest.param({"httpGet": {"path": "/index.html", "port": 8080}}, "rm /www/index.html", id="http"),
        pytest.param({"httpGet": {"path": "/index.html", "port": "web"}}, "rm /www/index.html", id="http-named"),
        pytest.param({"tcpSocket": {"port": 8080}}, "killall httpd", id="tcp"),
        pytest.param({"exec": {"command": ["test", "-f", "/tmp/ok"]}}, "rm /tmp/ok", id="exec"),
    ],
)
def test_a_failing_liveness_probe_restarts_the_container(
    agent: AgentUnderTest, handler: dict[str, Any], spoil: str
) -> None:
    container = {
        "command": SERVING,
        "livenessProbe": {**handler, **OFTEN},
        "ports": [{"name": "web", "containerPort": 8080}],
    }
    agent.write("web.yaml", manifest("web", hostNetwork=False, container=container))
    pod = agent.wait_running("web")
    old = agent.container_id("web")
    time.sleep(2.5)
    assert agent.container_id("web") == old

    agent.exec("web", "sh", "-c", spoil)
    after = agent.wait_pod("web", lambda p: is_running(p) and container_status(p)["restartCount"] == 1)

    assert agent.container_id("web") != old
    assert after["status"]["podIP"] == pod["status"]["podIP"]
    assert [e for e in agent.events("Killing", uid=uid(pod)) if "iveness" in e["message"]]
    assert agent.events("Unhealthy", uid=uid(pod))
    time.sleep(2.5)
    assert container_status(agent.pod("web"))["restartCount"] == 1


@pytest.mark.conformance("S24")
def test_readiness_changes_the_condition_only(agent: AgentUnderTest) -> None:
    probe = {"exec": {"command": ["test", "-f", "/tmp/ok"]}, "periodSeconds": 1}
    command = ["sh", "-c", OBEYING]
    agent.write("web.yaml", manifest("web", container={"command": command, "readinessProbe": probe}))
    agent.wait_pod("web", lambda p: p["status"].get("containerStatuses") and "running" in container_status(p)["state"])
    old = agent.container_id("web")
    time.sleep(2.0)
    assert condition(agent.pod("web"), "Ready") == "False"

    agent.exec("web", "touch", "/tmp/ok")
    ready = agent.wait_running("web")
    assert condition(ready, "ContainersReady") == "True"

    # An agent that comes back takes up where the last one was: readiness does not flap.
    agent.restart()
    assert condition(agent.pod("web"), "Ready") == "True"

    agent.exec("web", "rm", "/tmp/ok")
    agent.wait_pod("web", lambda p: condition(p, "Ready") == "False")
    assert agent.container_id("web") == old
    assert container_status(agent.pod("web"))["restartCount"] == 0


@pytest.mark.conformance("S23")
def test_liveness_is_silent_until_the_container_has_started(agent: AgentUnderTest) -> None:
    container = {
        "startupProbe": {
            "exec": {"command": ["test", "-f", "/tmp/started"]},
            "periodSeconds": 1,
            "failureThreshold": 30,
        },
        "livenessProbe": {
            "exec": {"command": ["test", "-f", "/tmp/started"]},
            "periodSeconds": 1,
            "failureThreshold": 1,
        },
    }
    agent.write("web.yaml", manifest("web", container=container))
    agent.wait_pod("web", lambda p: p["status"].get("containerStatuses") and "running" in container_status(p)["state"])
    time.sleep(3.0)
    waiting = container_status(agent.pod("web"))
    assert (waiting["started"], waiting["ready"], waiting["restartCount"]) == (False, False, 0)

    agent.exec("web", "touch", "/tmp/started")
    pod = agent.wait_running("web")
    assert container_status(pod)["started"] is True

    agent.exec("web", "rm", "/tmp/started")
    agent.wait_pod("web", lambda p: container_status(p)["restartCount"] == 1)


def test_a_startup_probe_that_never_succeeds_restarts(agent: AgentUnderTest) -> None:
    probe = {"exec": {"command": ["false"]}, "periodSeconds": 1, "failureThreshold": 2}
    agent.write("web.yaml", manifest("web", container={"startupProbe": probe}))

    pod = agent.wait_pod(
        "web", lambda p: p["status"].get("containerStatuses") and container_status(p)["restartCount"] >= 1, 15
    )

    assert [e for e in agent.events("Killing", uid=uid(pod)) if "tartup" in e["message"]]


def test_a_grpc_probe_asks_the_health_service(agent: AgentUnderTest) -> None:
    """The server is a process of the node's network namespace, where a pod on the host network is probed."""
    server = subprocess.Popen(
        ["nsenter", f"--net={agent.net_namespace}", sys.executable, "-c", GRPC_SERVER, "18085"],
        stdin=subprocess.DEVNULL,
    )
    try:
        probe = {"grpc": {"port": 18085}, **OFTEN}
        agent.write("web.yaml", manifest("web", container={"readinessProbe": probe}))
        pod = agent.wait_running("web")
        assert pod["status"]["podIP"] == NODE_ADDRESS
    finally:
        server.kill()
        server.wait(10)
    agent.wait_pod("web", lambda p: condition(p, "Ready") == "False")


def _is_another(agent: AgentUnderTest, pid: int | None) -> bool:
    return agent.containerd_pid() not in {None, pid}


def test_nobody_is_killed_while_the_runtime_is_away(own_agent: AgentUnderTest) -> None:
    """An exec probe cannot run without containerd: that is Unknown, no failure (foundation 20)."""
    agent = own_agent
    probe = {"exec": {"command": ["true"]}, "periodSeconds": 1, "timeoutSeconds": 1, "failureThreshold": 1}
    agent.write("web.yaml", manifest("web", container={"livenessProbe": probe}))
    agent.wait_running("web")
    old = agent.container_id("web")
    for _ in range(2):
        before = agent.containerd_pid()
        agent.kill_containerd()
        wait_until("containerd is back", partial(_is_another, agent, before), 20)
        time.sleep(2.0)
    agent.wait("the runtime is connected", lambda: agent.status()["runtime"]["ready"], 20)
    time.sleep(2.0)

    pod = agent.wait_running("web")
    assert agent.container_id("web") == old
    assert container_status(pod)["restartCount"] == 0
