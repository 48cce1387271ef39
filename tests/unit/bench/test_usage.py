"""Memory and CPU are read as the kernel writes them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from bench.pods import BenchError
from bench.usage import cpu_seconds, memory, rollup

ROLLUP = """\
560ba3662000-7ffd0e531000 ---p 00000000 00:00 0                          [rollup]
Rss:               51652 kB
Pss:               41668 kB
Shared_Clean:      14624 kB
"""


def test_a_rollup_is_in_bytes() -> None:
    assert rollup(ROLLUP) == {"Rss": 51652 * 1024, "Pss": 41668 * 1024, "Shared_Clean": 14624 * 1024}


def test_work_is_counted_as_cpu_time() -> None:
    before = cpu_seconds(os.getpid())
    sum(number * number for number in range(300_000))
    assert 0.001 < cpu_seconds(os.getpid()) - before < 10


def test_memory_of_processes_adds_up_and_an_ended_one_is_told() -> None:
    own = memory([os.getpid()])
    assert own.rss >= own.pss > 1 << 20
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    with pytest.raises(BenchError, match=f"process {ended.pid} has ended"):
        memory([ended.pid])
