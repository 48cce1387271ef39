"""Pods' cgroups on v2 with both drivers, in a directory that stands for the tree; the kernel's own: tests/vm."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TYPE_CHECKING

import pytest

from podstead.cgroups.abilities import read_abilities
from podstead.cgroups.hierarchy import Hierarchies, Hierarchy
from podstead.cgroups.layout import pod_cgroup_path, qos_cgroup_path
from podstead.cgroups.slices import NO_LIMIT, made_with, parent_of, slice_path, value_properties
from podstead.cgroups.systemd import SystemdSlices
from podstead.cgroups.tree import CgroupTree
from podstead.errors import OperatorError
from podstead.k8s.resources import CgroupValues
from tests.simulators.slices import CONTROLLERS, SimulatedSlices

if TYPE_CHECKING:
    from pathlib import Path

ROOTS = ("/podstead-x", "/podstead_x.slice")


def values(milli_cpu: int, memory: int = 0, quota: int = 0) -> CgroupValues:
    return CgroupValues(shares=max(2, milli_cpu * 1024 // 1000), quota=quota, period=100_000, memory_limit=memory)


class V2:
    """A machine with v2 alone; new directories show controllers as the kernel's do."""

    def __init__(self, mount: Path, root: str) -> None:
        self.mount = mount
        (mount / "cgroup.controllers").write_text(f"{CONTROLLERS} hugetlb rdma\n")
        (mount / "cgroup.subtree_control").write_text("memory pids\n")
        self.hierarchies = Hierarchies(trees=(Hierarchy(mount=mount, unified=True),))
        self.slices = SimulatedSlices(mount)
        self.tree = CgroupTree(root, self.hierarchies, self.slices)

    def create(self, path: str, wanted: CgroupValues, *, pids_limit: int = 0) -> Path:
        directory = self.mount / path.lstrip("/")
        if not path.endswith(".slice"):
            directory.mkdir(parents=True, exist_ok=True)
            (directory / "cgroup.controllers").write_text(CONTROLLERS)
        assert self.tree.create(path, wanted, pids_limit=pids_limit) == ()
        return directory

    def read(self, path: str, name: str) -> str:
        return (self.mount / path.lstrip("/") / name).read_text()


@pytest.fixture(params=ROOTS)
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> V2:
    made = V2(tmp_path, request.param)
    for qos in ("Guaranteed", "Burstable", "BestEffort"):  # the kernel shows files in a new directory at once
        directory = tmp_path / qos_cgroup_path(made.tree.root, qos).lstrip("/")
        directory.mkdir(exist_ok=True)
        (directory / "cgroup.controllers").write_text(CONTROLLERS)
    made.tree.prepare(cpus=4)
    return made


def test_a_guaranteed_pod_is_held_by_either_driver(machine: V2) -> None:
    path = pod_cgroup_path(machine.tree.root, "Guaranteed", "u-1")
    machine.create(path, values(250, 64 << 20, quota=25_000), pids_limit=100)
    found = {name: machine.read(path, name) for name in ("cpu.weight", "cpu.max", "memory.max", "pids.max")}
    assert found == {"cpu.weight": "10", "cpu.max": "25000 100000", "memory.max": str(64 << 20), "pids.max": "100"}
    assert machine.tree.pod_paths() == (path,)
    machine.create(path, values(250))
    assert (machine.read(path, "cpu.max"), machine.read(path, "memory.max")) == ("max 100000", "max")


def test_classes_weigh_what_their_pods_do(machine: V2) -> None:
    root = machine.tree.root
    classes = {qos: qos_cgroup_path(root, qos) for qos in ("Guaranteed", "Burstable", "BestEffort")}
    # Four cores are 4096 shares: by the kubelet's conversion 157, more than the 100 of any unit.
    assert {qos: machine.read(path, "cpu.weight") for qos, path in classes.items()} == {
        "Guaranteed": "157",
        "Burstable": "1",
        "BestEffort": "1",
    }
    pods = [pod_cgroup_path(root, "Burstable", uid) for uid in ("a", "b")]
    machine.create(pods[0], values(500))
    machine.create(pods[1], values(1000))
    machine.create(pod_cgroup_path(root, "BestEffort", "c"), values(0))
    assert machine.read(classes["Burstable"], "cpu.weight") == str(20 + 39)
    assert machine.read(classes["BestEffort"], "cpu.weight") == "1"
    again = CgroupTree(root, machine.hierarchies, machine.slices)  # another agent knows it from the kernel
    again.prepare(cpus=4)
    assert machine.read(classes["Burstable"], "cpu.weight") == str(20 + 39)


def test_pods_that_are_made_at_once_are_all_weighed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = V2(tmp_path, "/podstead-x")
    whole = qos_cgroup_path(machine.tree.root, "Burstable")
    (tmp_path / whole.lstrip("/")).mkdir(parents=True)
    (tmp_path / whole.lstrip("/") / "cgroup.controllers").write_text(CONTROLLERS)
    machine.tree.prepare(cpus=4)
    writing, second, write = Event(), Event(), machine.tree._write

    def held_up(file: Path, text: str) -> None:
        if file == machine.mount / whole.lstrip("/") / "cpu.weight" and not writing.is_set():
            writing.set()
            second.wait(0.3)  # by then the other pod would have been weighed
        write(file, text)

    monkeypatch.setattr(machine.tree, "_write", held_up)

    def make(uid: str, milli_cpu: int) -> None:
        machine.create(pod_cgroup_path(machine.tree.root, "Burstable", uid), values(milli_cpu))

    with ThreadPoolExecutor() as threads:
        first = threads.submit(make, "a", 500)
        assert writing.wait(10)
        make("b", 1000)
        second.set()
        first.result()
    assert machine.read(whole, "cpu.weight") == str(20 + 39)


