"""Pod cgroups on this machine's kernel: limits hold, usage is counted, removal leaves nothing."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from podstead.cgroups.hierarchy import Hierarchies, Hierarchy, read_hierarchies
from podstead.cgroups.layout import pod_cgroup_path
from podstead.cgroups.tree import CgroupTree
from podstead.cgroups.usage import read_usage
from podstead.errors import OperatorError
from podstead.k8s.resources import CgroupValues
from tests.support.pods import running_pod

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.nodes import PrivateNode

pytestmark = pytest.mark.real

VALUES = CgroupValues(shares=512, quota=50_000, period=100_000, memory_limit=64 << 20)
CGROUPS = Path("/sys/fs/cgroup")


def everywhere(tree: CgroupTree) -> list[Path]:
    """Return the directories of the root in all hierarchies that have one."""
    name = tree.root.lstrip("/")
    return [one for one in (CGROUPS / name, *(CGROUPS.glob(f"*/{name}"))) if one.is_dir()]


@pytest.fixture
def tree() -> Iterator[CgroupTree]:
    made = CgroupTree(f"/podstead-{uuid4().hex[:8]}", read_hierarchies())
    try:
        yield made
    finally:
        assert made.remove(made.root)
        assert everywhere(made) == []


def test_limits_are_the_kernels(tree: CgroupTree) -> None:
    path = pod_cgroup_path(tree.root, "Burstable", "u1")
    tree.prepare()
    lacking = tree.create(path, VALUES, pids_limit=100)
    assert lacking == ()
    if read_hierarchies().version == 1:
        read = {
            name: (CGROUPS / controller / path.lstrip("/") / name).read_text().strip()
            for controller, name in (
                ("cpu", "cpu.shares"),
                ("cpu", "cpu.cfs_quota_us"),
                ("cpu", "cpu.cfs_period_us"),
                ("memory", "memory.limit_in_bytes"),
                ("pids", "pids.max"),
            )
        }
        assert list(read.values()) == ["512", "50000", "100000", str(64 << 20), "100"]
        cpus = (CGROUPS / "cpuset" / path.lstrip("/") / "cpuset.cpus").read_text()
        assert cpus == (CGROUPS / "cpuset" / "cpuset.cpus").read_text()
        least = (CGROUPS / "cpu" / tree.root.lstrip("/") / "besteffort" / "cpu.shares").read_text()
        assert least.strip() == "2"
    assert tree.pod_paths() == (path,)
    unlimited = CgroupValues(shares=2, quota=0, period=100_000, memory_limit=0)
    assert tree.create(path, unlimited) == ()
    if read_hierarchies().version == 1:
        assert (CGROUPS / "cpu" / path.lstrip("/") / "cpu.cfs_quota_us").read_text().strip() == "-1"
    assert tree.remove(path)
    assert tree.pod_paths() == ()


def test_a_value_that_the_kernel_refuses_is_told(tree: CgroupTree) -> None:
    bad = CgroupValues(shares=2, quota=1, period=100_000, memory_limit=0)
    with pytest.raises(OperatorError, match=r"cannot set .* to '1'"):
        tree.create(pod_cgroup_path(tree.root, "Guaranteed", "u2"), bad)


def test_a_v2_tree_is_made_and_removed_without_touching_other_cgroups(tree: CgroupTree) -> None:
    mounted = read_hierarchies().unified
    if mounted is None:
        pytest.fail("this machine has no cgroup2 mount to try on")
    control = mounted.mount / "cgroup.subtree_control"
    before = control.read_text()
    alone = CgroupTree(tree.root, Hierarchies(trees=(Hierarchy(mount=mounted.mount, unified=True),)))
    path = pod_cgroup_path(tree.root, "Burstable", "u3")
    lacking = alone.create(path, VALUES)
    offered = (mounted.mount / "cgroup.controllers").read_text().split()
    assert set(lacking) == {"cpu", "memory", "pids"} - set(offered)
    directory = mounted.mount / path.lstrip("/")
    assert directory.is_dir()
    assert alone.remove(tree.root)
    assert not directory.exists()
    if read_hierarchies().version == 1:  # the mixed mount's controllers are the host's business
        for controller in set(control.read_text().split()) - set(before.split()):
            control.write_text(f"-{controller}")


def test_removal_waits_for_the_last_process_and_says_when_it_stays(tree: CgroupTree) -> None:
    path = pod_cgroup_path(tree.root, "BestEffort", "u4")
    tree.create(path, VALUES)
    (first, *_) = (one for one in everywhere(tree) if (one / "besteffort" / "podu4").is_dir())
    with subprocess.Popen(["sleep", "60"]) as sleeper:
        try:
            (first / "besteffort" / "podu4" / "cgroup.procs").write_text(str(sleeper.pid))
            assert tree.pids(path) == (sleeper.pid,)
            assert tree.remove(path) is False
            ending = threading.Timer(0.3, sleeper.kill)
            ending.start()
            began = time.monotonic()
            assert tree.remove(path) is True
            assert 0.2 < time.monotonic() - began < 10
            ending.join()
        finally:
            sleeper.kill()


def test_what_is_killed_is_what_is_in_the_cgroup(tree: CgroupTree) -> None:
    paths = [pod_cgroup_path(tree.root, "BestEffort", uid) for uid in ("u5", "u6")]
    left, beside = (subprocess.Popen(["sleep", "60"]) for _ in paths)
    try:
        for path, process in zip(paths, (left, beside), strict=True):
            tree.create(path, VALUES)
            (first, *_) = (one for one in everywhere(tree) if (one / "besteffort" / Path(path).name).is_dir())
            (first / "besteffort" / Path(path).name / "cgroup.procs").write_text(str(process.pid))
        tree.kill(paths[0])
        assert left.wait(10) == -signal.SIGKILL
        assert tree.remove(paths[0])
        assert (tree.pids(paths[1]), beside.poll()) == ((beside.pid,), None)
    finally:
        for process in (left, beside):
            process.kill()
            process.wait()


async def test_a_pods_containers_are_held_and_counted(private_node: PrivateNode) -> None:
    tree = CgroupTree(private_node.cgroup_parent, read_hierarchies())
    tree.prepare()
    path = pod_cgroup_path(tree.root, "Burstable", "held")
    tree.create(path, VALUES)
    async with private_node.client() as runtime:
        # Half a core for the pod, and 40 MiB in a file system of memory that is charged to it.
        work = "dd if=/dev/zero of=/dev/shm/file bs=1M count=40 2>/dev/null; while :; do :; done"
        async with running_pod(
            runtime, private_node, "held", ("sh", "-c", work), host_network=True, cgroup_parent=path
        ) as pod:
            pid = await runtime.container_pid(pod.container)
            assert pid in tree.pids(path)
            first = read_usage(read_hierarchies(), path)
            began = time.monotonic()
            await runtime.exec_sync(pod.container, ("sleep", "2"), 10)
            second, seconds = read_usage(read_hierarchies(), path), time.monotonic() - began
            assert first is not None
            assert second is not None
            cores = (second.cpu_nanoseconds - first.cpu_nanoseconds) / 1e9 / seconds
            assert 0.02 < cores < 0.7  # it has half a core at most, and less beside others
            assert 40 << 20 <= second.memory_bytes <= 64 << 20
    assert tree.pids(path) == ()
    assert tree.remove(path)
    assert read_usage(read_hierarchies(), path) is None
