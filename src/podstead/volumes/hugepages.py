"""Huge pages of the node (spec 5.5; Documentation/admin-guide/mm/hugetlbpage.rst of the kernel)."""

from __future__ import annotations

from pathlib import Path

SYSTEM = Path("/sys/kernel/mm/hugepages")
"""One directory a page size the kernel knows: `hugepages-2048kB`."""


def pages() -> dict[int, int]:
    """Return how many pages of each size in bytes the node has set aside."""
    found = {}
    for directory in SYSTEM.glob("hugepages-*kB"):
        try:
            count = int((directory / "nr_hugepages").read_text(encoding="ascii"))
        except (OSError, ValueError):
            continue
        found[int(directory.name.removeprefix("hugepages-").removesuffix("kB")) << 10] = count
    return found


def shortage(size: int, held: dict[int, int]) -> str | None:
    """Return why the node cannot give pages of this size, None if it has some."""
    if held.get(size, 0) > 0:
        return None
    place = SYSTEM / f"hugepages-{size >> 10}kB" / "nr_hugepages"
    if size not in held:
        return f"this machine's kernel has no huge pages of {size} bytes"
    return f"the node has set no huge pages of {size} bytes aside: write how many into {place}"
