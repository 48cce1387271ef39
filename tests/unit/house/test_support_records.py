"""A record is of a ring that ran whole, and says of each environment how its tests went there."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

import pytest

from tests.supported import plugin, records
from tests.supported.environment import Environment
from tests.supported.plugin import SupportRecorder, ran_in
from tests.supported.records import Scenario
from tests.supported.scenarios import Place, collected, today

if TYPE_CHECKING:
    from pathlib import Path

HERE = Environment(
    system="Debian 12",
    kernel="6.1",
    init="other",
    cgroups="v1",
    runtime="containerd",
    runtime_version="1.6.20",
    oci="crun",
    oci_version="1.8.1",
)
GUEST = replace(HERE, system="Debian 13", init="systemd", cgroups="v2", runtime_version="1.7.24", oci_version="1.21")


@dataclass
class Item:
    """A collected test, so far as the recorder looks at it."""

    path: Path
    real: bool = True
    name: str = "test"
    user_properties: list[tuple[str, object]] = field(default_factory=list)

    @property
    def nodeid(self) -> str:
        return f"{self.path}::{self.name}"

    def get_closest_marker(self, name: str) -> object:
        return name if self.real else None


@dataclass
class Session:
    items: list[Item]


class Run:
    """A run of three modules: two of the real ring, of which one has tests of the simulator too, and one of guests."""

    def __init__(self, tests: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(plugin, "TESTS", tests)
        monkeypatch.setattr(records, "DIRECTORY", tests / "support")
        self.commit = "abc1234"
        self.known = [Place(system="Debian 13", name=f"test_one.py::test_{name}") for name in ("boots", "other")]
        monkeypatch.setattr(plugin, "checkout", lambda: self.commit)
        monkeypatch.setattr(plugin, "collected", lambda: frozenset(self.known))
        self.items = [Item(tests / ring / "test_one.py") for ring in ("real", "contract", "vm", "unit")]
        self.items[2].name = "test_boots[trixie]"
        for item in self.items[:3]:
            item.path.parent.mkdir()
            item.path.touch()
        self.recorder = SupportRecorder(lambda: HERE)

    def collect(self, items: list[Item], deselected: list[Item]) -> None:
        self.recorder.pytest_deselected(cast("list[pytest.Item]", deselected))
        self.recorder.pytest_collection_finish(cast("pytest.Session", Session(items)))

    def report(self, item: Item, outcome: Any, when: Any = "call") -> None:
        self.recorder.pytest_runtest_logreport(
            pytest.TestReport(
                nodeid=item.nodeid,
                location=(str(item.path), 0, "test"),
                keywords={},
                outcome=outcome,
                longrepr=None,
                when=when,
                user_properties=item.user_properties,
            )
        )

    def counts(self) -> dict[tuple[str, str], tuple[int, int, int]]:
        self.recorder.pytest_sessionfinish()
        return {(r.ring, r.environment.system): (r.passed, r.failed, r.left_out) for r in records.read_records()}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    return Run(tmp_path, monkeypatch)


def test_each_ring_and_environment_has_a_record(run: Run) -> None:
    real, contract, guest, unit = run.items
    simulated = Item(contract.path, real=False)
    ran_in(cast("pytest.Item", guest), GUEST)
    ran_in(cast("pytest.Item", guest), GUEST)
    run.collect(run.items, [simulated])
    for item in (real, contract, guest, unit):
        run.report(item, "passed", "setup")
    run.report(real, "passed")
    run.report(contract, "skipped")
    run.report(guest, "passed")
    run.report(guest, "passed", "teardown")
    run.report(real, "failed", "teardown")
    assert run.counts() == {
        ("real", "Debian 12"): (0, 1, 1),
        ("vm", "Debian 13"): (1, 0, 0),
    }
    found = records.read_records()
    assert [record.environment for record in found if record.ring == "real"] == [HERE]
    assert [record.path.is_file() for record in found] == [True] * 2


def test_the_files_of_make_test_runtimes_are_a_ring_of_their_own(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    real, contract, *_ = run.items
    real.path.with_name("test_two.py").touch()
    monkeypatch.setattr(plugin, "ROUTINE", ("real/test_one.py", "contract/test_one.py"))
    run.collect([real, contract], [Item(contract.path, real=False)])
    for item in (real, contract):
        run.report(item, "passed")
    assert run.counts() == {("part", "Debian 12"): (2, 0, 0)}


@pytest.mark.parametrize("lost", ["a module", "a test", "the end"])
def test_a_part_of_a_ring_is_no_record(run: Run, lost: str) -> None:
    real, contract, guest, _ = run.items
    second = Item(real.path.with_name("test_two.py"))
    if lost == "a module":
        second.path.touch()
    items = [real, contract, guest, *([second] if lost == "the end" else [])]
    run.collect(items, [second] if lost == "a test" else [])
    for item in (real, contract):
        run.report(item, "passed")
    assert run.counts() == {}


def begin_again(run: Run, name: str, outcome: str, *, told: bool = True) -> None:
    """Run one test of the ring of machines, as another run of pytest does."""
    run.recorder = SupportRecorder(lambda: HERE)
    guest = run.items[2]
    guest.name, guest.user_properties = f"test_{name}[trixie]", []
    if told:
        ran_in(cast("pytest.Item", guest), GUEST)
    run.collect([guest], run.items[:2])
    for when in ("setup", "call", "teardown"):
        run.report(guest, outcome if when == "call" else "passed", when)
    run.recorder.pytest_sessionfinish()


def scenarios() -> dict[str, Scenario]:
    (record,) = records.read_records()
    assert record.environment == GUEST
    return record.scenarios


def test_scenarios_on_machines_are_recorded_one_by_one(run: Run) -> None:
    passed = Scenario(outcome="passed", on=today(), commit="abc1234")
    begin_again(run, "boots", "passed")
    assert scenarios() == {"test_one.py::test_boots": passed, "test_one.py::test_other": Scenario(outcome="not run")}
    run.commit = "def5678"
    begin_again(run, "other", "failed", told=False)
    (record,) = records.read_records()
    assert (record.passed, record.failed, record.left_out, record.not_run) == (1, 1, 0, 0)
    assert scenarios() == {
        "test_one.py::test_boots": passed,
        "test_one.py::test_other": replace(passed, outcome="failed", commit="def5678"),
    }
    del run.known[0]
    begin_again(run, "other", "passed")
    assert scenarios() == {"test_one.py::test_other": replace(passed, commit="def5678")}


def test_a_scenario_that_was_interrupted_is_not_recorded(run: Run) -> None:
    guest = run.items[2]
    run.collect([guest], [])
    run.report(guest, "passed", "setup")
    run.report(guest, "passed", "call")
    run.recorder.pytest_sessionfinish()
    assert records.read_records() == ()


def test_every_scenario_that_is_recorded_is_one_of_the_ring() -> None:
    known = collected()
    assert len({place.system for place in known}) == 2
    for record in records.read_records():
        assert record.scenarios.keys() <= {place.name for place in known if place.system == record.environment.system}
