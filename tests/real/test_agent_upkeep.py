"""The node's upkeep on real containerd: logs that are bounded and linked, images and pods that go for want of room."""

from __future__ import annotations

import gzip
import os
import re
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from podstead.config.upkeep import Amount, EvictionSettings, ImageGCSettings, LogSettings, Threshold, UpkeepSettings
from podstead.containerd.oci_image import ImageFile
from podstead.containerd.process import MAX_LOG_BYTES
from podstead.k8s.signals import Signal
from tests.support.agent import OWN, agent_under_test
from tests.support.images import BUSYBOX_IMAGE, build_busybox_image
from tests.support.instance import apart
from tests.support.manifests import OBEYING, condition, container_status, is_running, manifest
from tests.support.nodes import cri_client

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from podstead.config.settings import Settings
    from tests.support.agent import AgentUnderTest
    from tests.support.netns import Hosts

pytestmark = pytest.mark.real

UNUSED = "docker.io/library/unused:1"
NEEDED = "docker.io/library/needed:1"
ROTATIONS = 10
"""At the least; how many there are depends on how often the agent comes to look while the lines are written."""
LINES = 40_000
# A hundred lines at a time, so that the log grows through many looks instead of within one.
WRITER = f"""
n=0
while [ $n -lt {LINES} ]; do
  for _ in 0 1 2 3 4 5 6 7 8 9; do
    for _ in 0 1 2 3 4 5 6 7 8 9; do echo line $n; n=$((n+1)); done
  done
  usleep 10000
done
exec sleep 1000
"""


def tended(settings: Settings) -> Settings:
    """Return settings under which logs are rotated and images removed within seconds."""
    logs = LogSettings(max_bytes=64 << 10, max_files=100, look_seconds=0.1)
    # Every file system in use is too full for these.
    images = ImageGCSettings(high_percent=1, low_percent=0, min_age_seconds=0.5, period_seconds=0.5)
    eviction = EvictionSettings(thresholds=(), transition_seconds=1.0, look_seconds=0.3)
    return replace(settings, upkeep=UpkeepSettings(logs=logs, images=images, eviction=eviction))


@pytest.fixture(scope="module")
def module_agent(agent_hosts: Hosts) -> Iterator[AgentUnderTest]:
    """The agent behind `agent`."""
    with agent_under_test(net_namespace=agent_hosts.node, changed=tended) as running:
        yield running


def numbers(text: str) -> list[int]:
    return [int(line.removeprefix("line ")) for line in text.splitlines()]


@pytest.mark.conformance("S33")
def test_no_line_is_lost_over_rotations(agent: AgentUnderTest) -> None:
    agent.write("web.yaml", manifest("web", container={"command": ["sh", "-c", WRITER]}))
    agent.wait_running("web")
    (container,) = agent.containers("web")
    links = agent.settings.paths.log_links
    agent.wait("the log is linked", lambda: list(links.iterdir()))
    (link,) = links.iterdir()
    assert link.name == f"web-node1_default_main-{container.id}.log"
    directory = link.resolve().parent
    last = f"line {LINES - 1}\n"
    agent.wait("all is written", lambda: agent.log_of("web").endswith(last), 60)

    names = sorted(p.name for p in directory.iterdir())
    assert names[0] == "0.log"
    assert all(re.fullmatch(r"0\.log\.\d{8}-\d{6}(\.gz)?", name) for name in names[1:])
    assert len(names) > ROTATIONS
    assert len([name for name in names if name.endswith(".gz")]) >= ROTATIONS - 1
    assert numbers(agent.log_of("web")) == list(range(LINES))
    on_disk = [_text(directory / name) for name in [*names[1:], names[0]]]
    found = [int(line.rpartition(" ")[2]) for text in on_disk for line in text.splitlines()]
    assert found == list(range(LINES))

    reply = agent.api.ask("GET", "/api/v1/namespaces/default/pods/web-node1/log?tailLines=12000&timestamps=true")
    tail = reply.body.decode().splitlines()
    assert [int(line.rpartition(" ")[2]) for line in tail] == list(range(LINES - 12000, LINES))
    since = tail[2000].partition(" ")[0]
    reply = agent.api.ask("GET", f"/api/v1/namespaces/default/pods/web-node1/log?sinceTime={since}")
    assert 9990 <= len(numbers(reply.body.decode())) <= 10010

    agent.kill9()
    agent.start()
    agent.remove("web.yaml")
    agent.wait_gone("web")
    assert not list(links.iterdir())
    assert not list(agent.settings.paths.pod_logs.iterdir())


