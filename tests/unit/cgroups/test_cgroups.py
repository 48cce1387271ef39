"""Cgroups in a directory that stands for the kernel's trees; the real trees are tried in tests/real/test_cgroups.py."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from podstead.cgroups.hierarchy import Hierarchies, Hierarchy, parse_hierarchies
from podstead.cgroups.layout import Driver, both_roots, check_root, driver_of, pod_cgroup_path, root_for
from podstead.cgroups.tree import CgroupTree
from podstead.cgroups.usage import Usage, read_usage
from podstead.cgroups.values import CgroupFile, cpu_weight, v1_files, v2_files
from podstead.containerd.leftovers import cgroup_pids
from podstead.errors import OperatorError
from podstead.k8s.resources import CgroupValues

if TYPE_CHECKING:
    from pathlib import Path

VALUES = CgroupValues(shares=512, quota=50_000, period=100_000, memory_limit=1 << 20)
NO_LIMITS = CgroupValues(shares=2, quota=0, period=0, memory_limit=0)
HYBRID = """\
30 24 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw
31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
32 30 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
33 30 0:29 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
34 30 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate
35 30 0:28 / /mnt/again rw - cgroup cgroup rw,memory
"""


def files(made: tuple[CgroupFile, ...]) -> dict[str, str]:
    return {file.name: file.text for file in made}


def test_hierarchies_are_read_once_each() -> None:
    found = parse_hierarchies(HYBRID)
    assert found.version == 1
    assert [str(tree.mount) for tree in found.trees] == [
        "/sys/fs/cgroup/cpu,cpuacct",
        "/sys/fs/cgroup/memory",
        "/sys/fs/cgroup/systemd",
        "/sys/fs/cgroup/unified",
    ]
    owner = found.of("cpuacct")
    assert owner is not None
    assert owner.mount.name == "cpu,cpuacct"
    assert found.of("pids") is None
    alone = parse_hierarchies("34 30 0:30 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw")
    assert alone.version == 2
    assert alone.unified is not None


def test_paths_follow_the_kubelets_layout() -> None:
    assert [pod_cgroup_path("/podstead-x", qos, "u-1") for qos in ("Guaranteed", "Burstable", "BestEffort")] == [
        "/podstead-x/podu-1",
        "/podstead-x/burstable/podu-1",
        "/podstead-x/besteffort/podu-1",
    ]


def test_slices_follow_the_kubelets_names() -> None:
    root = root_for("/podstead-x", Driver.SYSTEMD)
    assert both_roots("/podstead-x") == ("/podstead-x", "/podstead_x.slice")
    assert (driver_of(root), driver_of("/podstead-x")) == (Driver.SYSTEMD, Driver.CGROUPFS)
    assert root_for(root, Driver.SYSTEMD) == root
    assert pod_cgroup_path(root, "Guaranteed", "a-b") == "/podstead_x.slice/podstead_x-poda_b.slice"
    assert pod_cgroup_path("/kubepods.slice", "Burstable", "a-b") == (
        "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-poda_b.slice"
    )
    assert root_for("/a/b-c", Driver.SYSTEMD) == "/a.slice/a-b_c.slice"
    assert pod_cgroup_path(root_for("/a/b-c", Driver.SYSTEMD), "BestEffort", "u") == (
        "/a.slice/a-b_c.slice/a-b_c-besteffort.slice/a-b_c-besteffort-podu.slice"
    )


@pytest.mark.parametrize("uid", ["", "..", "a/b", "../..", "a b", "-x"])
def test_a_uid_cannot_leave_the_root(uid: str) -> None:
    with pytest.raises(ValueError, match="not a pod uid"):
        pod_cgroup_path("/podstead-x", "Guaranteed", uid)


@pytest.mark.parametrize("root", ["", "/", "relative", "/a/../b", "/a//b", "/.", "/a/", "//"])
def test_a_root_that_is_none_is_refused(root: str) -> None:
    with pytest.raises(OperatorError, match="cannot use the cgroup root"):
        check_root(root)


def test_values_become_files_of_both_versions() -> None:
    assert files(v1_files(VALUES, 7)) == {
        "cpu.shares": "512",
        "cpu.cfs_period_us": "100000",
        "cpu.cfs_quota_us": "50000",
        "memory.limit_in_bytes": "1048576",
        "pids.max": "7",
    }
    assert files(v2_files(VALUES, 7)) == {
        "cpu.weight": "20",
        "cpu.max": "50000 100000",
        "memory.max": "1048576",
        "pids.max": "7",
    }
    assert files(v1_files(NO_LIMITS))["cpu.cfs_quota_us"] == files(v1_files(NO_LIMITS))["memory.limit_in_bytes"] == "-1"
    assert files(v2_files(NO_LIMITS)) == {
        "cpu.weight": "1",
        "cpu.max": "max 100000",
        "memory.max": "max",
        "pids.max": "max",
    }


@pytest.mark.parametrize(("shares", "weight"), [(2, 1), (0, 1), (1024, 39), (262144, 10000), (999_999, 10000)])
def test_shares_become_weights(shares: int, weight: int) -> None:
    assert cpu_weight(shares) == weight


@pytest.fixture
def unified(tmp_path: Path) -> Path:
    """A directory with the two files that the kernel shows at the root of a v2 tree."""
    (tmp_path / "cgroup.controllers").write_text("cpu io memory rdma\n")
    (tmp_path / "cgroup.subtree_control").write_text("cpu\n")
    return tmp_path


def two(unified: Path) -> CgroupTree:
    return CgroupTree("/podstead-x", Hierarchies(trees=(Hierarchy(mount=unified, unified=True),)))


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/podstead-x",
        "/podstead-xy/a",
        "/other",
        "/podstead-x/../other",
        "podstead-x/a",
        "/podstead-x//a",
        "/podstead-x/.",
    ],
)
def test_nothing_outside_the_root_is_touched(unified: Path, path: str) -> None:
    before = sorted(unified.rglob("*"))
    with pytest.raises(ValueError, match="not below the cgroup root"):
        two(unified).create(path, VALUES)
    if path != "/podstead-x":
        with pytest.raises(ValueError, match="not below the cgroup root"):
            two(unified).remove(path)
        with pytest.raises(ValueError, match="not below the cgroup root"):
            two(unified).pids(path)
    assert sorted(unified.rglob("*")) == before


def test_cgroups_that_come_and_go_meanwhile_are_no_fault(unified: Path) -> None:
    """As a container's do while its pod is looked at; found with containerd 1.7 on a busy machine."""
    stays = unified / "podstead-x" / "stays"
    stays.mkdir(parents=True)
    (stays / "cgroup.procs").write_text("17\n")
    over = threading.Event()

    def come_and_go() -> None:
        while not over.is_set():
            for number in range(20):
                (unified / "podstead-x" / f"pod{number}" / "container").mkdir(parents=True)
            for number in range(20):
                (unified / "podstead-x" / f"pod{number}" / "container").rmdir()
                (unified / "podstead-x" / f"pod{number}").rmdir()

    busy = threading.Thread(target=come_and_go)
    busy.start()
    try:
        assert {two(unified).pids("/podstead-x") for _ in range(300)} == {(17,)}
        assert {cgroup_pids("/podstead-x", frozenset({"stays"}), unified) for _ in range(300)} == {(17,)}
    finally:
        over.set()
        busy.join()


