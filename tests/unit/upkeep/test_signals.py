"""What is measured of this machine, and what cannot be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from podstead.admission.pressure import Measured
from podstead.errors import RuntimeFault
from podstead.k8s.signals import Signal
from podstead.upkeep.signals import SystemSignals

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A /proc of a machine with 4 GiB and 100 tasks."""
    kernel = tmp_path / "proc" / "sys" / "kernel"
    kernel.mkdir(parents=True)
    (kernel / "pid_max").write_text("4194304\n")
    (kernel / "threads-max").write_text("1000\n")
    (tmp_path / "proc" / "loadavg").write_text("0.00 0.01 0.05 1/100 4711\n")
    lines = "MemTotal:        4194304 kB\nMemFree:           1024 kB\nMemAvailable:    2097152 kB\nHugePages_Total:       0\n"
    (tmp_path / "proc" / "meminfo").write_text(lines)
    return tmp_path / "proc"


async def images(path: Path | None) -> Path | None:
    return path


async def test_what_the_kernel_and_the_file_systems_say(tmp_path: Path, proc: Path) -> None:
    found = await SystemSignals(tmp_path, lambda: images(tmp_path), proc).read()
    assert found[Signal.MEMORY] == Measured(capacity=4 << 30, available=2 << 30)
    assert found[Signal.PID] == Measured(capacity=1000, available=900)
    assert 0 < found[Signal.NODEFS].available <= found[Signal.NODEFS].capacity
    # Not what is free there: others write between the two looks.
    assert found[Signal.IMAGEFS].capacity == found[Signal.NODEFS].capacity
    assert 0 < found[Signal.IMAGEFS].available <= found[Signal.IMAGEFS].capacity


async def test_this_machine_can_be_measured(tmp_path: Path) -> None:
    found = await SystemSignals(tmp_path, lambda: images(None)).read()
    assert found[Signal.MEMORY].capacity > found[Signal.MEMORY].available > 0
    assert found[Signal.PID].available > 0
    assert Signal.IMAGEFS not in found


async def test_what_cannot_be_measured_is_left_out(tmp_path: Path) -> None:
    asked = 0

    async def away() -> Path | None:
        nonlocal asked
        asked += 1
        raise RuntimeFault("the runtime is away", transient=True)

    signals = SystemSignals(tmp_path / "gone", away, tmp_path)
    assert await signals.read() == {}
    assert await signals.read() == {}
    assert asked == 2, "it is asked again until it answers"
