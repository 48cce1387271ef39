"""Memory that is free inside the process goes back to the machine."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import ctypes
from pathlib import Path
from podstead.daemon.heap import give_back

def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
pieces = [libc.malloc(ctypes.c_size_t(64 << 10)) for _ in range(256)]
for piece in pieces:
    ctypes.memset(piece, 1, 64 << 10)
for piece in pieces[:-1]:  # the last one holds the top of the heap
    libc.free(piece)
before = resident()
assert give_back()
assert before - resident() > 8 << 20, (before, resident())
"""


def test_what_lies_free_between_what_stays_is_given_back() -> None:
    """In a process of its own: this one's heap is no test's."""
    subprocess.run([sys.executable, "-c", PROGRAM], check=True, timeout=30)
