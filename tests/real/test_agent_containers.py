"""Init containers, sidecars, restart rules, deadlines and ends that are kept, on a real containerd."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.images import BUSYBOX_IMAGE
from tests.support.manifests import condition, container_status, manifest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.agent import AgentUnderTest

pytestmark = pytest.mark.real

SERVE = "while :; do sleep 3600 & wait; done"


def noting(name: str, **fields: Any) -> dict[str, Any]:
    """A container that serves, and notes its start and its stop in the order in which they come."""
    command = f"trap 'echo stop-{name} >> /order/all; exit 0' TERM; echo start-{name} >> /order/all; {SERVE}"
    return container(name, command, "/order", **fields)


def container(name: str, command: str, mounted_at: str = "/shared", **fields: Any) -> dict[str, Any]:
    return {
        "name": name,
        "image": BUSYBOX_IMAGE,
        "command": ["sh", "-c", command],
        "volumeMounts": [{"name": "shared", "mountPath": mounted_at}],
        **fields,
    }


def pod(name: str, *containers: dict[str, Any], directory: Path | None = None, **spec: Any) -> str:
    """A pod whose containers share a directory: of the node, or the pod's own."""
    source = {"emptyDir": {}} if directory is None else {"hostPath": {"path": str(directory)}}
    return manifest(name, containers=list(containers), volumes=[{"name": "shared", **source}], **spec)


def rule(action: str, *codes: int) -> dict[str, Any]:
    rules = [{"action": action, "exitCodes": {"operator": "In", "values": list(codes)}}]
    return {"restartPolicy": "Never", "restartPolicyRules": rules}


def phase(agent: AgentUnderTest, name: str) -> str:
    found: str = agent.pod(name).get("status", {}).get("phase", "")
    return found


def init_status(agent: AgentUnderTest, name: str, init: str) -> dict[str, Any]:
    statuses: list[dict[str, Any]] = agent.pod(name).get("status", {}).get("initContainerStatuses", [])
    return next((s for s in statuses if s["name"] == init), {})


@pytest.mark.conformance("S21", "S36")
def test_order_of_starts_and_stops_and_a_lost_sandbox(agent: AgentUnderTest, tmp_path: Path) -> None:
    always = {"restartPolicy": "Always"}
    setup = container("setup", "echo hello from setup; echo run-setup >> /order/all", "/order")
    first, second = noting("first", **always), noting("second", **always)
    text = pod("all", noting("main"), directory=tmp_path, initContainers=[first, setup, second])
    noted = tmp_path / "all"

    agent.write("all.yaml", text)
    agent.wait_running("all")

    assert noted.read_text().split() == ["start-first", "run-setup", "start-second", "start-main"]
    shown = agent.pod("all")
    assert condition(shown, "Initialized") == "True"
    assert [s["name"] for s in shown["status"]["initContainerStatuses"]] == ["first", "setup", "second"]
    assert init_status(agent, "all", "setup")["state"]["terminated"]["reason"] == "Completed"
    assert init_status(agent, "all", "first")["ready"]
    assert agent.log_of("all", "setup") == "hello from setup\n"
    assert agent.exec("all", "echo", "inside", container="second").strip() == "inside"

    (box,) = agent.sandboxes("all")
    os.kill(agent.sandbox_pid(box.id), signal.SIGKILL)
    agent.wait("in another sandbox", lambda: any(s.id != box.id and s.ready for s in agent.sandboxes("all")))
    agent.wait("initialised again", lambda: noted.read_text().split()[-1] == "start-main")
    again = noted.read_text().split()[4:]
    assert again[-4:] == ["start-first", "run-setup", "start-second", "start-main"]
    assert init_status(agent, "all", "setup")["restartCount"] == 1

    agent.wait_running("all")
    noted.write_text("")
    agent.remove("all.yaml")
    agent.wait_gone("all")
    assert noted.read_text().split() == ["stop-main", "stop-second", "stop-first"]


@pytest.mark.conformance("S17", "S19", "S20")
def test_rules_failures_deadlines_and_ends_that_are_kept(agent: AgentUnderTest) -> None:
    once = "if [ -e /shared/seen ]; then exit 3; fi; touch /shared/seen; exit 42"
    over = f"if [ ! -e /shared/seen ]; then touch /shared/seen; exit 88; fi; {SERVE}"
    idle = container("idle", SERVE, restartPolicy="Always")
    counting = container("setup", "echo ran >> /shared/inits")
    agent.write("rule.yaml", pod("rule", container("main", once, **rule("Restart", 42))))
    failing = container("setup", "exit 5")
    agent.write("init.yaml", pod("init", container("main", SERVE), restartPolicy="Never", initContainers=[failing]))
    agent.write("late.yaml", pod("late", container("main", SERVE), activeDeadlineSeconds=2, initContainers=[idle]))
    starting_over = container("main", over, **rule("RestartAllContainers", 88))
    agent.write("over.yaml", pod("over", starting_over, initContainers=[counting, idle]))
    ended = ("rule", "init", "late")

    agent.wait("three have failed", lambda: all(phase(agent, name) == "Failed" for name in ended), 20.0)
    main = container_status(agent.pod("rule"))
    assert (main["restartCount"], main["state"]["terminated"]["exitCode"]) == (1, 3), "restarted on 42 only"
    assert [c.name for c in agent.containers("init")] == ["setup"], "the main container is never made"
    assert init_status(agent, "init", "setup")["state"]["terminated"]["exitCode"] == 5
    assert agent.pod("late")["status"]["reason"] == "DeadlineExceeded"
    assert not agent.containers("late", running=True)
    agent.wait("their sandboxes are stopped", lambda: not any(s.ready for n in ended for s in agent.sandboxes(n)))

    agent.wait_running("over")
    assert agent.exec("over", "cat", "/shared/inits").split() == ["ran", "ran"], "the volume stays, init runs again"
    assert container_status(agent.pod("over"))["restartCount"] == 1
    assert [s.attempt for s in agent.sandboxes("over")] == [0]
    kept = {c.id for c in agent.containers("over")}

    before = {name: [s.id for s in agent.sandboxes(name)] for name in ended}
    agent.restart()
    agent.wait("they are shown", lambda: all(phase(agent, name) == "Failed" for name in ended))
    assert {name: [s.id for s in agent.sandboxes(name)] for name in ended} == before
    assert agent.pod("late")["status"]["reason"] == "DeadlineExceeded"
    assert {c.id for c in agent.containers("over")} == kept
