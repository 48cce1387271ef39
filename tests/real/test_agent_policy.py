"""A node's policy end to end: a real agent on a real containerd, with a database that serves on its port throughout."""

from __future__ import annotations

import hashlib
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.agent import agent_at_rest
from tests.support.manifests import container_status, manifest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from podstead.config.settings import Settings
    from tests.support.agent import AgentUnderTest
    from tests.support.netns import Hosts

pytestmark = pytest.mark.real

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "policy-mysql.yaml"
HEAD = "apiVersion: podstead.io/v1\nkind: NodePolicy\n"
PORT = 3306
SERVE = ["sh", "-c", f"while :; do echo ready | nc -l -p {PORT}; done"]
CONTAINER = {
    "command": SERVE,
    "readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 1, "failureThreshold": 3},
}
DATABASE = manifest("db", container=CONTAINER)
DIGEST = f"sha256:{hashlib.sha256(DATABASE.encode()).hexdigest()}"
POLICY = f"""{HEAD}podSecurity: {{level: baseline}}
images: {{deny: [evil.example]}}
exemptions:
- name: network
  pods: [default/db]
  controls: [Host Namespaces]
  reason: clients reach it by the node
  until: 2099-12-31
  digests: ["{DIGEST}"]
"""


@pytest.fixture(scope="module")
def policed(agent_hosts: Hosts) -> Iterator[AgentUnderTest]:
    """An agent with a policy and the database that it exempts."""

    def with_policy(settings: Settings) -> Settings:
        policy = settings.paths.root / "policy.yaml"
        return replace(settings, security=replace(settings.security, policy=policy, policy_required=True))

    with agent_at_rest(net_namespace=agent_hosts.node, changed=with_policy) as agent:
        write(agent, POLICY)
        agent.start()
        agent.import_busybox()
        agent.write("db.yaml", DATABASE)
        agent.wait_running("db", 30)
        yield agent


@pytest.fixture
def agent(policed: AgentUnderTest) -> Iterator[AgentUnderTest]:
    """The agent, whose database is the same process before and after, and was Ready all the time."""
    before = process_of(policed)
    since = ready_since(policed)
    yield policed
    assert process_of(policed) == before
    assert container_status(policed.pod("db"))["restartCount"] == 0
    assert ready_since(policed) == since


def write(agent: AgentUnderTest, text: str) -> None:
    """Replace the policy's file."""
    made = agent.settings.paths.root / ".policy.new"
    made.write_text(text)
    made.chmod(0o600)
    os.replace(made, agent.settings.paths.root / "policy.yaml")  # noqa: PTH105 - one name for the file that is replaced


def process_of(agent: AgentUnderTest) -> tuple[str, int]:
    """Return the database's container and its process."""
    identifier = container_status(agent.pod("db"))["containerID"].partition("://")[2]
    return identifier, agent.pid_of(identifier)


def ready_since(agent: AgentUnderTest) -> str:
    """Return since when its port has answered without a break."""
    (found,) = [c for c in agent.pod("db")["status"]["conditions"] if c["type"] == "Ready"]
    assert found["status"] == "True"
    return str(found["lastTransitionTime"])


def refused(agent: AgentUnderTest, name: str) -> str:
    """Wait until the policy has refused a file; return what it says."""
    agent.wait(
        f"{name} is refused",
        lambda: (
            (agent.files().get(name, {}).get("verdict"), agent.files()[name].get("reason"))
            == ("Rejected", "PolicyViolation")
        ),
        15,
    )
    return "\n".join(one["message"] for one in agent.files()[name]["messages"])


@pytest.mark.attack("planted-pod", "borrowed-name", "edited-image")
def test_what_the_policy_forbids_is_refused_while_the_database_serves(agent: AgentUnderTest) -> None:
    planted = manifest("planted", hostNetwork=False, container={"securityContext": {"privileged": True}})
    agent.write("planted.yaml", planted)
    agent.write("other.yaml", manifest("db", namespace="default", hostPID=True))
    agent.write("db.yaml", manifest("db", image="evil.example/db:1", container=CONTAINER))
    assert "Privileged Containers" in refused(agent, "planted.yaml")
    assert "Host Namespaces" in refused(agent, "other.yaml")
    assert "Denied Images" in refused(agent, "db.yaml")
    assert len(agent.pods()) == 1
    for name in ("planted.yaml", "other.yaml"):
        agent.remove(name)
    agent.write("db.yaml", DATABASE)
    agent.wait_file("db.yaml", "Accepted", 15)


def test_a_stricter_policy_and_the_example_stop_nothing(agent: AgentUnderTest) -> None:
    write(agent, f"{HEAD}podSecurity: {{level: restricted}}\n")
    agent.write("web.yaml", manifest("web", hostNetwork=False))
    assert "Privilege Escalation" in refused(agent, "web.yaml")
    write(agent, EXAMPLE.read_text())
    image = {"image": "registry.example.com/web/site:1"}
    agent.write("web.yaml", manifest("web", namespace="default", hostNetwork=False, container=image))
    agent.wait("the rules judge", lambda: "give a memory limit" in refused(agent, "web.yaml"), 20)
    agent.remove("web.yaml")
    write(agent, POLICY)


@pytest.mark.attack("swapped-host-path")
def test_a_path_that_its_container_leads_elsewhere_is_not_mounted_there(agent: AgentUnderTest, tmp_path: Path) -> None:
    """A container replaces a directory below its own writable mount by a link, and ends: its next start would follow it."""
    shared, elsewhere = tmp_path / "shared", tmp_path / "elsewhere"
    (shared / "sub").mkdir(parents=True)
    elsewhere.mkdir()
    write(agent, f"{HEAD}hostPaths: [{{prefix: {shared}}}]\n")
    volumes = [
        {"name": "all", "hostPath": {"path": str(shared)}},
        {"name": "part", "hostPath": {"path": str(shared / "sub")}},
    ]
    mounts = [{"name": "all", "mountPath": "/all"}, {"name": "part", "mountPath": "/part"}]
    agent.write("led.yaml", manifest("led", hostNetwork=False, container={"volumeMounts": mounts}, volumes=volumes))
    agent.wait_running("led", 20)
    agent.exec("led", "sh", "-c", f"rmdir /all/sub && ln -s {elsewhere} /all/sub")
    os.kill(agent.pid_of(agent.container_id("led")), signal.SIGKILL)

    agent.wait("it is refused", lambda: agent.events("PolicyViolation", "led"), 30)
    assert f"it leads to {elsewhere} now" in agent.events("PolicyViolation", "led")[-1]["message"]
    assert list(elsewhere.iterdir()) == []

    (shared / "sub").unlink()
    (shared / "sub").mkdir()
    agent.wait_running("led", 60)
    agent.remove("led.yaml")
    write(agent, POLICY)
