"""Pods' cgroups on machines with systemd and cgroup v2: what the kernel holds, with either driver (docs/cgroups.md)."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.manifests import OBEYING, container_status, is_running, manifest
from tests.support.vm.node import MANIFESTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.vm.node import GuestNode

CGROUPS = "/sys/fs/cgroup"
OPTIONS = "/etc/podstead/podstead.conf"
RESTART_SECONDS = 420.0
"""systemctl waits for READY: 30 s of an emulated processor, minutes where others want it too."""
MEBI = 1 << 20
FILES = ("cpu.weight", "cpu.max", "memory.max", "pids.max")
"""What every pod and container is held by."""
CONTAINER_FILES = ("memory.swap.max", "memory.oom.group", "hugetlb.2MB.max")
"""What is given to containers alone."""
SCRIPT = f"""\
import glob, json, os
found = {{}}
for top in glob.glob("{CGROUPS}/podstead*"):
    for directory, _, files in os.walk(top):
        names = set(files).intersection({(*FILES, *CONTAINER_FILES, "cgroup.procs")!r})
        found[directory[{len(CGROUPS)}:]] = {{
            name: open(os.path.join(directory, name)).read().split("\\n")[0] for name in names
        }}
print(json.dumps(found))
"""


def limited(cpu: str, memory: str, requests: dict[str, str] | None = None) -> dict[str, Any]:
    """Return what a container is limited to, and what it requests where that is less."""
    wanted: dict[str, Any] = {"limits": {"cpu": cpu, "memory": memory}}
    return {"resources": {**wanted, **({"requests": requests} if requests else {})}}


PODS = {
    "guaranteed": limited("200m", "64Mi"),
    "burstable": limited("905m", "96Mi", {"cpu": "300m", "memory": "32Mi"}),
    "effort": {},
}
EXPECTED = {
    "guaranteed": ("8", "20000 100000", str(64 * MEBI)),
    "burstable": ("12", "91000 100000", str(96 * MEBI)),
    "effort": ("1", "max 100000", "max"),
}
"""cpu.weight, cpu.max and memory.max of the pod; systemd keeps a quota in whole percent of a core, rounded up."""


def read_all(node: GuestNode) -> dict[str, dict[str, str]]:
    """Return the files of every cgroup of ours, by its path."""
    node.machine.put("/root/cgroups.py", SCRIPT)
    found: dict[str, dict[str, str]] = json.loads(node.machine.do("python3 /root/cgroups.py"))
    return found


def of_pod(node: GuestNode, name: str) -> dict[str, dict[str, str]]:
    """Return the pod's own cgroup, under an empty path, and those in it."""
    uid = node.pod(name)["metadata"]["annotations"]["kubernetes.io/config.hash"]
    marks = (f"pod{uid}", f"pod{uid.replace('-', '_')}.slice")
    found = {}
    for path, files in read_all(node).items():
        for mark in marks:
            _, met, tail = path.partition(mark)
            if met and (not tail or tail.startswith("/")):
                found[tail] = files
    assert "" in found, f"{name} has no cgroup"
    return found


def of_container(node: GuestNode, name: str) -> dict[str, str]:
    """Return the cgroup that the container's processes are in."""
    identifier = container_status(node.pod(name))["containerID"].rpartition("/")[2]
    (found,) = [one for path, one in of_pod(node, name).items() if identifier in path and one["cgroup.procs"]]
    return found


def deploy(node: GuestNode) -> None:
    for name, wanted in PODS.items():
        node.deploy(name, manifest(name, container=wanted))
    for name in PODS:
        node.wait_pod(name, is_running)


@contextlib.contextmanager
def started_with(node: GuestNode, options: str) -> Iterator[None]:
    """Restart an agent without pods with these options; with the usual ones again at the end."""
    usual = node.machine.get(OPTIONS)
    try:
        restart_with(node, options)
        yield
        node.clear()
    finally:
        node.machine.put(OPTIONS, usual)
        restart(node)


def restart_with(node: GuestNode, options: str) -> None:
    node.machine.put(OPTIONS, f'PODSTEAD_OPTS="--pod-manifest-path={MANIFESTS} {options}"\n')
    restart(node)


def restart(node: GuestNode) -> None:
    command = "systemctl restart podstead.service || { journalctl -u podstead -o cat --no-pager -n 20; false; }"
    node.machine.do(command, seconds=RESTART_SECONDS)
    node.wait_ready()


def check_values(node: GuestNode, expected: dict[str, tuple[str, str, str]]) -> None:
    for name, (weight, quota, memory) in expected.items():
        pod, container = of_pod(node, name)[""], of_container(node, name)
        assert [pod[file] for file in FILES] == [weight, quota, memory, "max"], name
        assert container["memory.max"] == memory
        assert {file: container[file] for file in CONTAINER_FILES} == {
            "memory.swap.max": "0",
            "memory.oom.group": "1",
            "hugetlb.2MB.max": "0",
        }


def processes(node: GuestNode) -> dict[str, str]:
    return {name: of_container(node, name)["cgroup.procs"] for name in PODS}


