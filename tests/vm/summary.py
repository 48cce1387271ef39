"""The log summary of a run: each scenario and its seconds, each machine and its boots, and the versions in it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

    from tests.support.vm.machine import Machine
    from tests.support.vm.node import GuestNode


@dataclass(slots=True)
class Scenario:
    """One test; its parts are added as they end."""

    outcome: str = "passed"
    seconds: float = 0.0


@dataclass(slots=True)
class Log:
    """What a process has to tell of the machines that it ran: lines by what they are about."""

    machines: list[tuple[Machine, str]] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    """What runs in a release, by its name."""

    def add_machine(self, machine: Machine, of: str) -> None:
        """Add a machine, whose boots are read at the end."""
        self.machines.append((machine, of))

    def note_versions(self, node: GuestNode) -> None:
        """Ask a node what it runs on."""
        name = node.machine.recipe.name
        if name not in self.versions:
            self.versions[name] = ", ".join(read_versions(node))

    def lines(self) -> list[str]:
        """Return the lines; plain, so that they can be sent to another process."""
        boots = [
            f"boots of {machine.recipe.name} ({of}): {', '.join(f'{seconds:.0f} s' for seconds in machine.boots)}"
            for machine, of in self.machines
            if machine.boots
        ]
        return [*boots, *(f"{name}: {versions}" for name, versions in sorted(self.versions.items()))]


@dataclass(slots=True)
class Summary:
    """What a run has to tell, whichever processes ran it."""

    scenarios: dict[str, Scenario] = field(default_factory=dict)
    machines: list[str] = field(default_factory=list)

    def add(self, report: pytest.TestReport) -> None:
        """Add a part of a test."""
        scenario = self.scenarios.setdefault(report.nodeid.partition("@")[0], Scenario())
        scenario.seconds += report.duration
        if report.outcome != "passed":
            scenario.outcome = report.outcome

    def lines(self) -> list[str]:
        """Return the summary; nothing when no test ran."""
        if not self.scenarios:
            return []
        width = max(map(len, self.scenarios))
        return [
            "",
            "what ran on virtual machines:",
            *(f"  {name:<{width}}  {one.outcome:<7} {one.seconds:6.0f} s" for name, one in self.scenarios.items()),
            *(f"  {line}" for line in self.machines),
        ]


def read_versions(node: GuestNode) -> list[str]:
    """Return what a node runs on; each names itself."""
    machine = node.machine
    status = json.loads(node.podstead("status -o json"))
    kind = machine.do("stat -fc %T /sys/fs/cgroup").strip()
    oci_runtime = status["runtime"]["ociRuntime"]
    return [
        machine.do("cat /etc/debian_version").strip(),
        f"Linux {machine.do('uname -r').strip()}",
        " ".join(machine.do("systemctl --version").split()[:2]),
        f"{status['runtime']['name']} {status['runtime']['version']}",
        machine.do(f"{oci_runtime} --version").splitlines()[0],
        "cgroup v2" if kind == "cgroup2fs" else f"cgroup v1 ({kind})",
    ]
