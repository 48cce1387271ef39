"""Faults under the whole agent: it dies, containerd dies, disks fill, directories vanish; what ran keeps running."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from podstead.config.sources import SourceSettings
from podstead.state.observed import ContainerState
from tests.support.manifests import OBEYING, container_status, is_running, manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.agent import AgentUnderTest

pytestmark = pytest.mark.real


def state_of(agent: AgentUnderTest, *names: str) -> dict[str, Any]:
    """Return everything of running pods that no fault may change."""
    pods = {name: agent.wait_running(name) for name in names}
    return {
        name: (
            agent.container_id(name),
            [s.id for s in agent.sandboxes(name)],
            pod["status"]["podIP"],
            container_status(pod)["restartCount"],
            pod["metadata"]["annotations"]["kubernetes.io/config.hash"],
        )
        for name, pod in pods.items()
    }


def restarted(count: int) -> Callable[[dict[str, Any]], bool]:
    """Return a test for a running pod whose container was restarted so often."""
    return lambda pod: is_running(pod) and container_status(pod)["restartCount"] == count


def two_pods(agent: AgentUnderTest) -> dict[str, Any]:
    agent.write("host.yaml", manifest("host"))
    agent.write("own.yaml", manifest("own", hostNetwork=False))
    return state_of(agent, "host", "own")


@pytest.mark.conformance("S15")
def test_a_killed_container_is_restarted_and_backs_off(agent: AgentUnderTest) -> None:
    agent.write("web.yaml", manifest("web"))
    agent.wait_running("web")
    for count in (1, 2):
        old = agent.container_id("web")
        os.kill(agent.pid_of(old), signal.SIGKILL)
        pod = agent.wait_pod("web", restarted(count), what=f"restart {count}")
        last = container_status(pod)["lastState"]["terminated"]
        assert (last["exitCode"], last["containerID"]) == (137, f"containerd://{old}")
    # The first restart is at once, the second waits: 0.5 s in these tests.
    os.kill(agent.pid_of(agent.container_id("web")), signal.SIGKILL)
    waiting = agent.wait_pod("web", lambda p: "waiting" in container_status(p)["state"])
    assert container_status(waiting)["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert agent.wait_running("web")["status"]["phase"] == "Running"


def test_counts_and_back_off_survive_the_agent(agent: AgentUnderTest) -> None:
    agent.write("web.yaml", manifest("web", container={"command": ["sh", "-c", "sleep 0.2; exit 3"]}))
    agent.wait_pod("web", lambda p: p["status"].get("containerStatuses") and container_status(p)["restartCount"] >= 2)

    before = container_status(agent.pod("web"))["restartCount"]
    agent.restart()
    after = agent.wait_pod("web", lambda p: bool(p["status"].get("containerStatuses")))

    assert container_status(after)["restartCount"] >= before
    agent.wait_pod("web", lambda p: container_status(p)["restartCount"] > before + 1, 15)
    ran = [c for c in agent.containers("web") if c.state is ContainerState.RUNNING]
    assert len(ran) <= 1


@pytest.mark.conformance("S17", "S18")
def test_restart_policies(agent: AgentUnderTest) -> None:
    agent.write("never.yaml", manifest("never", restartPolicy="Never", container={"command": ["sh", "-c", "exit 3"]}))
    agent.write("done.yaml", manifest("done", restartPolicy="OnFailure", container={"command": ["true"]}))

    failed = agent.wait_pod("never", lambda p: p["status"]["phase"] == "Failed")
    done = agent.wait_pod("done", lambda p: p["status"]["phase"] == "Succeeded")

    assert container_status(failed)["state"]["terminated"]["exitCode"] == 3
    assert container_status(done)["restartCount"] == container_status(failed)["restartCount"] == 0


@pytest.mark.conformance("S36")
def test_a_killed_sandbox_is_made_anew_with_its_host_port(agent: AgentUnderTest) -> None:
    serving = {
        "command": ["sh", "-c", "httpd -p 8080 -h /www; " + OBEYING],
        "ports": [{"containerPort": 8080, "hostPort": 18083}],
    }
    agent.write("web.yaml", manifest("web", hostNetwork=False, container=serving))
    agent.wait_running("web")
    (box,) = agent.sandboxes("web")

    os.kill(agent.sandbox_pid(box.id), signal.SIGKILL)
    agent.wait("another sandbox", lambda: [s for s in agent.sandboxes("web") if s.ready and s.id != box.id])
    pod = agent.wait_running("web")

    assert container_status(pod)["restartCount"] == 1
    assert agent.wait("the host port leads there", lambda: agent.fetch("http://127.0.0.1:18083/")) == "podstead test\n"
    assert agent.events("SandboxChanged", "web")


@pytest.mark.conformance("S13")
def test_kill_9_of_the_agent_at_random_moments(agent: AgentUnderTest) -> None:
    before = two_pods(agent)
    moments = random.Random(20)
    for number in range(6):
        agent.write("churn.yaml", manifest("churn", container={"env": [{"name": "N", "value": str(number)}]}))
        time.sleep(moments.uniform(0.0, 0.5))
        agent.kill9()
        agent.launch()
        time.sleep(moments.uniform(0.0, 1.2))
        agent.kill9()
        agent.start()
    agent.wait("the last edit runs", lambda: agent.exec("churn", "sh", "-c", "echo $N") == "5\n", 20)

    pod = agent.wait_running("churn")
    assert container_status(pod)["restartCount"] == 0
    assert len(agent.containers("churn", running=True)) == 1
    assert state_of(agent, "host", "own") == before
    agent.remove("churn.yaml")
    agent.wait_gone("churn")
    assert {s.uid for s in agent.sandboxes()} == {facts[4] for facts in before.values()}


def test_kill_9_of_containerd_changes_no_pod(own_agent: AgentUnderTest) -> None:
    agent = own_agent
    before = two_pods(agent)
    old = agent.containerd_pid()

    agent.kill_containerd()
    agent.wait("the agent starts it again", lambda: agent.containerd_pid() not in {None, old}, 20)
    agent.wait("the agent is ready", agent.is_ready, 20)
    agent.wait("the runtime is connected", lambda: agent.status()["runtime"]["ready"], 20)

    assert state_of(agent, "host", "own") == before
    os.kill(agent.pid_of(before["host"][0]), signal.SIGKILL)
    agent.wait_pod("host", restarted(1), 20)


def test_kill_9_of_both(own_agent: AgentUnderTest) -> None:
    agent = own_agent
    before = two_pods(agent)
    agent.kill9()
    agent.kill_containerd()
    dead = agent.pid_of(before["host"][0])
    agent.start()
    assert state_of(agent, "host", "own") == before

    # What dies while both are away is restarted when they are back.
    agent.kill9()
    agent.kill_containerd()
    os.kill(dead, signal.SIGKILL)
    agent.start()
    agent.wait_pod("host", restarted(1), 20)
    assert state_of(agent, "own") == {"own": before["own"]}


def test_a_vanished_directory_ends_no_pod(own_agent: AgentUnderTest) -> None:
    agent = own_agent
    before = two_pods(agent)
    away = agent.root / "away"

    agent.manifests.rename(away)
    agent.wait("the node is degraded", lambda: "ManifestDirectoryDegraded" in agent.problems(), 25)
    time.sleep(1.0)
    assert state_of(agent, "host", "own") == before
    agent.manifests.mkdir()  # another, empty one in its place
    time.sleep(3.0)
    assert state_of(agent, "host", "own") == before
    agent.restart()
    assert state_of(agent, "host", "own") == before
    assert "ManifestDirectoryDegraded" in agent.wait("a problem", agent.problems, 25)

    agent.manifests.rmdir()
    away.rename(agent.manifests)
    agent.wait("the node is well", lambda: "ManifestDirectoryDegraded" not in agent.problems(), 25)
    assert state_of(agent, "host", "own") == before
    agent.remove("host.yaml")
    agent.wait_gone("host")
    assert state_of(agent, "own") == {"own": before["own"]}


@contextmanager
def tmpfs(directory: Path, mebibytes: int) -> Iterator[None]:
    """Mount a small file system there."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m,mode=755", "ps-test", str(directory)], check=True)
    try:
        yield
    finally:
        # The test may have unmounted it itself.
        subprocess.run(["umount", "--lazy", str(directory)], check=False, capture_output=True)


