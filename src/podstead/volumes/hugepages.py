"""Huge pages of the node, and which of them an emptyDir asks for (spec 5.5)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from podstead.k8s import quantity, resources
from podstead.k8s.containers import all_containers

if TYPE_CHECKING:
    from podstead.k8s import core_v1 as v1

SYSTEM = Path("/sys/kernel/mm/hugepages")
"""One directory a page size the kernel knows: `hugepages-2048kB`."""
MEDIUM = "HugePages"


def pages(system: Path = SYSTEM) -> dict[int, int]:
    """Return how many pages of each size in bytes the node has set aside."""
    found = {}
    for directory in system.glob("hugepages-*kB"):
        try:
            count = int((directory / "nr_hugepages").read_text(encoding="ascii"))
        except (OSError, ValueError):
            continue
        found[int(directory.name.removeprefix("hugepages-").removesuffix("kB")) << 10] = count
    return found


def page_size(medium: str, pod: v1.Pod) -> int | str:
    """Return the page size in bytes that a medium stands for, or why it stands for none.

    `HugePages` alone means the one size that the pod's containers have a limit of.
    """
    asked = {
        name.removeprefix(resources.HUGEPAGES_PREFIX)
        for container in all_containers(pod.spec)
        if container.resources is not None
        for name in container.resources.limits
        if name.startswith(resources.HUGEPAGES_PREFIX)
    }
    size = medium.removeprefix(f"{MEDIUM}-") if medium != MEDIUM else next(iter(asked), "")
    if not asked or (medium == MEDIUM and len(asked) > 1) or size not in asked:
        wanted = size or "2Mi"
        return f"medium {medium} needs a limit of them: write resources.limits hugepages-{wanted} for a container"
    return int(quantity.parse(size))


def shortage(size: int, held: dict[int, int]) -> str | None:
    """Return why the node cannot give pages of this size, None if it has some."""
    if held.get(size, 0) > 0:
        return None
    place = SYSTEM / f"hugepages-{size >> 10}kB" / "nr_hugepages"
    if size not in held:
        return f"this machine's kernel has no huge pages of {size} bytes"
    return f"the node has set no huge pages of {size} bytes aside: write how many into {place}"
