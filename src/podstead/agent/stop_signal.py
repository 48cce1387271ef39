"""Sends a container the stop signal that its manifest names (`lifecycle.stopSignal`), and waits for its end.

Most runtimes pass it over in silence (docs/adr/0007). So the agent sends it itself, to the process that the runtime
names, and leaves to the runtime only the end of what did not end by it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from podstead.identity import ContainerID


def signal_number(name: str) -> int:
    """Return the number of a signal by the name that validation let pass: SIGUSR1, SIGRTMIN+3, SIGRTMAX-1."""
    for base in ("SIGRTMIN", "SIGRTMAX"):
        if name.startswith(base):
            return int(signal.Signals[base]) + int(name.removeprefix(base) or 0)
    return int(signal.Signals[name])


class ContainerProcess:
    """The first process of a container, held so that no other can take its number."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def send(self, number: int) -> None:
        """Send a signal; one that has ended is past caring."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._descriptor, number)

    async def ended(self) -> None:
        """Wait until the process has ended."""
        loop, end = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._descriptor, end.set)
        try:
            await end.wait()
        finally:
            loop.remove_reader(self._descriptor)


@contextlib.contextmanager
def held(pid: int, container: ContainerID) -> Iterator[ContainerProcess]:
    """Hold the process that a runtime says is the container's.

    Its cgroup is asked after it is held: a number that was given to another process meanwhile, or that counts in
    another PID namespace than ours, is never sent anything. Raises OSError with the reason.
    """
    descriptor = os.pidfd_open(pid)
    try:
        if container not in Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8"):
            raise OSError(f"process {pid} is not in the cgroup of the container")
        yield ContainerProcess(descriptor)
    finally:
        os.close(descriptor)
