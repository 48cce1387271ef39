"""Versioned files in threads: stores decode in several of them at once from the first moment on."""

from __future__ import annotations

import subprocess
import sys

RACE = """
import sys, threading
import msgspec
from podstead.store.schema import Schema

sys.setswitchinterval(1e-6)
for number in range(150):
    inner = msgspec.defstruct(f"Inner{number}", [(f"f{i}", int | None, None) for i in range(20)])
    schema = Schema(type=msgspec.defstruct(f"Kind{number}", [(f"g{i}", inner | None, None) for i in range(20)]))
    together = threading.Barrier(4)

    def decode():
        together.wait()
        assert schema.decode(b'{"schema": 1, "g7": {"f3": 5}}').g7.f3 == 5

    threads = [threading.Thread(target=decode) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
print("survived")
"""
"""msgspec learns a type when it first meets it, and threads that do so at once crash the process (seen with 0.22.0)."""


def test_threads_that_read_a_kind_of_file_for_the_first_time_at_once() -> None:
    done = subprocess.run([sys.executable, "-c", RACE], capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stdout) == (0, "survived\n"), done.stderr
