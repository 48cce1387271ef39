"""A pod that reaches for the agent's own house, and somebody at the runtime's socket: the database answers all the while."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from podstead.config.security import SecuritySettings
from podstead.containerd.oci_image import ImageFile
from podstead.identity import PodKey, PodUID, RevisionID
from podstead.k8s import core_v1 as v1
from podstead.state.observed import ContainerState
from podstead.state.runtime import DNS, ContainerRequest, SandboxRequest
from podstead.volumes.mounter import SystemMounter
from tests.support.agent import agent_under_test
from tests.support.images import BUSYBOX_IMAGE, build_busybox_image
from tests.support.manifests import OBEYING, container_status, manifest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from podstead.config.settings import Settings
    from podstead.cri.client import CRIClient
    from podstead.identity import ContainerID, SandboxID
    from tests.support.agent import AgentUnderTest
    from tests.support.netns import Hosts

pytestmark = pytest.mark.real

PORT = 8099
SERVING = f"mkdir -p /tmp/w; echo up > /tmp/w/index.html; httpd -p {PORT} -h /tmp/w; {OBEYING}"
TOLD_SECONDS = 5.0
"""Within this time what is foreign is told of (the issue's promise)."""
PATIENCE = 3.0
"""A busy machine's share of that: the promise itself is held by tests/unit/daemon/test_foreign_schedule.py, on a clock of its own."""


@pytest.fixture
def database(agent: AgentUnderTest) -> Iterator[str]:
    """A pod that serves, and at the end is the same container as at the beginning, and answers."""
    agent.write("db.yaml", manifest("db", container={"command": ["sh", "-c", SERVING]}))
    agent.wait_running("db", 30)
    before = agent.container_id("db")
    agent.wait("it answers", lambda: "up" in agent.fetch(f"http://127.0.0.1:{PORT}/"))
    yield before
    assert agent.fetch(f"http://127.0.0.1:{PORT}/").strip() == "up"
    assert agent.container_id("db") == before


def mounting(name: str, path: Path | str, *, kind: str = "", command: str = OBEYING, **mount: Any) -> str:
    volume = {"name": "h", "hostPath": {"path": str(path), **({"type": kind} if kind else {})}}
    container = {"command": ["sh", "-c", command], "volumeMounts": [{"name": "h", "mountPath": "/host", **mount}]}
    return manifest(name, container=container, volumes=[volume])


def refusal(agent: AgentUnderTest, name: str) -> str:
    """Return why a pod does not run: the verdict's messages, or the reason for which its container waits."""
    report = agent.files().get(f"{name}.yaml", {})
    if report.get("verdict") == "Rejected":
        return f"{report['reason']}: {report['messages']}"
    pod = agent.pod(name)
    waiting = (
        container_status(pod)["state"].get("waiting", {}) if pod.get("status", {}).get("containerStatuses") else {}
    )
    said = [event["message"] for event in agent.events("SelfProtection", f"{name}-")]
    return f"{waiting.get('reason', '')}: {said}" if said else ""


@pytest.mark.attack("mounted-directory")
@pytest.mark.usefixtures("database")
def test_no_path_leads_to_the_agents_house(agent: AgentUnderTest) -> None:
    """By its name, a parent, a link, a bind mount, a process' root, a part, and a directory that would be made in it."""
    outside = agent.root.with_name(f"{agent.root.name}-x")
    (outside / "alias").mkdir(parents=True)
    (outside / "link").symlink_to(agent.manifests)
    (outside / "up").symlink_to("/")
    subprocess.run(["mount", "--bind", str(agent.manifests), str(outside / "alias")], check=True)
    attempts = {
        "named": mounting("named", agent.manifests),
        "parent": mounting("parent", agent.root.parent),
        "top": mounting("top", "/"),
        "link": mounting("link", outside / "link"),
        "around": mounting("around", f"{outside}/up{agent.manifests}"),
        "alias": mounting("alias", outside / "alias"),
        "below": mounting("below", outside),
        "process": mounting("process", f"/proc/self/root{agent.manifests}"),
        "part": mounting("part", "/", subPath=str(agent.manifests).lstrip("/")),
        "made": mounting("made", f"{outside}/link/new", kind="DirectoryOrCreate"),
        "secret": mounting("secret", agent.settings.paths.state, readOnly=True),
        "socket": mounting("socket", agent.settings.paths.socket, readOnly=True),
    }
    try:
        for name, text in attempts.items():
            agent.write(f"{name}.yaml", text)
        for name in attempts:
            said = agent.wait(f"{name} is refused", partial(refusal, agent, name), 30)
            assert "SelfProtection" in said, (name, said)
            assert "which no pod may mount" in said, (name, said)
            assert agent.containers(name) == (), name
        names = {path.name for path in agent.manifests.iterdir()}
        assert names == {"db.yaml", *(f"{name}.yaml" for name in attempts)}
    finally:
        for name in attempts:  # or what is tried again would be made where the link was
            (agent.manifests / f"{name}.yaml").unlink(missing_ok=True)
        agent.wait("only the database is left", lambda: list(agent.pods()) == [agent.full_name("db")], 30)
        subprocess.run(["umount", str(outside / "alias")], check=True)
        (outside / "alias").rmdir()
        (outside / "link").unlink()
        (outside / "up").unlink()
        outside.rmdir()


@pytest.mark.attack("mounted-directory")
@pytest.mark.usefixtures("database")
def test_a_read_only_root_is_shown_without_the_agents_house(agent: AgentUnderTest) -> None:
    """What a node exporter mounts: all of the node but its secrets, and nothing to be written anywhere."""
    agent.write("exporter.yaml", mounting("exporter", "/", readOnly=True))
    agent.wait_running("exporter", 30)
    assert agent.exec("exporter", "cat", "/host/etc/hostname") == Path("/etc/hostname").read_text()
    assert agent.exec("exporter", "ls", "-A", f"/host{agent.root}") == ""
    tried = f"for d in / /tmp /dev/shm {agent.root}; do touch /host$d/planted && echo $d; done; true"
    assert agent.exec("exporter", "sh", "-c", f"{{ {tried}; }} 2>/dev/null") == ""
    points = SystemMounter().mount_points(agent.settings.paths.pods)
    assert [str(point.path) for point in points] == [], "nothing of the node stays mounted below the agent's root"


@pytest.mark.attack("swapped-host-path")
@pytest.mark.usefixtures("database")
def test_a_container_that_swaps_the_path_of_another_gets_nowhere(agent: AgentUnderTest) -> None:
    """Its neighbour is started again and again, and writes into whatever it was given."""
    shared = agent.root.with_name(f"{agent.root.name}-s")
    (shared / "data").mkdir(parents=True)
    (shared / "link").symlink_to(agent.manifests)
    writes = f"touch /host/planted-$RANDOM.yaml; {OBEYING}"
    agent.write("victim.yaml", mounting("victim", shared / "data", kind="Directory", command=writes))
    agent.wait_running("victim", 30)
    over = threading.Event()

    def swap() -> None:
        while not over.is_set():
            for first, second in (("data", "aside"), ("link", "data"), ("data", "link"), ("aside", "data")):
                (shared / first).rename(shared / second)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        for _ in range(8):
            for one in agent.containers("victim", running=True):
                os.kill(agent.pid_of(one.id), 9)
            time.sleep(1)
    finally:
        over.set()
        thread.join()
    agent.wait_running("victim", 60)
    assert {path.name for path in agent.manifests.iterdir()} == {"db.yaml", "victim.yaml"}
    assert len(list((shared / "data").iterdir())) >= 2, "it was started while paths were swapped"
    agent.remove("victim.yaml")
    agent.wait_gone("victim", 30)
    for path in (shared / "data").iterdir():
        path.unlink()
    (shared / "data").rmdir()
    (shared / "link").unlink()
    shared.rmdir()


# Somebody at the runtime's socket.


def raw_pod(agent: AgentUnderTest, *, instance: str, uid: str = "") -> tuple[SandboxID, ContainerID]:
    """Make a pod by bare calls of the runtime's interface, as crictl does."""
    name, made = "intruder", PodUID(uid or str(uuid4()))
    handler = next(s.runtime_handler for s in agent.sandboxes("db"))
    spec = v1.Container(name="main", image=BUSYBOX_IMAGE)
    request = SandboxRequest(
        key=PodKey("default", name),
        uid=made,
        instance=instance,
        attempt=0,
        revision=RevisionID("0" * 16),
        pod=v1.Pod(metadata=v1.ObjectMeta(name=name), spec=v1.PodSpec(containers=(spec,), host_network=True)),
        hostname=name,
        log_directory=str(agent.root / f"log/pods/default_{name}_{made}"),
        cgroup_parent=f"{agent.cgroup_root}/pod{made}",
        dns=DNS(),
        runtime_handler=handler,
    )

    async def make(client: CRIClient) -> tuple[SandboxID, ContainerID]:
        sandbox = await client.run_sandbox(request)
        container = await client.create_container(
            ContainerRequest(
                sandbox=request,
                sandbox_id=sandbox,
                container=spec,
                attempt=0,
                restart_count=0,
                image_id=BUSYBOX_IMAGE,
                command=("sleep", "3600"),
                args=(),
                env=(),
                mounts=(),
                log_path="main/0.log",
                oom_score_adj=0,
            )
        )
        await client.start_container(container)
        return sandbox, container

    found: tuple[SandboxID, ContainerID] = agent._ask_runtime(make)
    return found


def remove_raw(agent: AgentUnderTest, sandbox: SandboxID) -> None:
    async def remove(client: CRIClient) -> None:
        await client.stop_sandbox(sandbox)
        await client.remove_sandbox(sandbox)

    agent._ask_runtime(remove)


def told(agent: AgentUnderTest, reason: str, what: str) -> bool:
    return any(what in event["message"] for event in agent.events(reason))


@pytest.mark.attack("foreign-container")
@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("labelled", [False, True])
def test_a_pod_made_behind_the_agents_back_is_told_of(agent: AgentUnderTest, *, labelled: bool) -> None:
    """With labels of its own, and with those of this agent, copied."""
    begun = time.monotonic()
    sandbox, container = raw_pod(agent, instance=agent.instance if labelled else "")
    for reason, what in (("ForeignPod", sandbox[:12]), ("ForeignContainer", container[:12])):
        agent.wait(f"{what} is told of", partial(told, agent, reason, what), TOLD_SECONDS * PATIENCE)
    assert time.monotonic() - begun < TOLD_SECONDS * PATIENCE
    assert container[:12] in agent.wait("it is shown", lambda: agent.problems().get("ForeignInRuntime", ""), 10)
    if not labelled:
        assert [s.ready for s in agent.sandboxes("") if s.id == sandbox] == [True], "it is only told of"
        remove_raw(agent, sandbox)
    else:
        agent.wait("the agent ends what no record names", lambda: sandbox not in [s.id for s in agent.sandboxes()], 60)
    agent.wait("nothing foreign is left", lambda: "ForeignInRuntime" not in agent.problems(), 20)


@contextmanager
def hidden(agent: AgentUnderTest) -> Iterator[list[str]]:
    """Run the task `other/hidden` by containerd's own tool while the context lasts; gives the tool's first words."""
    ctr = ["ctr", "--address", str(agent.containerd.socket), "--namespace", "other"]
    archive = agent.root / "other.tar"
    build_busybox_image(archive)
    subprocess.run([*ctr, "images", "import", str(archive)], check=True, capture_output=True)
    archive.unlink()
    (name,) = subprocess.run([*ctr, "images", "ls", "-q"], check=True, capture_output=True, text=True).stdout.split()
    run = [*ctr, "run", "--detach", "--runtime", "io.containerd.runc.v2", name, "hidden", "sleep", "3600"]
    subprocess.run(run, check=True, capture_output=True)
    try:
        yield ctr
    finally:
        for last in (
            ["tasks", "kill", "-s", "9", "hidden"],
            ["tasks", "rm", "-f", "hidden"],
            ["containers", "rm", "hidden"],
            ["images", "rm", name],
        ):
            subprocess.run([*ctr, *last], check=False, capture_output=True)


@pytest.mark.attack("foreign-container")
@pytest.mark.usefixtures("database")
def test_what_runs_past_the_interface_is_told_of(agent: AgentUnderTest) -> None:
    """By containerd's own tool, in a namespace that no pod is in."""
    with hidden(agent) as ctr:
        agent.wait("it is told of", lambda: told(agent, "ForeignContainer", "other/hidden"), TOLD_SECONDS * PATIENCE)
        assert "RUNNING" in subprocess.run([*ctr, "tasks", "ls"], check=True, capture_output=True, text=True).stdout
    agent.wait("nothing foreign is left", lambda: "ForeignInRuntime" not in agent.problems(), 20)


@pytest.mark.attack("foreign-container")
@pytest.mark.usefixtures("database")
def test_an_image_that_nobody_pulled_is_told_of(agent: AgentUnderTest) -> None:
    archive = agent.root / "planted.tar"
    build_busybox_image(archive, "registry.test/planted:1", extra=(ImageFile(path="www/planted", content=b"x"),))
    ctr = ["ctr", "--address", str(agent.containerd.socket), "--namespace", "k8s.io"]
    subprocess.run([*ctr, "images", "import", str(archive)], check=True, capture_output=True)
    archive.unlink()
    agent.wait("it is told of", lambda: told(agent, "ForeignImage", "registry.test/planted:1"), TOLD_SECONDS * PATIENCE)
    agent._ask_runtime(lambda client: client.remove_image("registry.test/planted:1"))
    agent.wait("nothing foreign is left", lambda: "ForeignInRuntime" not in agent.problems(), 20)
    assert agent.events("ForeignPod") == [], "what the agent makes itself is never taken for foreign"


@pytest.fixture
def strict_agent(agent_hosts: Hosts) -> Iterator[AgentUnderTest]:
    def stopping(settings: Settings) -> Settings:
        return replace(
            settings,
            security=SecuritySettings(stop_foreign=True, allow_insecure=settings.security.allow_insecure),
        )

    with agent_under_test(net_namespace=agent_hosts.node, changed=stopping) as running:
        yield running


@pytest.mark.attack("foreign-container")
def test_what_is_foreign_is_stopped_where_that_is_asked_for(strict_agent: AgentUnderTest) -> None:
    agent = strict_agent
    agent.write("db.yaml", manifest("db"))
    agent.wait_running("db", 30)
    before = agent.container_id("db")
    sandbox, container = raw_pod(agent, instance="")
    agent.wait(
        "it is stopped",
        lambda: [c.state for c in agent.containers() if c.id == container] == [ContainerState.EXITED],
        TOLD_SECONDS * PATIENCE,
    )
    agent.wait("it is told", lambda: told(agent, "ForeignStopped", container[:12]))
    assert [s.id for s in agent.sandboxes() if s.id == sandbox] == [sandbox], "it stays there to be examined"
    agent.restart()
    agent.wait_running("db", 30)
    assert agent.container_id("db") == before, "an agent that comes back takes nothing of its own for foreign"
    remove_raw(agent, sandbox)


@pytest.mark.attack("foreign-container")
def test_what_runs_past_the_interface_is_killed_where_that_is_asked_for(strict_agent: AgentUnderTest) -> None:
    agent = strict_agent
    with hidden(agent) as ctr:
        agent.wait("it is told", lambda: told(agent, "ForeignStopped", "other/hidden"), TOLD_SECONDS * PATIENCE)
        shown = subprocess.run([*ctr, "tasks", "ls"], check=True, capture_output=True, text=True).stdout
        assert "STOPPED" in shown, "it stays there to be examined"
