"""Under load nobody is harmed: no probe fails falsely, and a good edit is judged in time."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.real.mounts import MS_BIND, FuseServer, mount, unmount
from tests.support.images import BUSYBOX_IMAGE
from tests.support.manifests import container_status, is_running, manifest
from tests.support.netns import NODE_ADDRESS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.agent import AgentUnderTest

pytestmark = [pytest.mark.real, pytest.mark.timeout(480)]

HTTP_PORT, GRPC_PORT = 18200, 18201
PODS, CONTAINERS = 10, 10
SECONDS = 15
"""200 probes a second: each container has a liveness and a readiness probe of one second."""
FILES = 100_000
MOST_RSS = 150 << 20
JUDGED_SECONDS = 5.0
"""Two seconds is the aim (foundation 8), for a machine that has a core to spare for the flood; less than the next look."""
HANDLERS: tuple[dict[str, Any], ...] = (
    {"httpGet": {"port": HTTP_PORT, "path": "/"}},
    {"tcpSocket": {"port": HTTP_PORT}},
    {"grpc": {"port": GRPC_PORT}},
)


@contextmanager
def probed(agent: AgentUnderTest) -> Iterator[None]:
    """Run the server that all probes dial, in the agent's network."""
    enter = [] if agent.net_namespace is None else ["nsenter", f"--net={agent.net_namespace}"]
    command = [*enter, sys.executable, "-m", "tests.support.probed", str(HTTP_PORT), str(GRPC_PORT)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as server:
        try:
            agent.wait("the server answers", lambda: agent.fetch(f"http://{NODE_ADDRESS}:{HTTP_PORT}/") == "ok")
            yield
        finally:
            server.kill()


def many_probes(number: int) -> str:
    """Return a pod of many containers, each with two probes of one second, of all three sorts in turn."""
    containers = [
        {
            "name": f"c{one}",
            "image": BUSYBOX_IMAGE,
            "command": ["sleep", "36000"],
            "livenessProbe": {**HANDLERS[one % 3], "periodSeconds": 1, "timeoutSeconds": 1},
            "readinessProbe": {**HANDLERS[(one + 1) % 3], "periodSeconds": 1, "timeoutSeconds": 1},
        }
        for one in range(CONTAINERS)
    ]
    return manifest(f"p{number}", containers=containers, terminationGracePeriodSeconds=0)


def cpu_seconds(agent: AgentUnderTest) -> float:
    """Return the CPU time that the agent's process has taken."""
    assert agent.process is not None
    words = Path(f"/proc/{agent.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def test_two_hundred_probes_a_second_without_a_false_restart(agent: AgentUnderTest) -> None:
    with probed(agent):
        for number in range(PODS):
            agent.write(f"p{number}.yaml", many_probes(number))
        agent.wait("all run", lambda: sum(map(is_running, agent.pods().values())) == PODS, 90)
        before = cpu_seconds(agent)
        time.sleep(SECONDS)
        percent = 100 * (cpu_seconds(agent) - before) / SECONDS
        pods = agent.pods()
    statuses = [s for pod in pods.values() for s in pod["status"]["containerStatuses"]]
    assert len(statuses) == PODS * CONTAINERS
    assert Counter(s["restartCount"] for s in statuses) == {0: len(statuses)}
    assert all(is_running(pod) for pod in pods.values())
    assert not agent.events("Killing")
    assert agent.rss_bytes() < MOST_RSS
    print(f"200 probes/s: {percent:.0f} % of a core, {agent.rss_bytes() >> 20} MiB")


@contextmanager
def silent_file(agent: AgentUnderTest) -> Iterator[None]:
    """Have a file in the directory whose file system never answers."""
    away, target = agent.root / "fuse", agent.manifests / "stuck.yaml"
    away.mkdir()
    server = FuseServer({"stuck.yaml": b"never"}, frozenset({"stuck.yaml"}))
    server.mount(away)
    try:
        target.touch()
        mount(str(away / "stuck.yaml"), target, flags=MS_BIND)
        yield
    finally:
        server.close(away)
        unmount(target, lazily=True)


@contextmanager
def flood(directory: Path) -> Iterator[None]:
    """Make events as fast as one core can for the time of the block."""
    over = threading.Event()

    def make() -> None:
        victim = directory / "flood.yaml"
        while not over.is_set():
            victim.write_bytes(b"kind: Pod\nmetadata: [")
            victim.unlink()

    thread = threading.Thread(target=make, name="flood")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def litter(directory: Path) -> None:
    """Fill the directory with manifests that say nothing."""
    for number in range(FILES):
        os.close(os.open(directory / f"z{number:06}.yaml", os.O_CREAT | os.O_WRONLY, 0o644))


@pytest.mark.attack("yaml-bomb", "flood")
def test_floods_cost_no_probe_and_no_good_edit(resting_agent: AgentUnderTest) -> None:
    agent = resting_agent
    litter(agent.manifests)
    agent.start()
    agent.import_busybox()
    probe = {"tcpSocket": {"port": HTTP_PORT}, "periodSeconds": 1, "timeoutSeconds": 1, "failureThreshold": 2}

    def edited(number: int) -> str:
        return manifest(
            "web",
            container={"livenessProbe": probe, "readinessProbe": probe},
            metadata={"annotations": {"n": str(number)}},
        )

    with probed(agent):
        agent.write("web.yaml", edited(0))
        first = agent.wait_running("web")
        took: list[float] = []

        def judge(number: int) -> None:
            written = time.monotonic()
            agent.write("web.yaml", edited(number))
            agent.wait_pod("web", lambda p: p["metadata"]["annotations"].get("n") == str(number), 20)
            took.append(time.monotonic() - written)

        with silent_file(agent):
            for number in range(1, 4):
                judge(number)
            with flood(agent.manifests):
                for number in range(4, 10):
                    judge(number)
                    time.sleep(0.3)
            rss = agent.rss_bytes()
        last = agent.wait_running("web")
    assert container_status(last)["containerID"] == container_status(first)["containerID"]
    assert container_status(last)["restartCount"] == 0
    assert not agent.events("Unhealthy"), json.dumps(agent.events("Unhealthy"))
    # During the flood events are thrown away, and a write nobody was seen to finish is read when it is a second old.
    quiet, flooded = statistics.median(took[:3]), took[3:]
    judged_seconds = max(JUDGED_SECONDS, 4 * quiet)
    assert statistics.median(flooded) < judged_seconds, took
    assert max(flooded) < 2 * judged_seconds, took
    assert rss < MOST_RSS, rss
    print(f"{FILES} files, a silent one and a flood: judged in {max(took):.2f} s at most, {rss >> 20} MiB")
