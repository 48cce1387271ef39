"""The agent dies before and after every durable write and every changing runtime call (foundation 16).

For N = 1, 2, … the agent is killed at the N-th point of creating a pod, then of editing it, then of removing it; the
next agent must bring each to its end. The series ends when every phase has passed without reaching its N-th point.
"""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.manifests import condition, container_status, is_running, manifest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.agent import AgentUnderTest

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

MAX_POINTS = 60
"""More points than any phase has: the bound of the series."""


@dataclass
class Bystander:
    """A pod that nothing may touch."""

    agent: AgentUnderTest
    seen: dict[str, Any] = field(default_factory=dict)

    def facts(self) -> dict[str, Any]:
        pod = self.agent.pod("calm")
        return {
            "id": self.agent.container_id("calm"),
            "ip": pod["status"]["podIP"],
            "restarts": container_status(pod)["restartCount"],
            "uid": pod["metadata"]["annotations"]["kubernetes.io/config.hash"],
            "boxes": [s.id for s in self.agent.sandboxes("calm")],
        }

    def check(self) -> None:
        assert self.facts() == self.seen


def version(number: int) -> str:
    env = [{"name": "VERSION", "value": str(number)}]
    volumes = [{"name": "d", "emptyDir": {}}]
    mounts = [{"name": "d", "mountPath": "/d"}]
    return manifest(
        "web",
        hostNetwork=False,
        volumes=volumes,
        container={
            "env": env,
            "volumeMounts": mounts,
            "ports": [{"containerPort": 80, "hostPort": 18082}],
            "lifecycle": {"postStart": {"exec": {"command": ["true"]}}, "preStop": {"exec": {"command": ["true"]}}},
        },
    )


def runs_version(agent: AgentUnderTest, number: int) -> bool:
    """Return whether exactly one container of the right content runs in exactly one ready sandbox."""
    pod = agent.pod("web")
    if not pod or not is_running(pod):
        return False
    running = agent.containers("web", running=True)
    ready = [s for s in agent.sandboxes("web") if s.ready]
    if len(running) != 1 or len(ready) != 1:
        return False
    return agent.exec("web", "sh", "-c", "echo $VERSION").strip() == str(number)


def nothing_left(agent: AgentUnderTest) -> bool:
    """Return whether only the bystander is in the runtime and on disk."""
    uids = {s.uid for s in agent.sandboxes()} | {c.uid for c in agent.containers()}
    on_disk = {path.name for path in agent.settings.paths.pods.iterdir()}
    return len(uids) == 1 and on_disk <= uids and not agent.pod("web")


def points_and(agent: AgentUnderTest, status: dict[str, Any]) -> str:
    """Return what tells of a failure: the points passed, and what the container says."""
    return "\n".join([*agent.points_passed(), json.dumps(status)])


def dies_before(agent: AgentUnderTest, done: Callable[[], bool], rest_seconds: float = 0.2) -> bool:
    """Wait until something is done or the agent dies of it, or of what it does in the rest after it; returns whether it died."""

    def over() -> bool:
        assert agent.process is not None
        if agent.process.poll() is not None:
            return True
        try:
            return done()
        except OSError:  # it died while it was asked
            return False

    agent.wait("it is done, or the agent dead", over, 20)
    agent.wait_dead(rest_seconds)
    agent.disarm()
    return agent.wait_dead(0.2)  # it may have been about to


def phase(agent: AgentUnderTest, number: int, act: Callable[[], object], done: Callable[[], bool]) -> bool:
    """Let the agent die at a point of one phase, and the next one finish it; returns whether the point was reached."""
    agent.arm(die_at=number)
    act()
    died = dies_before(agent, done)
    if died:
        points = agent.points_passed()
        assert len(points) == number, points
        agent.start()
        try:
            agent.wait("the next agent ends what was begun", done, 25)
        except AssertionError as error:
            raise AssertionError(f"died at {points[-1]}: {error}") from None
    return died


