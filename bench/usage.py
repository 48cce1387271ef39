"""Memory and CPU of processes, read from /proc (proc(5))."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.pods import BenchError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Bytes of one process, or summed over several."""

    rss: int = 0
    pss: int = 0
    """Shared pages counted by their share: the one figure that may be added up."""


def memory(pids: Iterable[int]) -> Memory:
    """Return the memory of processes that run; raises BenchError when one has ended."""
    rss = pss = 0
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
        except OSError as error:
            raise BenchError(f"process {pid} has ended: {error.strerror}") from error
        fields = rollup(text)
        rss += fields["Rss"]
        pss += fields["Pss"]
    return Memory(rss=rss, pss=pss)


def processes_of(root: Path, programs: Collection[str]) -> tuple[int, ...]:
    """Return the pids of these programs, of those that were started with a path below `root`."""
    wanted, found = os.fsencode(root), []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):  # it has ended meanwhile
                words = (entry / "cmdline").read_bytes().split(b"\0")
                if os.fsdecode(words[0]).rpartition("/")[2] in programs and any(wanted in word for word in words[1:]):
                    found.append(int(entry.name))
    return tuple(sorted(found))


def children_of(parents: Collection[int]) -> tuple[int, ...]:
    """Return the pids of the processes that these have as children now."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                # The second field, in parentheses, may hold anything; the fourth is the parent (proc(5)).
                if int((entry / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1]) in parents:
                    found.append(int(entry.name))
    return tuple(sorted(found))


def rollup(text: str) -> dict[str, int]:
    """Return the fields of a smaps_rollup in bytes."""
    lines = (line.split() for line in text.splitlines()[1:])
    return {words[0].rstrip(":"): int(words[1]) * 1024 for words in lines if len(words) == 3}


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process's living threads, to the nanosecond: ticks are too coarse for an idle one."""
    total = 0
    for thread in Path(f"/proc/{pid}/task").iterdir():
        total += int((thread / "schedstat").read_text(encoding="ascii").split()[0])
    return total / 1e9


async def cpu_percent(pid: int, seconds: float) -> float:
    """Return the share of one core that a process takes over a time, in per cent."""
    before, begun = cpu_seconds(pid), time.monotonic()
    await asyncio.sleep(seconds)
    return 100 * (cpu_seconds(pid) - before) / (time.monotonic() - begun)