def test_an_unmounted_directory_ends_no_pod_until_root_says_so(resting_agent: AgentUnderTest, tmp_path: Path) -> None:
    agent = resting_agent
    agent.manifests = tmp_path / "mounted"
    agent.manifests.mkdir()
    agent.settings = replace(agent.settings, source=SourceSettings(path=agent.manifests, check_seconds=1.0))
    with tmpfs(agent.manifests, 1):
        agent.start()
        agent.import_busybox()
        (agent.manifests / "host.yaml").write_text(manifest("host"))
        before = state_of(agent, "host")
        subprocess.run(["umount", "--lazy", str(agent.manifests)], check=True)
        agent.wait("the node is degraded", lambda: "ManifestDirectoryDegraded" in agent.problems(), 25)
        time.sleep(1.0)
        assert state_of(agent, "host") == before

        reply = agent.api.ask("POST", "/apis/podstead.io/v1alpha1/accept-directory")
        assert reply.status == 200
        agent.wait_gone("host", 20)
        agent.wait("the node is well", lambda: "ManifestDirectoryDegraded" not in agent.problems(), 25)


@contextmanager
def filled(directory: Path) -> Iterator[None]:
    """Fill the small file system of a directory to its last byte."""
    sizes = os.statvfs(directory)
    assert sizes.f_blocks * sizes.f_frsize < 256 << 20, "this is not the small file system"
    ballast = directory / "ballast"
    try:
        with ballast.open("wb", buffering=0) as file:
            for size in (1 << 20, 1 << 12, 1):
                while True:
                    try:
                        if file.write(b"\0" * size) < size:
                            break
                    except OSError:
                        break
        yield
    finally:
        ballast.unlink()


