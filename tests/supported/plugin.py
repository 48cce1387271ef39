"""Writes the records of a run (`--record-support`): how many tests of each ring passed, in each environment.

The ring `vm` is recorded test by test (`scenarios.py`), so any part of it may run; of another ring all of it.

Tests of the real ring run in the environment of this machine and the options `--containerd` and `--oci`. A test that
runs somewhere else, such as in a guest, says so: `ran_in(request.node, environment)`, any number of times.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest

from tests.supported.environment import Environment
from tests.supported.records import Record
from tests.supported.scenarios import RING, checkout, collected, merged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

TESTS = Path(__file__).parents[1]
RINGS = MappingProxyType({"real": ("real", "contract"), "vm": ("vm",)})
"""Ring to the directories of its tests. Of tests/contract only those count that are marked `real`."""
PART = "part"
"""The ring's name of `make test-runtimes`, which runs these files of the real ring whole:"""
ROUTINE = (
    *(f"contract/test_{name}.py" for name in ("containers", "events", "images", "sandboxes")),
    *(f"real/test_{name}.py" for name in ("cri_fields", "cri_restart", "private_containerd")),
    *(f"real/test_agent_{name}.py" for name in ("life", "newer_runtime", "security", "volumes")),
)
PROPERTY = "environment"
SEVERITY = ("passed", "skipped", "failed")


def ran_in(item: pytest.Item, environment: Environment) -> None:
    """Note that a test runs in an environment other than this machine's."""
    # Plain values: pytest-xdist sends them from the process that ran the test.
    noted = (PROPERTY, asdict(environment))
    if noted not in item.user_properties:
        item.user_properties.append(noted)


class SupportRecorder:
    """Keeps the worst outcome of each test, and writes a record for each ring that ran whole, or test by test."""

    def __init__(self, here: Callable[[], Environment]) -> None:
        self._here = here
        self._outcomes: dict[str, str] = {}
        self._environments: dict[str, set[Environment]] = defaultdict(set)
        self._wanted: dict[str, str] = {}
        """Test to its ring."""
        self._partial: set[str] = set()
        self._said: list[str] = []
        self._ended: set[str] = set()
        """Tests that ran to the end of their fixtures."""

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note what is to run, and of which rings that is only a part."""
        rings = {item.nodeid: ring for item in session.items if (ring := ring_of(item))}
        self._expect(rings, {item.path for item in session.items})

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any, ids: Sequence[str]) -> None:
        """Note the same where other processes run the tests: a name is all that is known of each."""
        root: Path = node.config.rootpath
        marks = node.config.getoption("markexpr")
        if node.config.getoption("keyword") or marks not in {"", "real"}:
            self._partial.update(RINGS)
        # Without that mark there are also tests of these directories that need nothing real.
        places = {name: ring for ring, names in RINGS.items() for name in names if ring != "real" or marks == "real"}
        rings = {one: places[name] for one in ids if (name := one.split("/")[1]) in places}
        self._expect(rings, {root / one.partition("::")[0] for one in ids})

    def _expect(self, rings: dict[str, str], files: set[Path]) -> None:
        routine = files == {TESTS / name for name in ROUTINE} and "real" not in self._partial
        self._wanted = {test: PART if routine and ring == "real" else ring for test, ring in rings.items()}
        self._note_partial(files)

    def _note_partial(self, files: set[Path]) -> None:
        for ring, directories in RINGS.items():
            whole = {path for name in directories for path in (TESTS / name).glob("test_*.py")}
            if not whole <= files:
                self._partial.add(ring)

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        """Note the rings that lack a test."""
        self._partial.update(ring for item in items if (ring := ring_of(item)))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how a phase of a test went, and where it ran."""
        ring = self._wanted.get(report.nodeid)
        if ring is None:
            return
        before = self._outcomes.get(report.nodeid, SEVERITY[0])
        if report.when == "teardown":
            self._ended.add(report.nodeid)
        self._outcomes[report.nodeid] = max(before, report.outcome, key=SEVERITY.index)
        named = {
            Environment(**value)
            for name, value in report.user_properties
            if name == PROPERTY and isinstance(value, dict)
        }
        self._environments[report.nodeid] |= named or ({self._here()} if ring in {"real", PART} else set())

    def pytest_sessionfinish(self) -> None:
        """Write the records."""
        for ring in sorted(set(self._wanted.values())):
            tests = {test for test, of in self._wanted.items() if of == ring}
            if ring == RING:
                outcomes = {test: self._outcomes[test] for test in sorted(tests & self._ended)}
                self._write(merged(outcomes, self._environments, collected(), checkout()))
                continue
            if ring in self._partial or not tests <= self._outcomes.keys():
                self._said.append(f"not recorded: only a part of the ring {ring!r} ran")
                continue
            self._write(self._records(ring, tests))

    def _write(self, records: Iterable[Record]) -> None:
        for record in records:
            record.write()
            self._said.append(f"recorded: {record.path.name}")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what was recorded."""
        for line in self._said:
            terminalreporter.write_line(line)

    def _records(self, ring: str, tests: set[str]) -> Iterator[Record]:
        counts: dict[Environment, Counter[str]] = defaultdict(Counter)
        for test in tests:
            for environment in self._environments[test]:
                counts[environment][self._outcomes[test]] += 1
        for environment, count in sorted(counts.items()):
            yield Record(
                environment=environment,
                ring=ring,
                passed=count["passed"],
                failed=count["failed"],
                left_out=count["skipped"],
            )


def ring_of(item: pytest.Item) -> str:
    """Return the ring of a test that runs on real components, empty for all others."""
    directory = item.path.relative_to(TESTS).parts[0]
    ring = next((name for name, directories in RINGS.items() if directory in directories), "")
    return "" if ring == "real" and item.get_closest_marker("real") is None else ring