def test_v2_controllers_are_handed_down_and_missing_ones_named(unified: Path) -> None:
    pod = unified / "podstead-x" / "poda"
    pod.mkdir(parents=True)
    (pod / "cgroup.controllers").write_text("cpu memory\n")
    lacking = two(unified).create("/podstead-x/poda", VALUES, pids_limit=5)
    assert lacking == ("pids",)
    assert (pod / "cpu.max").read_text() == "50000 100000"
    assert (pod / "memory.max").read_text() == "1048576"
    # The last word written stands in the file: the kernel's own file takes them one by one.
    assert (unified / "cgroup.subtree_control").read_text() == "+memory"
    assert not (pod / "pids.max").exists()


def test_v1_limits_go_to_their_own_trees_and_cpusets_are_inherited(tmp_path: Path) -> None:
    for name in ("cpu", "cpuset", "unified"):
        (tmp_path / name).mkdir()
    (tmp_path / "cpuset" / "cpuset.cpus").write_text("0-1\n")
    (tmp_path / "cpuset" / "cpuset.mems").write_text("0\n")
    for part in ("podstead-x", "podstead-x/poda"):
        (tmp_path / "cpuset" / part).mkdir()
        for name in ("cpuset.cpus", "cpuset.mems"):
            (tmp_path / "cpuset" / part / name).write_text("\n")
    trees = (
        Hierarchy(mount=tmp_path / "cpu", controllers=frozenset({"cpu", "cpuacct"})),
        Hierarchy(mount=tmp_path / "cpuset", controllers=frozenset({"cpuset"})),
        Hierarchy(mount=tmp_path / "unified", unified=True),
    )
    lacking = CgroupTree("/podstead-x", Hierarchies(trees=trees)).create("/podstead-x/poda", VALUES)
    assert lacking == ("memory", "pids")
    assert (tmp_path / "cpu/podstead-x/poda/cpu.cfs_quota_us").read_text() == "50000"
    assert (tmp_path / "cpuset/podstead-x/poda/cpuset.cpus").read_text() == "0-1"
    assert list((tmp_path / "unified").iterdir()) == []  # a v2 tree beside v1 is the host's business