def kill_runtime(node: GuestNode) -> None:
    ask = "systemctl show --value -p MainPID podstead-containerd"
    before = node.machine.do(ask).strip()
    node.machine.do(f"kill -9 {before}")
    node.machine.wait(ask, until=lambda pid: pid.strip() not in {"0", before})
    node.wait_ready()


def test_systemd_makes_and_keeps_pods_cgroups(node: GuestNode) -> None:
    deploy(node)
    tops = {path.split("/")[1] for path in read_all(node)}
    assert len(tops) == 1
    (top,) = tops
    assert top.startswith("podstead_")
    assert top.endswith(".slice")
    check_values(node, EXPECTED)
    unit = top.removesuffix(".slice")
    classes = {path.rpartition("/")[2]: files for path, files in read_all(node).items()}
    # Together they weigh what the one pod does, and BestEffort pods the least.
    assert classes[f"{unit}-burstable.slice"]["cpu.weight"] == EXPECTED["burstable"][0]
    assert classes[f"{unit}-besteffort.slice"]["cpu.weight"] == "1"
    assert classes[top]["cpu.weight"] == "100"
    # They stay over what systemd reads again, another agent, and another containerd.
    before = processes(node)
    node.machine.do("systemctl daemon-reload")
    check_values(node, EXPECTED)
    restart(node)
    kill_runtime(node)
    check_values(node, EXPECTED)
    assert processes(node) == before
    # A pod that goes takes its slice with it.
    node.withdraw("guaranteed")
    node.wait(
        lambda: len(node.machine.do("systemctl list-units --no-legend '*-pod*.slice'").splitlines()) == 2,
        "the slice of the pod is still there",
    )


@pytest.mark.newest
def test_cgroupfs_gives_the_same_values(node: GuestNode) -> None:
    with started_with(node, "--cgroup-driver=cgroupfs --pod-max-pids=500"):
        deploy(node)
        for name, (weight, quota, memory) in EXPECTED.items():
            pod, container = of_pod(node, name)[""], of_container(node, name)
            exact = "90500 100000" if name == "burstable" else quota
            assert [pod[file] for file in FILES] == [weight, exact, memory, "500"], name
            assert [container[file] for file in ("memory.max", *CONTAINER_FILES)] == [memory, "0", "1", "0"], name
        used = {path.split("/")[1] for path, files in read_all(node).items() if files.get("cgroup.procs")}
        assert [top for top in used if top.endswith(".slice")] == []
        # Pods that run keep their driver: another one would leave them in cgroups that nobody finds.
        restart_with(node, "--cgroup-driver=systemd")
        assert "CgroupDriverKept" in node.podstead("get events -A")
        assert [container_status(node.pod(name))["restartCount"] for name in PODS] == [0, 0, 0]


@pytest.mark.newest
def test_resources_change_in_a_running_container(node: GuestNode) -> None:
    node.deploy("resized", manifest("resized", container=limited("100m", "48Mi")))
    node.wait_pod("resized", is_running)
    before = of_container(node, "resized")
    node.deploy("resized", manifest("resized", container=limited("250m", "80Mi")))
    node.wait(lambda: of_pod(node, "resized")[""]["cpu.max"] == "25000 100000", "the pod's quota is the old one")
    node.wait(lambda: of_container(node, "resized")["cpu.max"] == "25000 100000", "the container's is the old one")
    after = of_container(node, "resized")
    assert after["cgroup.procs"] == before["cgroup.procs"]
    assert (after["memory.max"], after["cpu.weight"], after["memory.swap.max"]) == (str(80 * MEBI), "10", "0")
    assert of_pod(node, "resized")[""]["memory.max"] == str(80 * MEBI)
    assert container_status(node.pod("resized"))["restartCount"] == 0


def last_end(pod: dict[str, Any]) -> tuple[int, str]:
    ended = container_status(pod).get("lastState", {}).get("terminated", {})
    return ended.get("exitCode", 0), ended.get("reason", "")


def test_a_container_that_runs_out_of_memory_is_killed_as_a_whole_and_says_so(node: GuestNode) -> None:
    # The child eats, and the shell would live on.
    eating = f"sleep 3; dd if=/dev/zero of=/dev/null bs=200M count=1; {OBEYING}"
    container = {"command": ["sh", "-c", eating], **limited("100m", "48Mi")}
    node.deploy("hungry", manifest("hungry", container=container))

    def killed(times: int) -> Callable[[dict[str, Any]], bool]:
        def ended(pod: dict[str, Any]) -> bool:
            for status in pod.get("status", {}).get("containerStatuses", []):
                why = status["state"].get("terminated") or status.get("lastState", {}).get("terminated", {})
                if status["restartCount"] >= times and why.get("reason") == "OOMKilled":
                    return True
            return False

        return ended

    # More than once: the runtime misses some, and each has to be told.
    for times in (1, 2):
        node.wait_pod("hungry", killed(times))
    node.wait_pod("hungry", lambda pod: last_end(pod) == (137, "OOMKilled"))
    told = node.podstead("get events -A")
    assert "Container main was killed because memory ran out: its memory limit is 48Mi" in told
