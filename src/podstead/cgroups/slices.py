"""Slices of systemd as pods' cgroups: names and properties; pure. `systemd` carries them to the manager.

systemd owns what lies below a slice: values that only stand in the kernel's files are written over when it likes (a
sibling starts, `systemctl daemon-reload`), those that it was told stay (measured in docs/cgroups.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from podstead.cgroups.layout import SLICE
from podstead.cgroups.values import DEFAULT_PERIOD_US, MIN_WEIGHT, cpu_weight

if TYPE_CHECKING:
    from podstead.k8s.resources import CgroupValues

NO_LIMIT = 2**64 - 1
"""systemd's word for infinity in properties of type t (org.freedesktop.systemd1(5))."""
QUOTA_STEP_US = 10_000
"""systemd keeps CPUQuota= in whole percent of a core; a finer quota is cut at the next daemon-reload, so it is rounded up."""
US_PER_SECOND = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    """One property of a unit; `kind` is its D-Bus type."""

    name: str
    kind: str
    value: object


class Slices(Protocol):
    """Makes and ends slices. Its methods block."""

    def ensure(self, unit: str, properties: tuple[Property, ...]) -> None:
        """Start a slice with these properties, or change those of one that is there; its cgroup is there afterwards.

        Raises:
            OperatorError: systemd refuses or does not answer.
        """
        ...

    def stop(self, unit: str) -> None:
        """End a slice; one that is not there has ended. Raises OperatorError as `ensure`."""
        ...


def made_with(unit: str) -> tuple[Property, ...]:
    """Return what a slice is made with: no order at shutdown (pods end by the agent), and everything counted."""
    parent = parent_of(unit)
    return (
        Property(name="Description", kind="s", value=f"Podstead's pods: {unit}"),
        *([Property(name="Wants", kind="as", value=[parent])] if parent else ()),
        Property(name="DefaultDependencies", kind="b", value=False),
        *(Property(name=f"{kind}Accounting", kind="b", value=True) for kind in ("CPU", "Memory", "Tasks", "IO")),
    )


def weight_property(weight: int) -> Property:
    """Return a CPU weight, 1 to 10000."""
    return Property(name="CPUWeight", kind="t", value=weight)


def value_properties(values: CgroupValues, pids_limit: int = 0, least_weight: int = MIN_WEIGHT) -> tuple[Property, ...]:
    """Return limits as properties; 0 means no limit."""
    period = values.period or DEFAULT_PERIOD_US
    per_second = -(-values.quota * US_PER_SECOND // period)
    rounded = -(-per_second // QUOTA_STEP_US) * QUOTA_STEP_US
    amounts = {
        "CPUQuotaPerSecUSec": rounded or NO_LIMIT,
        "CPUQuotaPeriodUSec": period,
        "MemoryMax": values.memory_limit or NO_LIMIT,
        "TasksMax": pids_limit if pids_limit > 0 else NO_LIMIT,
    }
    weight = weight_property(max(least_weight, cpu_weight(values.shares)))
    return (weight, *(Property(name=name, kind="t", value=amount) for name, amount in amounts.items()))


def parent_of(unit: str) -> str:
    """Return the slice that a slice lies in by its name; empty for one at the top."""
    above = unit.removesuffix(SLICE).rpartition("-")[0]
    return f"{above}{SLICE}" if above else ""


def slice_path(unit: str) -> str:
    """Return where a slice's cgroup lies below the mount, from the dashes of its name (systemd.slice(5))."""
    names = unit.removesuffix(SLICE).split("-")
    return "/".join(f"{'-'.join(names[: depth + 1])}{SLICE}" for depth in range(len(names)))
