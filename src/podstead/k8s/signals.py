"""Eviction signals: what of a node may run short, in the kubelet's words (spec/kubelet-static-pods.md 3.14)."""

from __future__ import annotations

from enum import StrEnum


class Signal(StrEnum):
    """What is measured; each is an amount that is left."""

    MEMORY = "memory.available"
    NODEFS = "nodefs.available"
    NODEFS_INODES = "nodefs.inodesFree"
    IMAGEFS = "imagefs.available"
    IMAGEFS_INODES = "imagefs.inodesFree"
    PID = "pid.available"


class Pressure(StrEnum):
    """The node condition that a signal below its threshold sets."""

    MEMORY = "MemoryPressure"
    DISK = "DiskPressure"
    PID = "PIDPressure"


PRESSURE = {
    Signal.MEMORY: Pressure.MEMORY,
    Signal.NODEFS: Pressure.DISK,
    Signal.NODEFS_INODES: Pressure.DISK,
    Signal.IMAGEFS: Pressure.DISK,
    Signal.IMAGEFS_INODES: Pressure.DISK,
    Signal.PID: Pressure.PID,
}
RESOURCE = {
    Signal.MEMORY: "memory",
    Signal.NODEFS: "ephemeral-storage",
    Signal.NODEFS_INODES: "inodes",
    Signal.IMAGEFS: "ephemeral-storage",
    Signal.IMAGEFS_INODES: "inodes",
    Signal.PID: "pids",
}
"""What the node is said to be low on."""
BYTES = frozenset({Signal.MEMORY, Signal.NODEFS, Signal.IMAGEFS})
"""Signals that are bytes; the others are pieces."""
KNOWN_ELSEWHERE = frozenset({"allocatableMemory.available", "containerfs.available", "containerfs.inodesFree"})
"""Signals of the kubelet that mean nothing here: memory is not allocated to pods as a whole, and images and the
containers' own layers lie on one file system."""
