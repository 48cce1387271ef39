"""Which block devices a file system lies on: its own, the disk of its partition, what a mapped device is made of."""

from __future__ import annotations

import os
import stat
from pathlib import Path

_SYSTEM = Path("/sys/dev/block")
_MAX_DEPTH = 8
"""Partition on RAID on LVM on encryption is four; a loop, which the kernel does not make, ends here."""


def behind(device: str, source: str) -> frozenset[int]:
    """Return the numbers (st_rdev) of all block devices by which a file system's bytes can be reached.

    `device` is mountinfo's `8:1`; a file system such as btrfs has none of its own there, and is known by its `source`.
    """
    major, _, minor = device.partition(":")
    found: set[int] = set()
    if major.isdigit() and minor.isdigit() and int(major) != 0:
        _collect(_SYSTEM / device, found, _MAX_DEPTH)
        found.add(os.makedev(int(major), int(minor)))
    elif source.startswith("/"):
        try:
            status = Path(source).stat()
        except OSError:
            return frozenset()
        if stat.S_ISBLK(status.st_mode):
            number = status.st_rdev
            found.add(number)
            _collect(_SYSTEM / f"{os.major(number)}:{os.minor(number)}", found, _MAX_DEPTH)
    return frozenset(found)


def _collect(entry: Path, found: set[int], depth: int) -> None:
    """Add what a device of sysfs is a part of or made of (Documentation/ABI/stable/sysfs-block)."""
    if depth == 0:
        return
    try:
        real = entry.resolve(strict=True)
        text = (real / "dev").read_text(encoding="ascii").strip()
        major, _, minor = text.partition(":")
        found.add(os.makedev(int(major), int(minor)))
        if (real / "partition").exists():
            _collect(real.parent, found, depth - 1)
        slaves = real / "slaves"
        for below in slaves.iterdir() if slaves.is_dir() else ():
            _collect(below, found, depth - 1)
    except (OSError, ValueError):
        return  # without sysfs the device itself is all that is known
