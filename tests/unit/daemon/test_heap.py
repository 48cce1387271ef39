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


UNWANTED = ("argparse", "email", "http.client", "jeepney", "multiprocessing", "tarfile", "urllib.request", "wsproto")
"""What only some nodes, some commands or a development tree have a use for, 0.3 to 4 MiB each."""


def test_the_agent_begins_without_what_few_nodes_need() -> None:
    code = f"import sys, podstead.cli.commands.run, podstead.daemon.run; print({{*{UNWANTED}}} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], check=True, timeout=30, capture_output=True, text=True)
    assert done.stdout.strip() == "set()"


FROZEN = """
import gc
from podstead.daemon.heap import keep_for_good

class Kept:
    pass

kept = Kept()
kept.itself = kept
keep_for_good()
assert gc.get_freeze_count() > 1000
assert not any(one is kept for one in gc.get_objects())
later = Kept()
assert any(one is later for one in gc.get_objects())
"""


def test_what_was_there_at_the_start_is_not_looked_through_again() -> None:
    subprocess.run([sys.executable, "-c", FROZEN], check=True, timeout=30)


ARENAS = """
import ctypes, re, tempfile, threading
from podstead.daemon.heap import share_one_arena

libc = ctypes.CDLL(None)
libc.malloc.restype = libc.fopen.restype = ctypes.c_void_p
libc.malloc_info.argtypes = [ctypes.c_int, ctypes.c_void_p]
libc.fclose.argtypes = [ctypes.c_void_p]
CALL
alive = threading.Barrier(5)

def allocate() -> None:
    libc.malloc(ctypes.c_size_t(64 << 10))
    alive.wait(10)

threads = [threading.Thread(target=allocate) for _ in range(4)]
for thread in threads:
    thread.start()
alive.wait(10)
with tempfile.NamedTemporaryFile("r") as file:
    stream = libc.fopen(file.name.encode(), b"w")
    libc.malloc_info(0, stream)
    libc.fclose(stream)
    print(len(re.findall("<heap nr=", file.read())))
"""


def test_threads_share_one_arena() -> None:
    """Without the call glibc gives each of them its own."""
    counted = [
        int(subprocess.run([sys.executable, "-c", program], check=True, timeout=30, capture_output=True).stdout)
        for program in (ARENAS.replace("CALL", "assert share_one_arena()"), ARENAS.replace("CALL", ""))
    ]
    assert counted[0] == 1 < counted[1]
