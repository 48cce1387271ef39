"""Which cgroup driver a node works with; the machine is a directory that stands for its cgroup tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from podstead.cgroups.hierarchy import Hierarchies, Hierarchy
from podstead.cri._pb import cri_pb2 as pb
from podstead.cri.client import CRIClient
from podstead.cri.observe import cgroup_driver_of
from podstead.daemon import cgroup_driver
from podstead.daemon.cgroup_driver import DIFFERS, KEPT, foreign_root, private_roots
from podstead.errors import OperatorError
from tests.simulators.cri_faults import Fault
from tests.simulators.cri_runtime import SimulatedRuntime
from tests.simulators.cri_transports import InProcessTransport

if TYPE_CHECKING:
    from pathlib import Path

ROOT, SLICE = "/podstead-x", "/podstead_x.slice"


class Machine:
    """What the choice looks at; `said` are the sentences that the operator gets."""

    def __init__(self, mount: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.mount = mount
        self._monkeypatch = monkeypatch
        self.said: list[tuple[str, str]] = []
        self.told: str | None = None
        """The driver that the runtime last looked at has named."""
        self.is_like(version=2, systemd=True)

    def is_like(self, *, version: int, systemd: bool) -> None:
        controllers = frozenset({"cpu"}) if version == 1 else frozenset[str]()
        tree = Hierarchy(mount=self.mount, controllers=controllers, unified=version == 2)
        self._monkeypatch.setattr(cgroup_driver, "read_hierarchies", lambda: Hierarchies(trees=(tree,)))
        self._monkeypatch.setattr(cgroup_driver, "has_systemd", lambda: systemd)

    def runs_in(self, root: str) -> None:
        directory = self.mount / root.lstrip("/") / "pod1"
        directory.mkdir(parents=True)
        (directory / "cgroup.procs").write_text("17\n")

    def roots(self, wanted: str = "") -> tuple[str, str]:
        return private_roots(ROOT, wanted, lambda reason, text: self.said.append((reason, text)))

    async def foreign(self, runtime: SimulatedRuntime, wanted: str = "", known: str | None = None) -> str:
        client = CRIClient(InProcessTransport(runtime), endpoint="simulated", request_seconds=1.0)
        found = await foreign_root(ROOT, wanted, client, lambda *words: self.said.append(words), known=known)
        self.told = found.told
        return found.root


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def test_systemd_makes_cgroups_where_it_runs_a_machine_with_v2(machine: Machine) -> None:
    assert machine.roots() == (SLICE, ROOT)
    machine.is_like(version=2, systemd=False)
    assert machine.roots() == (ROOT, "")
    machine.is_like(version=1, systemd=True)
    assert machine.roots() == (ROOT, "")
    assert machine.said == []


def test_what_is_configured_has_nothing_to_fall_back_on(machine: Machine) -> None:
    assert machine.roots("systemd") == (SLICE, "")
    assert machine.roots("cgroupfs") == (ROOT, "")
    assert machine.said == []


def test_a_kubelets_flag_does_no_harm_where_there_is_no_systemd(machine: Machine) -> None:
    machine.is_like(version=2, systemd=False)
    assert machine.roots("systemd") == (ROOT, "")
    machine.is_like(version=1, systemd=True)
    assert machine.roots("systemd") == (ROOT, "")
    assert [reason for reason, _ in machine.said] == [DIFFERS, DIFFERS]
    assert "cgroup v1" in machine.said[1][1]


def test_pods_that_run_keep_their_driver(machine: Machine) -> None:
    machine.runs_in(ROOT)
    assert machine.roots() == (ROOT, "")
    assert machine.said == []  # nobody asked for another one
    assert machine.roots("systemd") == (ROOT, "")
    ((reason, text),) = machine.said
    assert reason == KEPT
    assert "podstead stop-all" in text


def test_an_empty_cgroup_of_an_earlier_driver_decides_nothing(machine: Machine) -> None:
    (machine.mount / "podstead-x" / "pod1").mkdir(parents=True)
    assert machine.roots() == (SLICE, ROOT)


async def test_another_runtimes_driver_counts(machine: Machine) -> None:
    runtime = SimulatedRuntime()
    runtime.cgroup_driver = pb.SYSTEMD
    assert await machine.foreign(runtime) == SLICE
    assert machine.told == "systemd"
    assert await machine.foreign(runtime, "cgroupfs", known="cgroupfs") == SLICE
    assert [reason for reason, _ in machine.said] == [DIFFERS]
    runtime.cgroup_driver = pb.CGROUPFS
    assert await machine.foreign(runtime) == ROOT
    machine.is_like(version=1, systemd=True)
    runtime.cgroup_driver = pb.SYSTEMD
    with pytest.raises(OperatorError, match="cgroup v1"):
        await machine.foreign(runtime)


async def test_a_runtime_that_does_not_tell_gets_the_configured_driver(machine: Machine) -> None:
    runtime = SimulatedRuntime()
    assert await machine.foreign(runtime) == ROOT
    assert await machine.foreign(runtime, "systemd") == SLICE


async def test_a_runtime_that_is_away_is_not_guessed_at(machine: Machine) -> None:
    runtime = SimulatedRuntime()
    runtime.cgroup_driver = pb.SYSTEMD
    runtime.down = True
    with pytest.raises(OperatorError, match=r"no container runtime answers .* --cgroup-driver"):
        await machine.foreign(runtime)
    assert await machine.foreign(runtime, "systemd") == SLICE
    # What it told an earlier agent holds until it answers.
    assert await machine.foreign(runtime, known="systemd") == SLICE
    assert await machine.foreign(runtime, known="cgroupfs") == ROOT
    assert machine.told is None
    machine.runs_in(SLICE)
    assert await machine.foreign(runtime) == SLICE
    machine.is_like(version=2, systemd=False)  # only cgroupfs is left
    (machine.mount / SLICE.lstrip("/") / "pod1" / "cgroup.procs").write_text("")
    assert await machine.foreign(runtime) == ROOT


async def test_a_runtime_that_refuses_to_tell_is_no_reason_to_wait(machine: Machine) -> None:
    runtime = SimulatedRuntime()
    runtime.faults.add(Fault.REFUSED, method="RuntimeConfig", times=2)
    assert await machine.foreign(runtime) == ROOT
    assert await machine.foreign(runtime, "systemd") == SLICE


@pytest.mark.parametrize(
    ("config", "driver"),
    [
        ('{"containerd":{"defaultRuntimeName":"r","runtimes":{"r":{"options":{"SystemdCgroup":true}}}}}', "systemd"),
        ('{"containerd":{"defaultRuntimeName":"r","runtimes":{"r":{"options":{"SystemdCgroup":false}}}}}', "cgroupfs"),
        ('{"containerd":{"defaultRuntimeName":"r","runtimes":{"r":{"options":{}}}}}', "cgroupfs"),
        ('{"containerd":{"defaultRuntimeName":"r","runtimes":{"r":{"options":null}}}}', None),
        ('{"containerd":{"defaultRuntimeName":"r","runtimes":{}}}', None),
        ('{"sandboxImage":"pause"}', None),
        ("[]", None),
        ("{", None),
        ("{}", None),
    ],
)
def test_an_older_containerds_status_tells_its_driver(config: str, driver: str | None) -> None:
    assert cgroup_driver_of({"config": config}) == driver
    assert cgroup_driver_of({}) is None
