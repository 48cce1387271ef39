"""README's support table, from the records. What no run covered is untested, and says so."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, TypeVar

from tests.support.runtimes import OCI_RUNTIMES, RELEASES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.supported.environment import Environment
    from tests.supported.records import Record

BEGIN = "<!-- support table: written by `make generate` from docs/support -->"
END = "<!-- end of the support table -->"
UNTESTED = "untested"
_Value = TypeVar("_Value")
Place = tuple[str, str, str]
"""System, cgroup version and init system: a column."""
Kind = tuple[str, str, str]
"""Runtime, its line and OCI runtime: a row."""

PLACES: tuple[Place, ...] = (
    ("Debian 12", "v1", "other"),
    ("Debian 12", "v2", "systemd"),
    ("Debian 13", "v2", "systemd"),
)
KINDS: tuple[Kind, ...] = (*(("containerd", line, oci) for line in RELEASES for oci in OCI_RUNTIMES), ("CRI-O", "", ""))
"""What the table has whether it was run or not; what was run beside these comes after them."""
RINGS = {
    "real": "the real ring (`make test-real`: the agent and the runtime under its tests, in their own namespaces)",
    "part": "a part of it (`make test-runtimes`)",
    "vm": "machines that boot (`make test-vm`)",
}


def place_of(environment: Environment) -> Place:
    """Return the column of an environment."""
    return environment.system, environment.cgroups, environment.init


def kind_of(environment: Environment) -> Kind:
    """Return the row of an environment."""
    return environment.runtime, environment.line, environment.oci


def render(records: Iterable[Record]) -> str:
    """Return the table with its legend, without the markers around it."""
    cells: dict[tuple[Kind, Place], list[Record]] = defaultdict(list)
    for record in records:
        cells[kind_of(record.environment), place_of(record.environment)].append(record)
    covered = sorted(cells)
    kinds = _listed((*KINDS, *(kind for kind, _ in covered)))
    if any(kind[0] == "CRI-O" and kind[1] for kind in kinds):
        kinds = tuple(kind for kind in kinds if kind != KINDS[-1])
    places = _listed((*PLACES, *(place for _, place in covered)))
    lines = [_row(("", *(_place_title(place, cells) for place in places))), "|---" * (len(places) + 1) + "|"]
    lines += [
        _row((_kind_title(kind, cells), *(_cell(cells.get((kind, place))) for place in places))) for kind in kinds
    ]
    rings = {record.ring for found in cells.values() for record in found}
    rings |= {"real"} if "part" in rings else set()
    legend = "".join(f"*{ring}*: {meaning}. " for ring, meaning in RINGS.items() if ring in rings)
    return "\n".join(["", *lines, "", f"{legend}*Left out*: what cannot be done there.", "", ""])


def put_into(readme: str, table: str) -> str:
    """Return README with the table between its markers.

    Raises:
        ValueError: a marker is missing.
    """
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"README.md lacks {END if begin else BEGIN}")
    return f"{before}{BEGIN}\n{table}{END}{after}"


def _listed(values: Iterable[_Value]) -> tuple[_Value, ...]:
    return tuple(dict.fromkeys(values))


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _place_title(place: Place, cells: dict[tuple[Kind, Place], list[Record]]) -> str:
    system, cgroups, init = place
    kernels = sorted({r.environment.kernel for (_, at), found in cells.items() if at == place for r in found})
    kernel = f", kernel {' and '.join(kernels)}" if kernels else ""
    return f"{system}, {'with' if init == 'systemd' else 'without'} systemd, cgroup {cgroups}{kernel}"


def _kind_title(kind: Kind, cells: dict[tuple[Kind, Place], list[Record]]) -> str:
    found = [record.environment for (of, _), records in cells.items() if of == kind for record in records]
    if not found:
        runtime, line, oci = kind
        version = f" {line}" if "." in line else f" {line}.x"
        return f"{runtime}{version}, {oci}" if line else runtime
    return "; ".join(sorted({one.title for one in found}))


def _cell(records: list[Record] | None) -> str:
    if not records:
        return UNTESTED
    rings = {record.ring for record in records}
    shown = [record for record in records if record.ring != "part" or "real" not in rings]
    return "<br>".join(_result(record) for record in sorted(shown, key=lambda record: record.ring))


def _result(record: Record) -> str:
    told = [f"**{record.failed} failed**"] if record.failed else []
    told.append(f"{record.passed} passed")
    told += [f"{record.left_out} left out"] if record.left_out else []
    told += [f"**{record.not_run} not run**"] if record.not_run else []
    return f"*{record.ring}*: {', '.join(told)}"
