"""A node that goes down, for real: in what order its pods end, and that all of them come back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from podstead.k8s.annotations import START_AFTER
from tests.support.manifests import manifest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.agent import AgentUnderTest

pytestmark = pytest.mark.real


def ending(name: str, journal: Path, **changes: Any) -> str:
    """A pod that takes a moment to end, and writes down when it has."""
    told = f"trap 'sleep 0.3; echo {name} >>/journal/ended; exit 0' TERM; echo {name} >>/journal/began; while :; do sleep 0.1; done"
    return manifest(
        name,
        container={"command": ["sh", "-c", told], "volumeMounts": [{"name": "v", "mountPath": "/journal"}]},
        volumes=[{"name": "v", "hostPath": {"path": str(journal)}}],
        terminationGracePeriodSeconds=10,
        **changes,
    )


def test_pods_end_against_the_order_of_their_starts_and_come_back(own_agent: AgentUnderTest, tmp_path: Path) -> None:
    agent = own_agent
    agent.write("mysql.yaml", ending("mysql", tmp_path, priorityClassName="system-cluster-critical"))
    agent.write("web.yaml", ending("web", tmp_path, metadata={"annotations": {START_AFTER: "db"}}))
    agent.write("db.yaml", ending("db", tmp_path))
    for name in ("mysql", "db", "web"):
        agent.wait_running(name)
    began = (tmp_path / "began").read_text().split()
    assert began.index("db") < began.index("web")

    lines = agent.api.ask("POST", "/apis/podstead.io/v1alpha1/stop-all").lines()

    assert lines[-1]["type"] == "Done", lines
    assert (tmp_path / "ended").read_text().split() == ["web", "db", "mysql"]
    assert agent.wait_dead(10.0)
    agent.start()
    for name in ("mysql", "db", "web"):
        agent.wait_running(name, 20.0)
    again = (tmp_path / "began").read_text().split()[3:]
    assert again.index("db") < again.index("web")
