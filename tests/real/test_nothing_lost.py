"""Nothing is lost: restarts, duplicates, orphans and missed exits are counted, and all of them are zero."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.manifests import container_status, is_running, manifest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.agent import AgentUnderTest

pytestmark = [pytest.mark.real, pytest.mark.timeout(480)]

DEATHS = 25
LIFE_SECONDS = 2.2
"""The longest life of an agent: it takes about one second until it works, so half of them die before that."""
EXITS_APART = 3
"""Deaths of the agent at least between two of the container that it shall not miss."""
LONG_LIFE = 5
"""Each fifth agent lives until it has worked, however slow the machine is."""
PODS = 50
CONTAINERD_DEATHS = 6
DAY = 86400.0
IDLE = {"command": ["sleep", "36000"]}


def uid(pod: dict[str, Any]) -> str:
    return str(pod["metadata"]["annotations"]["kubernetes.io/config.hash"])


def facts(agent: AgentUnderTest) -> dict[str, tuple[str, int, str]]:
    """Return what no fault may change of each pod: container, restarts, incarnation."""
    return {
        name: (
            container_status(pod)["containerID"],
            container_status(pod)["restartCount"],
            uid(pod),
        )
        for name, pod in agent.pods().items()
    }


def replaced(agent: AgentUnderTest, old: int | None) -> bool:
    return agent.containerd_pid() not in {None, old}


def restarts(agent: AgentUnderTest, name: str) -> int:
    return int(container_status(agent.pod(name))["restartCount"])


def restarted_beyond(agent: AgentUnderTest, count: int) -> bool:
    return restarts(agent, "crash") > count


def running(agent: AgentUnderTest) -> Counter[tuple[str, str]]:
    """Return how many instances of each container run, by pod uid and name."""
    return Counter((c.uid, c.name) for c in agent.containers(running=True))


@contextmanager
def edits(agent: AgentUnderTest, moments: random.Random) -> Iterator[list[int]]:
    """Edit the pod `churn` again and again for the time of the block; gives the list of all contents written."""
    written, over = [0], threading.Event()

    def edit() -> None:
        while not over.wait(moments.uniform(0.05, 0.6)):
            number = written[-1] + 1
            env = [{"name": "N", "value": str(number)}]
            agent.write(
                "churn.yaml", manifest("churn", container={"env": env}, metadata={"labels": {"n": str(number)}})
            )
            written.append(number)

    thread = threading.Thread(target=edit, name="edits")
    thread.start()
    try:
        yield written
    finally:
        over.set()
        thread.join()


def test_deaths_of_the_agent_while_edits_go_on(own_agent: AgentUnderTest) -> None:
    agent, moments = own_agent, random.Random(50)
    agent.write("calm.yaml", manifest("calm"))
    agent.write("own.yaml", manifest("own", hostNetwork=False))
    agent.write("exits.yaml", manifest("exits"))
    agent.write("churn.yaml", manifest("churn"))
    for name in ("calm", "own", "exits", "churn"):
        agent.wait_running(name)
    before = {name: fact for name, fact in facts(agent).items() if not name.startswith(("churn", "exits"))}
    exits = 0
    with edits(agent, random.Random(51)) as written:
        last_exit = 0
        for death in range(1, DEATHS + 1):
            time.sleep(moments.uniform(0.0, LIFE_SECONDS))
            if death % LONG_LIFE == 0:
                agent.wait("an agent works", agent.is_ready, 40)
                agent.wait("it has restarted the container", lambda: agent.containers("exits", running=True), 20)
            agent.kill9()
            doubled = [key for key, count in running(agent).items() if count > 1]
            assert not doubled, (death, doubled)
            alive = agent.containers("exits", running=True)
            if alive and death - last_exit >= EXITS_APART:
                os.kill(agent.pid_of(alive[0].id), signal.SIGKILL)
                exits, last_exit = exits + 1, death
            agent.launch()
    agent.wait("the agent is ready", agent.is_ready, 40)
    last = f"{written[-1]}\n"
    agent.wait("the last edit runs", lambda: agent.exec("churn", "sh", "-c", "echo $N") == last, 30)

    assert exits >= 2  # each must have been restarted in between, by an agent that lived long enough
    assert container_status(agent.wait_running("churn"))["restartCount"] == 0
    assert container_status(agent.wait_running("exits", 20))["restartCount"] == exits
    assert {name: fact for name, fact in facts(agent).items() if name in before} == before
    assert set(running(agent).values()) == {1}
    for name in ("churn", "exits"):
        agent.remove(f"{name}.yaml")
        agent.wait_gone(name)
    known = {uid for _, _, uid in before.values()}
    assert {s.uid for s in agent.sandboxes()} == {c.uid for c in agent.containers()} == known
    assert {path.name for path in agent.settings.paths.pods.iterdir()} == known
    print(f"{DEATHS} deaths, {written[-1]} edits, {exits} exits: no restart, duplicate, orphan or missed exit")


def test_containerd_dies_and_the_machine_restarts_under_fifty_pods(own_agent: AgentUnderTest) -> None:
    agent = own_agent
    for number in range(PODS):
        agent.write(f"p{number}.yaml", manifest(f"p{number}", container=IDLE, terminationGracePeriodSeconds=0))
    agent.wait("all run", lambda: sum(map(is_running, agent.pods().values())) == PODS, 60)
    before, boxes = facts(agent), {s.id for s in agent.sandboxes()}

    for _ in range(CONTAINERD_DEATHS):
        old = agent.containerd_pid()
        agent.kill_containerd()
        agent.wait("containerd is back", partial(replaced, agent, old), 20)
        agent.wait("the runtime is connected", lambda: agent.status()["runtime"]["ready"], 20)
    assert facts(agent) == before
    assert {s.id for s in agent.sandboxes()} == boxes
    assert sorted(running(agent).values()) == [1] * PODS

    agent.pull_the_plug()
    agent.start()
    agent.wait("all are back", lambda: sum(map(is_running, agent.pods().values())) == PODS, 90)
    after = facts(agent)
    assert {name: (1, uid) for name, (_, _, uid) in before.items()} == {n: (r, uid) for n, (_, r, uid) in after.items()}
    assert sorted(running(agent).values()) == [1] * PODS
    assert sum(s.ready for s in agent.sandboxes()) == PODS


def test_a_wall_clock_that_jumps_by_a_day(own_agent: AgentUnderTest) -> None:
    agent = own_agent
    probe = {"periodSeconds": 1, "timeoutSeconds": 1, "failureThreshold": 2, "exec": {"command": ["true"]}}
    probed = {"livenessProbe": probe, "readinessProbe": probe}
    agent.write("probed.yaml", manifest("probed", container=probed))
    agent.write("crash.yaml", manifest("crash", container={"command": ["sh", "-c", "sleep 0.3; exit 3"]}))
    agent.wait_running("probed")

    def seen() -> tuple[Any, ...]:
        pod = agent.wait_running("probed")
        return container_status(pod)["containerID"], container_status(pod)["restartCount"], uid(pod)

    agent.wait("it crashes", lambda: restarts(agent, "crash") >= 2, 15)
    before, versions = seen(), [0]
    for number, offset in enumerate((DAY, -DAY, 0.0)):
        count = restarts(agent, "crash")
        agent.step_wall_clock(offset)
        # The back-off is 2 s at most in these tests: at its end the container restarts, neither sooner nor never.
        agent.wait("the back-off ends", partial(restarted_beyond, agent, count), 8)
        assert restarts(agent, "crash") <= count + 6
        agent.write(f"new{number}.yaml", manifest(f"new{number}", container=IDLE))
        pod = agent.wait_running(f"new{number}")
        versions.append(int(pod["metadata"]["resourceVersion"]))
        assert agent.events("Started", f"new{number}")
        assert seen() == before
    assert versions == sorted(versions)
    agent.restart()
    assert seen() == before
    agent.remove("probed.yaml")
    agent.wait_gone("probed")
