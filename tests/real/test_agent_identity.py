"""Names that last: an incarnation's uid, the API's own, and the node's (foundation 12)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.manifests import manifest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.agent import AgentUnderTest

pytestmark = pytest.mark.real


def incarnation(pod: dict[str, Any]) -> str:
    return str(pod["metadata"]["annotations"]["kubernetes.io/config.hash"])


def log_directories(agent: AgentUnderTest, name: str) -> list[Path]:
    return sorted(agent.settings.paths.pod_logs.glob(f"default_{agent.full_name(name)}_*"))


def test_the_next_incarnation_meets_nothing_of_the_last(agent: AgentUnderTest) -> None:
    text = manifest("web", container={"command": ["sh", "-c", "echo started; exec sleep 3600"]})
    agent.write("web.yaml", text)
    first = agent.wait_running("web")
    api_uid, uid = first["metadata"]["uid"], incarnation(first)
    assert api_uid != uid
    assert agent.labels_of("web")[0].labels["io.kubernetes.pod.uid"] == uid
    assert [d.name.rpartition("_")[2] for d in log_directories(agent, "web")] == [uid]

    agent.remove("web.yaml")
    agent.wait_gone("web")
    agent.write("web.yaml", text)
    second = agent.wait_running("web")

    assert {second["metadata"]["uid"], incarnation(second)}.isdisjoint({api_uid, uid})
    assert incarnation(second) in {d.name.rpartition("_")[2] for d in log_directories(agent, "web")}
    assert second["status"]["containerStatuses"][0]["restartCount"] == 0
    assert agent.log_of("web") == "started\n"


def test_a_renamed_machine_keeps_its_node_and_its_pods(own_agent: AgentUnderTest) -> None:
    own_agent.write("web.yaml", manifest("web"))
    before = own_agent.wait_running("web")
    containers = own_agent.containers("web")
    assert own_agent.stop() == 0
    given = own_agent.settings

    own_agent.settings = replace(given, node=replace(given.node, name="renamed"))
    own_agent.start()
    own_agent.settings = given  # the tests' own names follow the node's, which stays

    after = own_agent.wait_running("web")
    assert (after["metadata"]["uid"], incarnation(after)) == (before["metadata"]["uid"], incarnation(before))
    assert own_agent.containers("web") == containers
    assert [n["metadata"]["name"] for n in own_agent.api.get("/api/v1/nodes")["items"]] == ["node1"]
    problem = own_agent.wait("the node says so", lambda: own_agent.problems().get("NodeNameChanged"))
    assert "renamed" in problem
    assert "node1" in problem
