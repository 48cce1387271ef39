"""Where the benchmark runs: a network of its own, and mounts of its own for programs that need other ones.

Own addresses need a bridge and forwarding; in a network namespace neither the machine's network nor its settings are
touched, and everything goes with the last process.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench.pods import BenchError
from podstead.containerd.mounts import mixed_cgroup2_mounts, read_mounts

if TYPE_CHECKING:
    from collections.abc import Iterator

INSIDE_ENV = "PODSTEAD_BENCH_INSIDE"
NODE_ADDRESS = "10.77.3.1"
ROUTER_ADDRESS = "10.77.3.2"


def inside() -> bool:
    """Return whether this process runs in the benchmark's own network namespace already."""
    return INSIDE_ENV in os.environ


def enter_own_network() -> None:
    """Start this program again in a network namespace with one interface; returns when it is inside."""
    if not inside():
        command = ("unshare", "--net", sys.executable, "-m", "bench", *sys.argv[1:])
        os.execvpe(command[0], command, {**os.environ, INSIDE_ENV: "1"})
    for line in (
        "link set lo up",
        "link add eth0 type veth peer name eth1",
        f"address add {NODE_ADDRESS}/24 dev eth0",
        "link set eth0 up",
        "link set eth1 up",
        f"route add default via {ROUTER_ADDRESS}",
    ):
        subprocess.run(["ip", *line.split()], check=True, timeout=10)


@contextlib.contextmanager
def plain_mounts() -> Iterator[int | None]:
    """Give a process whose mount namespace every OCI runtime works in; None where the machine's own is so.

    crun refuses a machine with controllers in both cgroup versions; Podstead hides the second from its containerd
    in the same way, other programs have to be helped.
    """
    mixed = mixed_cgroup2_mounts(read_mounts())
    if not mixed:
        yield None
        return
    script = "".join(f"umount {point}; " for point in mixed) + "echo; exec sleep infinity"
    with subprocess.Popen(
        ["unshare", "--mount", "--propagation", "slave", "sh", "-c", script],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as holder:
        try:
            if holder.stdout is None or not holder.stdout.readline():
                raise BenchError("cannot make a mount namespace")
            yield holder.pid
        finally:
            holder.kill()


@contextlib.contextmanager
def directory() -> Iterator[Path]:
    """Give a directory with a short name (unix sockets allow about 100 characters) and remove it at the end."""
    import shutil
    import tempfile

    root = Path(tempfile.mkdtemp(prefix="ps-", dir="/tmp"))
    try:
        yield root
    finally:
        for _ in range(20):  # a mount that was detached lazily may hold a directory for a moment
            shutil.rmtree(root, ignore_errors=True)
            if not root.exists():
                break
            time.sleep(0.1)
        else:
            print(f"left behind: {root}", file=sys.stderr)
