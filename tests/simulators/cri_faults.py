"""Faults of a container runtime, by name (foundation 27): each happens to a call a given number of times."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class Fault(Enum):
    """What may go wrong, and whether the call has taken effect when its caller learns of it."""

    NAME_RESERVED = auto()
    """RunPodSandbox or CreateContainer says that the name is held by another call. No effect."""
    NOT_FOUND_ON_STOP = auto()
    """The object is gone when StopContainer or StopPodSandbox comes."""
    EXIT_EVENT_TWICE = auto()
    """An exit is told twice. Method: none."""
    EVENT_BEFORE_STATE = auto()
    """An exit is told `seconds` before the container's state says so (about 50 ms with containerd). Method: none."""
    EMPTY_IP = auto()
    """PodSandboxStatus of a ready sandbox with a network of its own has no address yet."""
    NOT_INITIALIZED = auto()
    """The socket answers, the CRI does not: UNKNOWN "server is not initialized yet". No effect."""
    UNAVAILABLE = auto()
    """The connection is refused. No effect."""
    REPLY_LOST = auto()
    """The connection breaks after the call took effect and before its reply."""
    SLOW = auto()
    """The call begins `seconds` late."""
    HANG = auto()
    """The call never begins and never ends."""
    HANG_AFTER_EFFECT = auto()
    """The call takes effect and never ends."""
    REFUSED = auto()
    """The call fails with UNKNOWN and `message`. No effect; StartContainer leaves the container Exited, 128."""


EXIT = "exit"
"""Stands for a method in the faults of exits."""
_EXIT_FAULTS = {Fault.EXIT_EVENT_TWICE, Fault.EVENT_BEFORE_STATE}


@dataclass(slots=True, kw_only=True)
class PlannedFault:
    """One fault that waits for its call."""

    fault: Fault
    method: str
    times: int
    seconds: float
    message: str


class FaultPlan:
    """The faults to come, oldest first; a call meets at most one."""

    def __init__(self) -> None:
        self._planned: list[PlannedFault] = []

    def add(
        self, fault: Fault, *, method: str = "", times: int = 1, seconds: float = 0.05, message: str = "it refuses"
    ) -> None:
        """Plan a fault for the next `times` calls of `method`; of every method when none is given."""
        name = EXIT if fault in _EXIT_FAULTS else "PodSandboxStatus" if fault is Fault.EMPTY_IP else method
        self._planned.append(PlannedFault(fault=fault, method=name, times=times, seconds=seconds, message=message))

    def take(self, method: str) -> PlannedFault | None:
        """Return the fault that this call meets, and count it."""
        for planned in self._planned:
            if planned.method == method or (not planned.method and method != EXIT):
                planned.times -= 1
                if planned.times <= 0:
                    self._planned.remove(planned)
                return planned
        return None

    def clear(self) -> None:
        """Forget what has not happened yet."""
        self._planned.clear()

    @property
    def pending(self) -> int:
        """How many plans have not been used up: a test ends with 0, or it did not test what it says."""
        return len(self._planned)
