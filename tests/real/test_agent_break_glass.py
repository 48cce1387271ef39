"""Break-glass, holds and the rollback gate end to end: typed commands, a real agent on a real containerd.

Beside everything a database goes on: the same container with the same process.
"""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from tests.real.test_agent_signatures import Operator, keygen, operator_of, process_of
from tests.support.manifests import container_status, manifest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.agent import AgentUnderTest
    from tests.support.netns import Hosts

pytestmark = pytest.mark.real

DAY = 86_400.0


@pytest.fixture
def operator(agent_hosts: Hosts, tmp_path: Path) -> Iterator[Operator]:
    """An agent that enforces signatures of two keys, with a database that runs."""

    with operator_of(agent_hosts, tmp_path) as made:
        made.sign("db.yaml", manifest("db"))
        made.agent.wait_running("db", 30)
        yield made


def kill(agent: AgentUnderTest, name: str) -> None:
    """Kill a pod's container."""
    os.kill(process_of(agent, name)[1], signal.SIGKILL)


def waits(agent: AgentUnderTest, name: str) -> str:
    """Return why a pod's container waits; empty: it does not."""
    waiting = container_status(agent.pod(name))["state"].get("waiting", {})
    return str(waiting.get("reason", ""))


def held(agent: AgentUnderTest, name: str) -> str:
    """Return why a pod is held; empty: it is not."""
    conditions = agent.pod(name)["status"]["conditions"]
    return next((str(one["reason"]) for one in conditions if one["type"] == "podstead.io/Held"), "")


@pytest.mark.attack("planted-pod", "clock-back")
def test_break_glass_lets_one_content_through_for_its_time(operator: Operator) -> None:
    agent = operator.agent
    db = process_of(agent, "db")
    text = manifest("web")
    file = agent.write("web.yaml", text)
    operator.refused("web.yaml", "SignatureMissing")
    said = operator.run("allow", file, "--for", "1h", "--reason", "the signer is away")
    assert "may run until" in said
    agent.wait_running("web", 30)
    assert "the signer is away" in operator.run("allow", "list")
    assert "the signer is away" in str(operator.file("web.yaml")["messages"])
    web = process_of(agent, "web")
    kill(agent, "web")
    agent.wait("it is restarted meanwhile", lambda: container_status(agent.pod("web"))["restartCount"] == 1, 20)
    agent.wait_running("web", 20)
    agent.restart()
    assert "ended" not in operator.run("allow", "list")

    agent.write("web.yaml", manifest("web", hostPID=True))  # other bytes under the same name
    operator.refused("web.yaml", "SignatureMissing")
    agent.write("web.yaml", text)
    volumes = [{"name": "m", "hostPath": {"path": str(agent.manifests)}}]
    mount = {"volumeMounts": [{"name": "m", "mountPath": "/m"}]}
    evil = agent.write("evil.yaml", manifest("evil", container=mount, volumes=volumes))
    operator.run("allow", evil, "--for", "1h", "--reason", "x")
    operator.refused("evil.yaml", "SelfProtection")
    agent.remove("evil.yaml")

    web = process_of(agent, "web")
    agent.step_wall_clock(2 * 3600.0)
    agent.wait("it is held", lambda: held(agent, "web") == "AllowanceEnded", 90)
    assert process_of(agent, "web") == web
    agent.step_wall_clock(-DAY)
    kill(agent, "web")
    agent.wait("it is not restarted", lambda: waits(agent, "web") == "Held: AllowanceEnded", 20)
    assert "Held: AllowanceEnded" in operator.run("get", "pods")
    assert process_of(agent, "db") == db

    agent.step_wall_clock(0.0)
    operator.sign("web.yaml", text)
    agent.wait("it may start again", lambda: held(agent, "web") == "", 30)
    agent.wait_running("web", 60)
    assert process_of(agent, "db") == db


@pytest.mark.attack("untrusted-key")
def test_a_revoked_key_starts_nothing_again_and_brings_nothing_back(operator: Operator) -> None:
    agent = operator.agent
    db = process_of(agent, "db")
    operator.sign("web.yaml", manifest("web"), by="dev")
    operator.sign("api.yaml", manifest("api"), by="dev")
    agent.wait_running("web", 30)
    agent.wait_running("api", 30)
    operator.sign("api.yaml", manifest("api", container={"env": [{"name": "A", "value": "b"}]}))
    agent.wait("the edit runs", lambda: "Effective" in operator.run("history", "api").splitlines()[1], 30)
    web = process_of(agent, "web")

    keygen("-q", "-k", "-f", agent.root / "revoked_keys", operator.key("dev").with_suffix(".pub"))
    agent.wait("web is held", lambda: held(agent, "web") == "KeyRevoked", 30)
    assert process_of(agent, "web") == web
    assert "is held, so nothing of it is started again" in operator.run("restart", "web", code=1)
    refused = operator.run("rollback", "api", code=1)
    assert "does not go back to revision" in refused
    assert "is revoked" in refused
    assert (held(agent, "api"), process_of(agent, "db")) == ("", db)

    agent.pull_the_plug()
    agent.start()
    agent.wait_running("db", 60)
    agent.wait_running("api", 60)
    agent.wait("web stays down", lambda: waits(agent, "web") == "Held: KeyRevoked", 20)
    assert "Held: KeyRevoked" in operator.run("get", "pods")
    assert "sign it again with another key" in operator.run("describe", "pod", "web")
    operator.sign("web.yaml", manifest("web"))
    agent.wait_running("web", 60)
