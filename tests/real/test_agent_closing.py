"""A node that goes down, for real: in what order its pods end, and that all of them come back."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest

from podstead.k8s.annotations import START_AFTER
from tests.simulators.login1 import BusDaemon, SimulatedLogin
from tests.support.manifests import manifest
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
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


def deploy(agent: AgentUnderTest, journal: Path) -> None:
    """Run a critical pod, and one that starts after another."""
    agent.write("mysql.yaml", ending("mysql", journal, priorityClassName="system-cluster-critical"))
    agent.write("web.yaml", ending("web", journal, metadata={"annotations": {START_AFTER: "db"}}))
    agent.write("db.yaml", ending("db", journal))
    for name in ("mysql", "db", "web"):
        agent.wait_running(name, 20.0)


def test_pods_end_against_the_order_of_their_starts_and_come_back(own_agent: AgentUnderTest, tmp_path: Path) -> None:
    agent = own_agent
    deploy(agent, tmp_path)
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


@pytest.fixture
async def login(resting_agent: AgentUnderTest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SimulatedLogin]:
    """logind on a bus of the test's own; it waits long enough as it is, so that nothing is written for it."""
    daemon = BusDaemon(resting_agent.root)
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", daemon.address)
    await daemon.start()
    made = SimulatedLogin(resting_agent.root / "drop-ins", delay_seconds=600.0)
    await made.start(daemon.address)
    yield made
    made.close()
    daemon.stop()


async def test_logind_waits_for_the_pods_of_a_real_agent(
    login: SimulatedLogin, resting_agent: AgentUnderTest, tmp_path: Path
) -> None:
    agent = resting_agent

    await asyncio.to_thread(agent.start)
    await asyncio.to_thread(agent.import_busybox)
    await asyncio.to_thread(deploy, agent, tmp_path)
    assert login.held == 1
    began = time.monotonic()
    login.begin()
    await asyncio.to_thread(wait_until, "the machine may go down", lambda: not login.held, 30.0)
    seconds = time.monotonic() - began
    # Three stages of 0.3 s and what their stops take; with their whole grace periods it would be 30.
    assert 0.9 <= seconds < 10
    assert (tmp_path / "ended").read_text().split() == ["web", "db", "mysql"]
    login.call_off()
    for name in ("mysql", "db", "web"):
        await asyncio.to_thread(agent.wait_running, name, 20.0)
    assert login.held == 1
    assert await asyncio.to_thread(agent.stop) == 0
    assert login.held == 0
    assert (tmp_path / "ended").read_text().split() == ["web", "db", "mysql"]  # the agent alone ends nothing