def test_pods_are_listed_and_removed_bottom_up(unified: Path) -> None:
    for path in ("poda/c1/deep", "burstable/podb", "besteffort/podc", "other"):
        (unified / "podstead-x" / path).mkdir(parents=True)
    (unified / "elsewhere" / "podz").mkdir(parents=True)
    tree = two(unified)
    assert tree.pod_paths() == ("/podstead-x/besteffort/podc", "/podstead-x/burstable/podb", "/podstead-x/poda")
    assert tree.remove("/podstead-x/poda") is True
    assert tree.remove("/podstead-x/poda") is True
    assert not (unified / "podstead-x" / "poda").exists()
    assert tree.remove("/podstead-x") is True
    assert not (unified / "podstead-x").exists()
    assert (unified / "elsewhere" / "podz").exists()


def test_usage_leaves_out_the_cache_that_can_go(tmp_path: Path) -> None:
    pod = tmp_path / "podstead-x"
    pod.mkdir()
    trees = Hierarchies(trees=(Hierarchy(mount=tmp_path, unified=True),))
    assert read_usage(trees, "/podstead-x") is None
    (pod / "cpu.stat").write_text("usage_usec 7\nuser_usec 3\n")
    (pod / "memory.current").write_text("1000\n")
    (pod / "memory.stat").write_text("anon 600\ninactive_file 300\n")
    assert read_usage(trees, "/podstead-x") == Usage(cpu_nanoseconds=7000, memory_bytes=700)
    (pod / "memory.current").write_text("100\n")
    assert read_usage(trees, "/podstead-x") == Usage(cpu_nanoseconds=7000, memory_bytes=0)
    one = Hierarchy(mount=tmp_path, controllers=frozenset({"cpuacct", "memory"}))
    (pod / "cpuacct.usage").write_text("55\n")
    (pod / "memory.usage_in_bytes").write_text("1000\n")
    (pod / "memory.stat").write_text("total_inactive_file 1\ninactive_file 300\n")
    assert read_usage(Hierarchies(trees=(one,)), "/podstead-x") == Usage(cpu_nanoseconds=55, memory_bytes=999)
    assert read_usage(Hierarchies(trees=(Hierarchy(mount=tmp_path),)), "/podstead-x") is None
