"""Updates under the whole agent and a real containerd: gates, rollbacks, stops, restarts, floods of edits."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from podstead.cgroups.hierarchy import read_hierarchies
from podstead.cgroups.tree import CgroupTree
from podstead.cli.main import main
from podstead.state.updates import KEPT_TURNS
from podstead.store.revisions import KEPT_REVISIONS
from tests.support.agent import OWN
from tests.support.manifests import condition, container_status, is_running, manifest

if TYPE_CHECKING:
    from tests.support.agent import AgentUnderTest

pytestmark = pytest.mark.real

WEB = f"{OWN}/namespaces/default/pods/web"
EDITS = 300
EDIT_SECONDS = 30.0


def version(number: int, **changes: Any) -> str:
    """Return the pod with this version in its environment."""
    return manifest(
        "web", container={"env": [{"name": "N", "value": str(number)}], **changes.pop("container", {})}, **changes
    )


def runs(agent: AgentUnderTest, number: int) -> bool:
    running = agent.containers("web", running=True)
    return len(running) == 1 and agent.exec("web", "sh", "-c", "echo $N").strip() == str(number)


def order(agent: AgentUnderTest, what: str, **body: str) -> str:
    reply = agent.api.ask("POST", f"{WEB}/{what}", body or None)
    assert reply.status == 200, reply
    return str(json.loads(reply.body)["message"])


def report(agent: AgentUnderTest) -> dict[str, Any]:
    """Return which revision the pod runs; a pod that is not there yet is a LookupError."""
    reply = agent.api.ask("GET", WEB)
    if reply.status == 404:
        raise LookupError(reply)
    found: dict[str, Any] = json.loads(reply.body)
    return found


def mounts(agent: AgentUnderTest) -> list[str]:
    return [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if f"{agent.root}/" in line]


def gated(number: int, *, healthy: bool, seconds: int = 3) -> str:
    probe = {"exec": {"command": ["true" if healthy else "false"]}, "periodSeconds": 1, "failureThreshold": 1}
    annotations = {"podstead.io/progress-deadline-seconds": str(seconds)}
    return version(number, metadata={"annotations": annotations}, container={"readinessProbe": probe})


def reboot(agent: AgentUnderTest, boot_id: str) -> None:
    """Let the next agent believe that the machine has restarted."""
    agent.boot_id = boot_id
    agent.restart()


@pytest.mark.timeout(180)
def test_three_hundred_edits_end_with_the_last_and_leave_nothing(agent: AgentUnderTest) -> None:
    agent.write("web.yaml", version(0, hostNetwork=False))
    agent.wait_running("web")
    uid = agent.pod("web")["metadata"]["annotations"]["kubernetes.io/config.hash"]
    before = len(mounts(agent))
    begun = time.monotonic()
    for number in range(1, EDITS + 1):
        agent.write("web.yaml", version(number, hostNetwork=False))
        time.sleep(max(0.0, begun + number * EDIT_SECONDS / EDITS - time.monotonic()))

    agent.wait("the last edit runs", lambda: runs(agent, EDITS), 20)
    pod = agent.wait_running("web")

    assert pod["metadata"]["annotations"]["kubernetes.io/config.hash"] == uid
    assert container_status(pod)["restartCount"] == 0
    assert len(agent.sandboxes("web")) == 1
    kept = agent.settings.paths.state / "revisions"
    agent.wait(
        "old records are gone",
        lambda: (
            len(agent.containers("web")) <= 2
            and len(list(kept.rglob("*.json"))) <= KEPT_REVISIONS + KEPT_TURNS
            and not list(kept.rglob("*.tmp"))
        ),
    )
    containers = {c.id for c in agent.containers("web", running=True)} | {s.id for s in agent.sandboxes("web")}
    tree = CgroupTree(agent.cgroup_root, read_hierarchies())
    (pod_cgroup,) = [path for path in tree.pod_paths() if uid in path]
    hierarchy = read_hierarchies().of("memory")
    assert hierarchy is not None
    inside = {path.name for path in (hierarchy.mount / pod_cgroup.strip("/")).iterdir() if path.is_dir()}
    assert inside == containers
    assert len(mounts(agent)) == before


def test_an_update_that_is_never_ready_is_taken_back_over_a_kill_and_a_reboot(own_agent: AgentUnderTest) -> None:
    agent = own_agent
    agent.write("web.yaml", gated(1, healthy=True))
    agent.wait("it is noted as ready", lambda: (r := report(agent))["lastReady"] == r["effective"] != "")
    first = report(agent)["effective"]

    agent.write("web.yaml", gated(2, healthy=False))
    agent.wait("the new one runs", lambda: runs(agent, 2))
    agent.kill9()
    agent.start()
    agent.wait("it is taken back", lambda: report(agent)["effective"] == first, 20)
    agent.wait("the last ready one runs", lambda: runs(agent, 1) and is_running(agent.pod("web")))

    pod = agent.pod("web")
    assert condition(pod, "podstead.io/FollowsFile") == "False"
    assert container_status(pod)["restartCount"] == 0
    assert agent.events("RolledBack", "web")
    assert agent.events("ProgressDeadlineExceeded", "web")
    file = agent.files()["web.yaml"]
    assert (file["verdict"], file["running"]) == ("Accepted", first)
    assert "was not ready in its time" in file["messages"][0]["message"]

    old = agent.container_id("web")
    reboot(agent, "another-boot")
    time.sleep(1.0)
    assert (report(agent)["effective"], agent.container_id("web")) == (first, old)

    agent.write("web.yaml", gated(3, healthy=True))
    agent.wait("the file is followed again", lambda: runs(agent, 3) and not report(agent)["rollback"])
    assert condition(agent.pod("web"), "podstead.io/FollowsFile") == ""


def test_root_rolls_back_stops_starts_and_restarts(own_agent: AgentUnderTest) -> None:
    agent = own_agent
    agent.write("web.yaml", version(1, hostNetwork=False))
    agent.wait_running("web")
    agent.write("web.yaml", version(2, hostNetwork=False))
    agent.wait("the edit runs", lambda: runs(agent, 2))
    (box,) = agent.sandboxes("web")

    order(agent, "rollback")
    agent.wait("the revision before runs", lambda: runs(agent, 1))
    before = agent.container_id("web")
    order(agent, "restart")
    agent.wait("another container", lambda: agent.container_id("web") != before)
    agent.wait_running("web")
    assert [s.id for s in agent.sandboxes("web")] == [box.id]
    assert runs(agent, 1)

    order(agent, "stop")
    agent.wait("nothing runs", lambda: not agent.containers("web", running=True))
    agent.wait_pod("web", lambda p: p["status"].get("reason") == "Stopped")
    agent.write("web.yaml", version(3, hostNetwork=False))
    reboot(agent, "boot-after-stop")
    time.sleep(1.0)
    assert not agent.containers("web", running=True)
    order(agent, "start")
    agent.wait("the edit runs", lambda: runs(agent, 3))
    assert container_status(agent.wait_running("web"))["restartCount"] == 0


def test_cpu_and_memory_change_in_place(agent: AgentUnderTest) -> None:
    def limited(cpu: str, memory: str) -> str:
        resources = {"requests": {"cpu": "10m", "memory": "8Mi"}, "limits": {"cpu": cpu, "memory": memory}}
        return manifest("web", container={"resources": resources})

    def memory_limits() -> tuple[int, int]:
        """Return the limits of the container and of its pod, as the kernel has them."""
        pid = agent.pid_of(agent.container_id("web"))
        hierarchy = read_hierarchies().of("memory") or read_hierarchies().unified
        assert hierarchy is not None
        lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
        path = next(line.split(":", 2)[2] for line in lines if "memory" in line.split(":")[1].split(","))
        own = hierarchy.mount / path.strip("/")
        name = "memory.limit_in_bytes" if (own / "memory.limit_in_bytes").exists() else "memory.max"
        return int((own / name).read_text()), int((own.parent / name).read_text())

    agent.write("web.yaml", limited("200m", "64Mi"))
    agent.wait_running("web")
    container = agent.container_id("web")
    assert memory_limits() == (64 << 20, 64 << 20)
    agent.write("web.yaml", limited("300m", "96Mi"))
    agent.wait("resized", lambda: memory_limits() == (96 << 20, 96 << 20))
    assert agent.container_id("web") == container
    agent.write("web.yaml", limited("300m", "80Mi"))
    agent.wait("less memory restarts", lambda: agent.container_id("web") != container)
    agent.wait("and the pod's follows", lambda: memory_limits() == (80 << 20, 80 << 20))
    assert container_status(agent.wait_running("web"))["restartCount"] == 0


def test_apply_waits_and_says_why(agent: AgentUnderTest, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(["--socket", str(agent.settings.paths.socket), *words])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    file = tmp_path / "mine.yaml"
    file.write_text(version(1))
    code, out, _ = run("apply", "-f", str(file), "--wait=20s")
    assert (code, "created in web.yaml" in out, "is ready under revision" in out) == (0, True, True)
    assert ((agent.manifests / "web.yaml").stat().st_mode & 0o777) == 0o600
    file.write_text(version(2))
    assert "restarts container main" in run("diff", "-f", str(file))[1]
    assert run("apply", "-f", str(file), "--wait=20s")[0] == 0
    assert runs(agent, 2)
    file.write_text(gated(3, healthy=False, seconds=2))
    code, _, err = run("apply", "-f", str(file), "--wait=20s")
    assert (code, "was not ready in its time" in err) == (1, True)
    assert run("history", "web")[1].count("Failed") == 1
    file.write_text("kind: Pod")
    code, _, err = run("apply", "-f", str(file))
    assert (code, "nothing was changed" in err) == (1, True)
    code, out, _ = run("delete", "web", "--wait=20s")
    assert (code, "is gone" in out) == (0, True)
    assert not list(agent.manifests.iterdir())
