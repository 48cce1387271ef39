"""Memory and CPU are read as the kernel writes them."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from bench.pods import BenchError
from bench.usage import children_of, cpu_seconds, memory, processes_of, rollup

if TYPE_CHECKING:
    from pathlib import Path

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


def test_processes_are_found_by_parent_program_and_directory(tmp_path: Path) -> None:
    code = "import sys; print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, str(tmp_path / "there")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdout.readline()
        name = os.path.basename(sys.executable)  # noqa: PTH119 - a name
        assert child.pid in children_of({os.getpid()})
        assert processes_of(tmp_path, (name,)) == (child.pid,)
        assert processes_of(tmp_path, ("other",)) == ()
        assert processes_of(tmp_path / "elsewhere", (name,)) == ()
        child.stdin.close()