def test_a_small_machines_pods_weigh_no_less_than_a_service(tmp_path: Path) -> None:
    machine = V2(tmp_path, "/podstead_x.slice")
    machine.tree.prepare(cpus=1)
    assert machine.read("/podstead_x.slice", "cpu.weight") == "100"


def test_slices_end_with_their_pod_and_never_under_a_process(tmp_path: Path) -> None:
    machine = V2(tmp_path, "/podstead_x.slice")
    machine.tree.prepare()
    path = pod_cgroup_path(machine.tree.root, "Burstable", "u-1")
    directory = machine.create(path, values(500))
    assert "podstead_x-burstable-podu_1.slice" in machine.slices.running
    scope = directory / "cri-containerd-1.scope"
    scope.mkdir()
    (scope / "cgroup.procs").write_text("17\n")
    assert machine.tree.pids(path) == (17,)
    assert machine.tree.remove(path) is False
    assert "podstead_x-burstable-podu_1.slice" in machine.slices.running
    (scope / "cgroup.procs").unlink()
    assert machine.tree.remove(path) is True
    assert not directory.exists()
    assert set(machine.slices.running) == {
        "podstead_x.slice",
        "podstead_x-burstable.slice",
        "podstead_x-besteffort.slice",
    }
    for file in tmp_path.rglob("*"):  # rmdir takes the kernel's own files with it; here they stand in its way
        if file.is_file() and file.parent != tmp_path:
            file.unlink()
    assert machine.tree.remove(machine.tree.root) is True
    assert machine.slices.running == {}


def test_without_a_v2_tree_a_slice_is_only_a_name(tmp_path: Path) -> None:
    (tmp_path / "cpu").mkdir()
    v1 = Hierarchies(trees=(Hierarchy(mount=tmp_path / "cpu", controllers=frozenset({"cpu"})),))
    slices = SimulatedSlices(tmp_path)
    assert CgroupTree("/podstead_x.slice", v1, slices).remove("/podstead_x.slice") is True
    assert slices.running == {}


def test_limits_become_properties() -> None:
    found = {one.name: one.value for one in value_properties(values(500, 1 << 20, quota=50_000), 7)}
    assert found == {
        "CPUWeight": 20,
        "CPUQuotaPerSecUSec": 500_000,
        "CPUQuotaPeriodUSec": 100_000,
        "MemoryMax": 1 << 20,
        "TasksMax": 7,
    }
    none = {one.name: one.value for one in value_properties(values(0))}
    assert (none["CPUQuotaPerSecUSec"], none["MemoryMax"], none["TasksMax"]) == (NO_LIMIT, NO_LIMIT, NO_LIMIT)


@pytest.mark.parametrize(("quota", "per_second"), [(25_000, 250_000), (125_500, 1_260_000), (1_000, 10_000)])
def test_a_quota_is_never_less_than_asked_for(quota: int, per_second: int) -> None:
    found = {one.name: one.value for one in value_properties(values(0, quota=quota))}
    assert found["CPUQuotaPerSecUSec"] == per_second


def test_a_slice_knows_its_parent_and_place_from_its_name() -> None:
    assert (parent_of("a-b-c.slice"), parent_of("a.slice")) == ("a-b.slice", "")
    assert slice_path("a-b-c.slice") == "a.slice/a-b.slice/a-b-c.slice"
    wants = {one.name: one.value for one in made_with("a-b.slice")}
    assert (wants["Wants"], wants["DefaultDependencies"]) == (["a.slice"], False)
    assert "Wants" not in {one.name for one in made_with("a.slice")}


def test_what_a_machine_can_hold_is_read_from_its_files(tmp_path: Path) -> None:
    pages = tmp_path / "pages"
    for size in (64, 2048, 1048576):
        (pages / f"hugepages-{size}kB").mkdir(parents=True)
    mount = tmp_path / "cgroup"
    (mount / "system.slice").mkdir(parents=True)
    (mount / "cgroup.controllers").write_text("cpu memory pids hugetlb\n")
    both = Hierarchies(trees=(Hierarchy(mount=mount, unified=True),))
    found = read_abilities(both, pages)
    assert (found.missing, found.memory, found.swap) == ((), True, False)
    assert found.huge_page_sizes == ("64KB", "2MB", "1GB")
    (mount / "system.slice" / "memory.swap.max").write_text("max\n")
    assert read_abilities(both, pages).swap
    (mount / "cgroup.controllers").write_text("cpu pids\n")  # cgroup_disable=memory
    found = read_abilities(both, pages)
    assert (found.missing, found.memory, found.swap, found.huge_page_sizes) == (("memory",), False, False, ())
    v1 = Hierarchies(trees=(Hierarchy(mount=mount, controllers=frozenset({"cpu", "cpuacct"})),))
    assert read_abilities(v1, pages).missing == ("memory", "pids")


def test_a_systemd_that_does_not_answer_is_told(tmp_path: Path) -> None:

    nobody = (tmp_path / "bus", tmp_path / "private")
    with pytest.raises(OperatorError, match=r"cannot end the slice a\.slice: systemd does not answer"):
        SystemdSlices(tmp_path, nobody).stop("a.slice")