def check_full_disk(agent: AgentUnderTest, full: Path) -> None:
    """Check that what runs keeps running and is restarted, that new content waits, and that all is well afterwards."""
    before = two_pods(agent)
    with filled(full):
        agent.write("new.yaml", manifest("new"))
        problem = agent.wait("a problem is shown", lambda: agent.problems().get("StateNotWritable"), 25)
        assert "No space left" in problem
        assert agent.pod("new") == {}
        os.kill(agent.pid_of(before["host"][0]), signal.SIGKILL)
        agent.wait_pod("host", restarted(1), 15)
        after = state_of(agent, "host", "own")
        agent.restart()
        assert state_of(agent, "host", "own") == after
        assert after["own"] == before["own"]
    agent.wait_running("new", 20)
    agent.wait("the problem is over", lambda: "StateNotWritable" not in agent.problems(), 25)
    assert state_of(agent, "host", "own") == after


def test_a_full_disk_under_the_state_refuses_new_content_only(own_agent: AgentUnderTest) -> None:
    agent = own_agent
    state, kept = agent.settings.paths.state, agent.root / "kept"
    agent.stop()
    state.rename(kept)
    state.mkdir(mode=0o700)
    with tmpfs(state, 4):
        shutil.copytree(kept, state, dirs_exist_ok=True)
        agent.start()
        check_full_disk(agent, state)
        agent.kill9()


def test_a_full_disk_under_everything_ends_no_pod(resting_agent: AgentUnderTest) -> None:
    """State, containerd and logs on one full file system: nothing new can start, and nothing that runs ends."""
    agent = resting_agent
    with tmpfs(agent.root, 128):
        agent.manifests.mkdir()
        try:
            agent.start()
            agent.import_busybox()
            before = two_pods(agent)
            new = agent.root / "new"
            new.write_text(manifest("new"))
            with filled(agent.root):
                new.rename(agent.manifests / "new.yaml")
                agent.wait("a problem is shown", lambda: agent.problems().get("StateNotWritable"), 25)
                os.kill(agent.pid_of(before["host"][0]), signal.SIGKILL)
                agent.wait_pod("host", lambda p: "running" not in container_status(p)["state"])
                time.sleep(2.0)
                assert state_of(agent, "own") == {"own": before["own"]}
                agent.restart()
                assert state_of(agent, "own") == {"own": before["own"]}
            agent.wait_running("new", 30)
            back = agent.wait_running("host", 30)
            assert container_status(back)["restartCount"] >= 1
            assert len(agent.containers("host", running=True)) == 1
            assert state_of(agent, "own") == {"own": before["own"]}
        finally:
            agent.kill9()
            agent.remove_everything()


@pytest.mark.parametrize("spoilt", ["records", "revisions", "database", "facts", "everything"])
def test_spoilt_state_is_set_aside_and_pods_go_on(own_agent: AgentUnderTest, spoilt: str) -> None:
    agent = own_agent
    before = two_pods(agent)
    agent.stop()
    state = agent.settings.paths.state
    for path in [p for p in state.rglob("*") if p.is_file()]:
        kinds = {"everything", {"podstead.db": "database", "facts.json": "facts"}.get(path.name, ""), *path.parts}
        if spoilt in kinds:
            path.write_bytes(b"\x00spoilt" * 100)

    agent.start()

    pods = {name: agent.wait_running(name) for name in ("host", "own")}
    assert agent.events("StateCorrupt") or agent.problems()
    for name, pod in pods.items():
        running = agent.containers(name, running=True)
        assert len(running) == 1, json.dumps(pod)
        if spoilt != "everything":
            assert running[0].id == before[name][0]
    agent.write("late.yaml", manifest("late", hostNetwork=False))
    agent.wait_running("late")  # the pods' network is still the same
    agent.write("host.yaml", manifest("host", container={"env": [{"name": "EDITED", "value": "1"}]}))
    agent.wait("an edit is made", lambda: agent.exec("host", "sh", "-c", "echo $EDITED") == "1\n", 20)
    if spoilt != "everything":
        assert agent.container_id("own") == before["own"][0]
        assert {n: s[2] for n, s in state_of(agent, "host", "own").items()} == {n: s[2] for n, s in before.items()}
