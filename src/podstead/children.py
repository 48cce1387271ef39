"""Child processes that read what others wrote: the limits that each gives itself, and how its death says which one it met."""

from __future__ import annotations

import os
import resource
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

OUT_OF_MEMORY = 3
"""Exit status when the memory limit was met. That the processor's was met says the signal, SIGXCPU or SIGKILL."""
NICENESS = 5
"""The agent's own threads go first."""


def confine(*, memory_bytes: int, cpu_seconds: int) -> None:
    """Give this process its limits: memory, processor time, no core file, no file written, and way to the agent's threads."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    os.nice(NICENESS)


def status_of(work: Callable[[], None]) -> int:
    """Do a confined child's work; return its exit status. What the work needs it imports itself, under the limits."""
    try:
        work()
    except MemoryError:
        return OUT_OF_MEMORY
    return 0