def test_death_at_every_point_of_a_pods_life(own_agent: AgentUnderTest) -> None:
    agent = own_agent
    agent.write("calm.yaml", manifest("calm", hostNetwork=False))
    agent.wait_running("calm")
    bystander = Bystander(agent)
    bystander.seen = bystander.facts()
    alive = {"create": True, "edit": True, "remove": True}
    reached = dict.fromkeys(alive, 0)

    for number in range(1, MAX_POINTS, 2):  # points come in pairs, and after one is before the next
        steps: list[tuple[str, Callable[[], object], Callable[[], bool]]] = [
            ("create", lambda: agent.write("web.yaml", version(1)), lambda: runs_version(agent, 1)),
            ("edit", lambda: agent.write("web.yaml", version(2)), lambda: runs_version(agent, 2)),
            ("remove", lambda: agent.remove("web.yaml"), lambda: nothing_left(agent)),
        ]
        for name, act, done in steps:
            if alive[name]:
                alive[name] = phase(agent, number, act, done)
                reached[name] += alive[name]
            else:
                act()
                agent.wait(f"{name} without a death", done, 20)
            if name != "remove":
                status = container_status(agent.pod("web"))
                assert status["restartCount"] == 0, f"{name}: {points_and(agent, status)}"
        bystander.check()
        if not any(alive.values()):
            break

    assert not any(alive.values()), alive
    # A phase of fewer deaths would mean that the points are not counted any more.
    assert min(reached.values()) >= 4, json.dumps(reached)


def test_death_before_every_point_of_a_recovery(own_agent: AgentUnderTest) -> None:
    """What a first death left half done is found by an agent that dies as well, before each point, and by its successor.

    Points come in pairs, and after one is before the next; a run takes every second pair, which ones its random seed says.
    """
    agent = own_agent
    agent.write("calm.yaml", manifest("calm", hostNetwork=False))
    agent.wait_running("calm")
    bystander = Bystander(agent)
    bystander.seen = bystander.facts()
    agent.write("web.yaml", version(0))
    agent.wait("it runs", lambda: runs_version(agent, 0), 20)

    for number in range(random.choice((1, 3)), MAX_POINTS, 4):
        agent.kill9()
        agent.write("web.yaml", version(number))
        agent.arm(die_at=number)
        agent.launch()
        reached = dies_before(agent, partial(runs_version, agent, number), rest_seconds=1.5)
        if reached:
            agent.start()
        agent.wait("the last edit runs", partial(runs_version, agent, number), 25)
        status = container_status(agent.pod("web"))
        assert status["restartCount"] == 0, points_and(agent, status)
        bystander.check()
        if not reached:
            assert number > 10, agent.points_passed()
            return
    raise AssertionError("the series has no end")


def test_death_at_every_write_of_an_update_that_fails(own_agent: AgentUnderTest) -> None:
    """A gated update is taken back whichever of its durable writes an agent dies around."""
    agent = own_agent

    def gated(number: int, *, healthy: bool) -> str:
        probe = {"exec": {"command": ["true" if healthy else "false"]}, "periodSeconds": 1, "failureThreshold": 1}
        env = [{"name": "VERSION", "value": str(number)}]
        annotations = {"podstead.io/progress-deadline-seconds": "1"}
        return manifest("web", metadata={"annotations": annotations}, container={"env": env, "readinessProbe": probe})

    def taken_back() -> bool:
        return condition(agent.pod("web"), "podstead.io/FollowsFile") == "False" and runs_version(agent, 0)

    agent.write("web.yaml", gated(0, healthy=True))
    agent.wait("it runs", lambda: runs_version(agent, 0), 20)
    agent.arm()
    agent.write("web.yaml", gated(1, healthy=False))
    agent.wait("taken back without a death", taken_back, 20)
    points = agent.points_passed()
    agent.disarm()
    # Points come in pairs, and after one is before the next.
    writes = [index for index, point in enumerate(points, 1) if "after write " in point]
    assert len(writes) >= 3, points  # the admission, the promotion and the return, at the least

    for number, index in enumerate(writes, 2):
        text = gated(number, healthy=False)
        phase(agent, index, partial(agent.write, "web.yaml", text), partial(passed_over, agent, text, taken_back))
        status = container_status(agent.pod("web"))
        assert status["restartCount"] == 0, points_and(agent, status)


def passed_over(agent: AgentUnderTest, text: str, holds: Callable[[], bool]) -> bool:
    """Return whether it is this content that was taken back."""
    reply = agent.api.ask("GET", "/apis/podstead.io/v1alpha1/namespaces/default/pods/web")
    revision = hashlib.sha256(text.encode()).hexdigest()[:16]
    return reply.status == 200 and json.loads(reply.body)["passedOver"] == revision and holds()
