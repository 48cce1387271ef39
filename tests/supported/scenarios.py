"""The ring of machines is recorded test by test: a whole run takes long, and what passed alone has passed.

A record says of each test of its release how it went when it last ran there, when, and of which commit; of one that never
ran it says so.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.vm.recipe import NAMES, REPOSITORY
from tests.supported.records import NOT_RUN, Scenario, read_records, record_of_scenarios

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tests.supported.environment import Environment
    from tests.supported.records import Record

RING = "vm"
_TEST = re.compile(r"(?:.*/)?(?P<test>test_[^/]*\.py::\w+)\[(?P<release>\w+)(?:-(?P<more>.*))?\]$")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Place:
    """A test on the release that it is for."""

    system: str
    """As in `Debian 12`."""
    name: str
    """As in `test_boot.py::test_a_boot`, with its own parameters."""


def place_of(test: str) -> Place:
    """Return what a node id names.

    Raises:
        ValueError: the test is for no release.
    """
    found = _TEST.fullmatch(test.partition("@")[0])
    if found is None:
        raise ValueError(f"{test} is for no release")
    more = f"[{found['more']}]" if found["more"] else ""
    return Place(system=NAMES[found["release"]], name=f"{found['test']}{more}")


def collected() -> frozenset[Place]:
    """Return every test of the ring, as pytest finds them."""
    told = subprocess.run(
        [sys.executable, "-m", "pytest", "tests/vm", "--every-release", "--collect-only", "-q", "-p", "no:randomly"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    ).stdout
    return frozenset(place_of(line) for line in told.splitlines() if line.startswith("tests/vm/"))


def checkout() -> str:
    """Return the commit that is checked out, with a `+` where files differ from it."""
    git = ("git", "-c", "safe.directory=*", "-C", str(REPOSITORY))
    told = [
        subprocess.run([*git, *words], capture_output=True, text=True, timeout=60, check=True).stdout.strip()
        for words in (("rev-parse", "--short", "HEAD"), ("status", "--porcelain", "--", ":!docs/support"))
    ]
    return f"{told[0]}+" if told[1] else told[0]


def today() -> str:
    """Return the day, UTC."""
    return time.strftime("%Y-%m-%d", time.gmtime())


def merged(
    outcomes: Mapping[str, str], environments: Mapping[str, Iterable[Environment]], known: Iterable[Place], commit: str
) -> Iterator[Record]:
    """Yield the records that a run changes, with what earlier runs have left in them.

    Args:
        outcomes: How each test went, by node id.
        environments: Where each ran. One that failed before it could say so counts wherever its release was recorded.
        known: Every test that there is: others of older records are forgotten.
        commit: What was checked out.
    """
    before = {record.environment: record for record in read_records() if record.ring == RING}
    new: dict[Environment, dict[str, Scenario]] = {}
    for test, outcome in outcomes.items():
        place = place_of(test)
        for environment in environments.get(test) or [one for one in before if one.system == place.system]:
            new.setdefault(environment, {})[place.name] = Scenario(outcome=outcome, on=today(), commit=commit)
    for environment, scenarios in sorted(new.items()):
        names = {place.name for place in known if place.system == environment.system}
        # A newer patch level has the same file: what passed before it stays, and says when that was.
        probe = record_of_scenarios(environment, RING, {})
        older = next((record.scenarios for record in before.values() if record.path == probe.path), {})
        every = {name: Scenario(outcome=NOT_RUN) for name in names} | older | scenarios
        yield record_of_scenarios(environment, RING, {name: one for name, one in every.items() if name in names})
