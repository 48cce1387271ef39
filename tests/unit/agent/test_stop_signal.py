"""The agent sends a stop signal to the process of a container, and to no other."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from podstead.agent.stop_signal import held, signal_number
from podstead.identity import ContainerID
from podstead.manifest.validate.probes import LINUX_SIGNALS

OWN_CGROUP = ContainerID(Path("/proc/self/cgroup").read_text(encoding="utf-8").strip())
"""Stands for a container's id: what the test's children have in their cgroup file too."""
PROGRAM = """
import signal, sys
signal.signal(signal.SIGUSR2, lambda *_: sys.exit(7))
print("ready", flush=True)
signal.pause()
"""


@pytest.mark.parametrize("name", sorted(LINUX_SIGNALS))
def test_every_signal_that_validation_lets_pass_has_a_number(name: str) -> None:
    assert 0 < signal_number(name) < 65


def test_numbers() -> None:
    assert signal_number("SIGTERM") == signal.SIGTERM
    assert signal_number("SIGRTMIN+3") == signal.SIGRTMIN + 3
    assert signal_number("SIGRTMAX-1") == signal.SIGRTMAX - 1
    assert signal_number("SIGRTMIN") == signal.SIGRTMIN


async def test_a_process_is_signalled_and_its_end_is_seen() -> None:
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", PROGRAM, stdout=asyncio.subprocess.PIPE)
    assert child.stdout is not None
    await child.stdout.readline()
    with held(child.pid, OWN_CGROUP) as process:
        process.send(signal.SIGUSR2)
        async with asyncio.timeout(10):
            await process.ended()
        assert await child.wait() == 7
        process.send(signal.SIGUSR2)  # past caring


def test_a_process_of_somebody_else_is_refused() -> None:
    with pytest.raises(OSError, match="not in the cgroup"), held(os.getpid(), ContainerID("f" * 64)):
        pass


@pytest.mark.parametrize("pid", [0, 2**22 + 1])
def test_no_process(pid: int) -> None:
    with pytest.raises(OSError), held(pid, OWN_CGROUP):
        pass
