"""What only a newer runtime can: containerd 2 of Debian unstable with its OCI runtimes, run beside this machine's own.

A run for another line of containerd leaves this out, so that nothing counts as that line's.
"""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from podstead.containerd.oci_image import ImageFile
from podstead.volumes.abilities import IMAGE_SUB_PATHS_SINCE
from podstead.volumes.id_ranges import FIRST_ID
from tests.support.agent import agent_at_rest
from tests.support.images import build_busybox_image
from tests.support.manifests import container_status, manifest
from tests.support.runtimes import runtime_directory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.agent import AgentUnderTest
    from tests.support.netns import Hosts

pytestmark = [pytest.mark.real, pytest.mark.containerd("2"), pytest.mark.timeout(400)]

GROUPED_IMAGE = "docker.io/library/grouped:1"
"""A busybox whose user 1000 is in the group 3000 by the image's own word."""
IDS = 65536


@pytest.fixture(scope="module")
def mounted_below(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give a directory with a file system mounted at its `below`."""
    directory = tmp_path_factory.mktemp("mounted")
    (directory / "below").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", directory / "below"], check=True)
    yield directory
    subprocess.run(["umount", directory / "below"], check=True)


@pytest.fixture(scope="module")
def module_agent(agent_hosts: Hosts, mounted_below: Path) -> Iterator[AgentUnderTest]:
    """Give an agent that runs the newer containerd.

    `mounted_below` comes before it: a containerd in a mount namespace of its own sees no later mounts of the machine.
    """
    with agent_at_rest(net_namespace=agent_hosts.node) as agent:
        agent.programs = runtime_directory("2")
        agent.root.chmod(0o711)  # as /var/lib/podstead is: what is in a user namespace must pass it
        agent.start()
        agent.import_busybox()
        archive = agent.root / "grouped.tar"
        group = ImageFile(path="etc/group", content=b"root:x:0:\nextra:x:3000:app\n")
        passwd = ImageFile(path="etc/passwd", content=b"root:x:0:0:root:/:/bin/sh\napp:x:1000:1000:app:/:/bin/sh\n")
        build_busybox_image(archive, GROUPED_IMAGE, extra=(group, passwd))
        agent.import_image(archive)
        yield agent


def mapped(agent: AgentUnderTest, pod: str) -> int:
    """Return the first id of the node that a pod's root is."""
    process = Path(f"/proc/{agent.pid_of(agent.container_id(pod))}")
    inside, first, count = (int(word) for word in (process / "uid_map").read_text().split())
    assert (inside, count) == (0, IDS)
    assert (process / "gid_map").read_text().split() == [str(inside), str(first), str(count)]
    assert process.stat().st_uid == first
    return first


def test_pods_with_user_namespaces_are_nobody_on_the_node(agent: AgentUnderTest, tmp_path: Path) -> None:
    (tmp_path / "of-root").write_text("kept\n")
    volumes: dict[str, Any] = {
        "volumes": [
            {"name": "own", "emptyDir": {}},
            {"name": "fast", "emptyDir": {"medium": "Memory"}},
            {"name": "host", "hostPath": {"path": str(tmp_path)}},
            {"name": "image", "image": {"reference": GROUPED_IMAGE, "pullPolicy": "IfNotPresent"}},
        ],
        "container": {
            "volumeMounts": [
                {"name": "own", "mountPath": "/own"},
                {"name": "own", "mountPath": "/part", "subPath": "part"},
                {"name": "fast", "mountPath": "/fast"},
                {"name": "host", "mountPath": "/host"},
                {"name": "image", "mountPath": "/image"},
            ]
        },
    }
    agent.write("one.yaml", manifest("one", hostNetwork=False, hostUsers=False, **volumes))
    agent.write("two.yaml", manifest("two", hostNetwork=False, hostUsers=False))
    pod = agent.wait_running("one", 30)
    agent.wait_running("two", 30)

    first = mapped(agent, "one")
    assert first >= FIRST_ID
    assert abs(first - mapped(agent, "two")) >= IDS
    # Inside it is root, and what is root's on the node is its own: mounts are mapped with the pod.
    places = ("/etc/hosts", "/own", "/part", "/fast", "/host/of-root")
    assert agent.exec("one", "stat", "-c", "%u", *places).split() == ["0"] * len(places)
    script = "id -u; touch /own/made /part/made /fast/made /host/made; hostname"
    assert agent.exec("one", "sh", "-c", script).split() == ["0", "one-node1"]
    assert "extra:x:3000:app" in agent.exec("one", "cat", "/image/etc/group")
    assert (tmp_path / "made").stat().st_uid == 0
    assert pod["status"]["podIP"]

    agent.restart()
    os.kill(agent.pid_of(agent.container_id("one")), signal.SIGKILL)
    again = agent.wait_pod(
        "one", lambda p: container_status(p)["restartCount"] == 1 and container_status(p)["ready"], 20
    )
    assert mapped(agent, "one") == first
    assert again["status"]["podIP"] == pod["status"]["podIP"]


def test_strict_groups_keep_the_images_away(agent: AgentUnderTest) -> None:
    def groups(policy: str) -> str:
        context = {"runAsUser": 1000, "supplementalGroups": [4000], "supplementalGroupsPolicy": policy}
        name = policy.lower()
        agent.write(f"{name}.yaml", manifest(name, image=GROUPED_IMAGE, securityContext=context))
        agent.wait_running(name, 30)
        status = Path(f"/proc/{agent.pid_of(agent.container_id(name))}/status").read_text()
        return next(line for line in status.splitlines() if line.startswith("Groups:")).partition(":")[2]

    assert "3000" in groups("Merge").split()
    strict = groups("Strict").split()
    assert "4000" in strict
    assert "3000" not in strict


def test_the_node_says_what_it_can(agent: AgentUnderTest) -> None:
    (node,) = agent.api.get("/api/v1/nodes")["items"]
    assert node["status"]["features"] == {"supplementalGroupsPolicy": True}
    handlers = {one["name"]: one["features"] for one in node["status"]["runtimeHandlers"]}
    assert handlers["runc"] == {"recursiveReadOnlyMounts": True, "userNamespaces": True}
    assert node["status"]["nodeInfo"]["containerRuntimeVersion"].startswith("containerd://2.")


def test_images_are_volumes(agent: AgentUnderTest) -> None:
    volumes = [{"name": "data", "image": {"reference": GROUPED_IMAGE, "pullPolicy": "IfNotPresent"}}]
    whole = {"name": "data", "mountPath": "/data"}
    agent.write("whole.yaml", manifest("whole", container={"volumeMounts": [whole]}, volumes=volumes))
    agent.wait_running("whole", 30)
    assert "app:x:1000" in agent.exec("whole", "cat", "/data/etc/passwd")
    with pytest.raises(AssertionError, match="Read-only file system"):
        agent.exec("whole", "touch", "/data/etc/new")

    part = {"name": "data", "mountPath": "/part", "subPath": "etc"}
    agent.write("part.yaml", manifest("part", container={"volumeMounts": [part]}, volumes=volumes))
    if agent.runtime_version() >= IMAGE_SUB_PATHS_SINCE["containerd"]:
        agent.wait_running("part", 30)
        assert "app:x:1000" in agent.exec("part", "cat", "/part/passwd")
    else:
        said = agent.wait("it is refused", lambda: agent.events("FailedMount", "part"))
        assert "mounts whole images only" in said[0]["message"]


def test_recursive_read_only_reaches_what_is_mounted_below(agent: AgentUnderTest, mounted_below: Path) -> None:
    mounts = [
        {"name": "v", "mountPath": f"/{value.lower()}", "readOnly": True, "recursiveReadOnly": value}
        for value in ("Enabled", "IfPossible", "Disabled")
    ]
    volumes = [{"name": "v", "hostPath": {"path": str(mounted_below)}}]
    agent.write("rro.yaml", manifest("rro", container={"volumeMounts": mounts}, volumes=volumes))
    agent.wait_running("rro", 30)
    script = "for m in enabled ifpossible disabled; do touch /$m/below/file 2>/dev/null && echo $m; done; true"
    assert agent.exec("rro", "sh", "-c", script).split() == ["disabled"]


def test_an_upgrade_of_containerd_leaves_pods_running(resting_agent: AgentUnderTest) -> None:
    """As from Debian 13 to unstable: the next start of the agent finds the new containerd, and that one the old one's pods."""
    agent = resting_agent
    agent.programs = runtime_directory("1.7")
    agent.start()
    agent.import_busybox()
    agent.write("host.yaml", manifest("host"))
    agent.write("own.yaml", manifest("own", hostNetwork=False))
    address = agent.wait_running("own", 30)["status"]["podIP"]
    agent.wait_running("host", 30)
    before = {name: agent.container_id(name) for name in ("host", "own")}
    pids = {name: agent.pid_of(container) for name, container in before.items()}
    assert agent.runtime_version() == (1, 7)

    agent.stop()
    agent.programs = runtime_directory("2")
    agent.start()

    assert agent.runtime_version() >= (2, 0)
    assert {name: agent.container_id(name) for name in before} == before
    assert {name: agent.pid_of(container) for name, container in before.items()} == pids
    os.kill(pids["own"], signal.SIGKILL)
    again = agent.wait_pod(
        "own", lambda p: container_status(p)["restartCount"] == 1 and container_status(p)["ready"], 20
    )
    assert again["status"]["podIP"] == address
    agent.clear()
