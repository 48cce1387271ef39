"""What this machine's cgroups can hold: read once at the start, for what it lacks is a matter of the kernel's command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from podstead.cgroups.hierarchy import Hierarchies

UNIFIED = 2
PAGES = Path("/sys/kernel/mm/hugepages")
NEEDED = ("cpu", "memory", "pids")
"""Controllers without which a pod's limits do not hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CgroupAbilities:
    """The answers."""

    missing: tuple[str, ...]
    """Controllers of `NEEDED` that the kernel does not have, or that nobody mounted."""
    memory: bool
    """Whether containers have the files of v2's memory controller."""
    swap: bool
    """Whether swap is limited by a file of its own (v2, and the kernel counts swap)."""
    huge_page_sizes: tuple[str, ...]
    """Sizes that the kernel counts, such as `2MB`; empty where it counts none."""


def read_abilities(hierarchies: Hierarchies, pages: Path = PAGES) -> CgroupAbilities:
    """Ask the kernel's files; `pages` is where it lists its sizes of huge pages."""
    unified = hierarchies.unified
    if hierarchies.version != UNIFIED or unified is None:
        missing = tuple(name for name in NEEDED if hierarchies.of(name) is None)
        sizes = _sizes(pages) if hierarchies.of("hugetlb") is not None else ()
        return CgroupAbilities(missing=missing, memory=False, swap=False, huge_page_sizes=sizes)
    mount = unified.mount
    try:
        offered = frozenset((mount / "cgroup.controllers").read_text(encoding="ascii").split())
    except OSError:
        offered = frozenset()
    # The root itself has no such file; a machine with an init has other cgroups below it.
    swap = "memory" in offered and any(True for _ in mount.glob("*/memory.swap.max"))
    return CgroupAbilities(
        missing=tuple(name for name in NEEDED if name not in offered),
        memory="memory" in offered,
        swap=swap,
        huge_page_sizes=_sizes(pages) if "hugetlb" in offered else (),
    )


def _sizes(pages: Path) -> tuple[str, ...]:
    """Return the sizes as cgroup files and CRI write them, from directories such as hugepages-2048kB."""
    kilobytes = sorted(
        int(one.name.removeprefix("hugepages-").removesuffix("kB")) for one in pages.glob("hugepages-*kB")
    )
    return tuple(_size(number) for number in kilobytes)


def _size(kilobytes: int) -> str:
    for unit, scale in (("GB", 1 << 20), ("MB", 1 << 10)):
        if kilobytes % scale == 0:
            return f"{kilobytes // scale}{unit}"
    return f"{kilobytes}KB"
