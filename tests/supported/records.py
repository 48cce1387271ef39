"""One small file an environment and ring: what passed there. Written by runs, read by the table."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

import msgspec

from tests.supported.environment import Environment  # noqa: TC001 - msgspec resolves the annotation at run time

DIRECTORY = Path(__file__).parents[2] / "docs" / "support"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """How a test of the ring of machines went when it last ran."""

    outcome: str
    """`passed`, `failed` or `skipped`; `NOT_RUN` for one that never ran there."""
    on: str = ""
    """The day, as in `2026-11-23` (UTC)."""
    commit: str = ""
    """What was checked out; `+` at its end where files had been changed since."""


NOT_RUN = "not run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """How the tests of a ring went in an environment."""

    environment: Environment
    ring: str
    """A key of `plugin.RINGS`, or `plugin.PART`."""
    passed: int
    failed: int
    left_out: int
    """Tests that say themselves why they cannot run there."""
    not_run: int = 0
    """Only of a ring whose tests are recorded one by one."""
    scenarios: dict[str, Scenario] = field(default_factory=dict)
    """Those tests, by their names without their release; empty for a ring that is recorded whole."""

    @property
    def path(self) -> Path:
        """The record's file: a newer run in the same environment takes its place, whatever patch releases came since."""
        where = self.environment
        words = (
            where.system,
            f"cgroup {where.cgroups}",
            f"{where.init} init",
            f"{where.runtime} {where.line}",
            where.oci,
        )
        slugs = (re.sub(r"[^a-z0-9.]+", "-", word.lower()) for word in (*words, self.ring))
        return DIRECTORY / f"{'_'.join(slugs)}.json"

    def write(self) -> None:
        """Write the record into the repository."""
        DIRECTORY.mkdir(exist_ok=True)
        self.path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")


def record_of_scenarios(environment: Environment, ring: str, scenarios: dict[str, Scenario]) -> Record:
    """Return a record of tests that ran one by one, counted."""
    counts = Counter(scenario.outcome for scenario in scenarios.values())
    return Record(
        environment=environment,
        ring=ring,
        passed=counts["passed"],
        failed=counts["failed"],
        left_out=counts["skipped"],
        not_run=counts[NOT_RUN],
        scenarios=dict(sorted(scenarios.items())),
    )


def read_records() -> tuple[Record, ...]:
    """Return every record, in the order of the files' names."""
    return tuple(msgspec.json.decode(path.read_bytes(), type=Record) for path in sorted(DIRECTORY.glob("*.json")))