def test_an_image_that_no_pod_needs_goes(agent: AgentUnderTest, tmp_path: Path) -> None:
    archive, needed = tmp_path / "unused.tar", tmp_path / "needed.tar"
    build_busybox_image(archive, UNUSED, extra=(ImageFile(path="unused", content=b"unused"),))
    build_busybox_image(needed, NEEDED, extra=(ImageFile(path="needed", content=b"needed"),))
    agent.import_image(needed)
    agent.write("web.yaml", manifest("web", image=NEEDED))
    agent.wait_running("web")
    # Not by the agent: what root imports through it is never collected.
    imported_behind_its_back(agent, archive)
    agent.wait("it is removed", lambda: [e for e in agent.events("ImagesRemoved") if UNUSED in e["message"]], 20)

    held = {tag for image in agent.api.get(f"{OWN}/images")["items"] for tag in image["tags"]}
    assert UNUSED not in held
    assert {NEEDED, BUSYBOX_IMAGE} <= held
    assert any("pause" in tag for tag in held)
    assert is_running(agent.pod("web"))


@contextmanager
def short_of_memory(agent: AgentUnderTest) -> Iterator[None]:
    """Let an agent run for which no machine has enough memory; the one before comes back after it."""
    before = agent.settings
    memory = Threshold(signal=Signal.MEMORY, amount=Amount(fraction=0.999))
    eviction = replace(before.upkeep.eviction, thresholds=(memory,))
    agent.stop()
    agent.settings = replace(before, upkeep=replace(before.upkeep, eviction=eviction))
    agent.start()
    try:
        yield
    finally:
        agent.stop()
        agent.settings = before
        agent.start()


def test_a_pod_goes_for_want_of_memory_and_comes_back_and_the_critical_stays(agent: AgentUnderTest) -> None:
    agent.write("low.yaml", manifest("low", hostNetwork=False))
    agent.write("mysql.yaml", manifest("mysql", priorityClassName="system-cluster-critical"))
    first, mysql = agent.wait_running("low"), agent.wait_running("mysql")
    container = agent.container_id("mysql")
    with short_of_memory(agent):
        gone = agent.wait_pod(
            "low", lambda p: p["status"].get("reason") == "Evicted" and p["status"]["phase"] == "Failed"
        )
        agent.wait("nothing of it is left", lambda: not agent.sandboxes("low"))
        assert gone["status"]["message"].startswith("The node was low on resource: memory. Threshold quantity:")
        assert condition(agent.pod("low"), "DisruptionTarget") == "True"
        agent.write("late.yaml", manifest("late"))
        agent.wait_pod("late", lambda p: p["status"].get("reason") == "MemoryPressure")
        node = agent.wait(
            "the node says so", lambda: condition(agent.api.get("/api/v1/nodes/node1"), "MemoryPressure") == "True", 15
        )
        assert node
        assert agent.events("Evicted", "low")
        assert agent.events("EvictionThresholdMet", "node1")
    back = agent.wait_running("low", 20)
    agent.wait_running("late")
    assert back["metadata"]["uid"] != first["metadata"]["uid"]
    assert container_status(back)["restartCount"] == 0
    assert agent.container_id("mysql") == container
    assert agent.pod("mysql")["metadata"]["uid"] == mysql["metadata"]["uid"]


def test_pods_that_store_more_than_they_said_go(agent: AgentUnderTest) -> None:
    volumes = [{"name": "v", "emptyDir": {"sizeLimit": "1Mi"}}]
    write = f"dd if=/dev/zero of=/v/file bs=1M count=3; {OBEYING}"
    mount = {"volumeMounts": [{"name": "v", "mountPath": "/v"}], "command": ["sh", "-c", write]}
    agent.write("volume.yaml", manifest("volume", volumes=volumes, container=mount))
    write = f"dd if=/dev/zero of=/file bs=1M count=3; {OBEYING}"
    limit = {"resources": {"limits": {"ephemeral-storage": "1Mi"}}, "command": ["sh", "-c", write]}
    agent.write("layer.yaml", manifest("layer", container=limit))
    agent.write(
        "modest.yaml", manifest("modest", volumes=volumes, container={**mount, "command": ["sh", "-c", OBEYING]})
    )
    agent.wait("both go", lambda: all(agent.events("Evicted", name) for name in ("volume", "layer")), 30)

    assert agent.events("Evicted", "volume")[0]["message"] == 'Usage of EmptyDir volume "v" exceeds the limit "1Mi".'
    assert "total limit of containers 1Mi" in agent.events("Evicted", "layer")[0]["message"]
    assert is_running(agent.pod("modest"))
    assert not agent.events("Evicted", "modest")


def imported_behind_its_back(agent: AgentUnderTest, archive: Path) -> None:
    async def bring() -> None:
        async with cri_client(agent.containerd.socket) as client:
            await agent.containerd.importer.import_image(archive, pull=client.pull_image)

    apart(bring())


def _text(path: Path) -> str:
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode()


def test_the_private_containerd_s_own_log_is_cut_while_it_runs(agent: AgentUnderTest) -> None:
    log = agent.settings.paths.containerd / "containerd.log"
    os.truncate(log, MAX_LOG_BYTES + 1)  # a hole: nothing is written

    agent.wait("the log is small again", lambda: log.stat().st_size < MAX_LOG_BYTES, 30)
