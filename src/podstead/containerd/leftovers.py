"""Ends by force what containerd leaves when its pods could not be removed through CRI: shims, containers, mounts.

Ours are known by records that nobody else can hold: a shim by the socket path in its command line, a container's
processes by a cgroup named with an id from our own state directory, a mount by lying below that directory. The
instance's cgroup root alone proves nothing: it may be set to one that a kubelet uses too.
"""

from __future__ import annotations

import os
import select
import signal
import time
from pathlib import Path

from podstead.containerd.mounts import read_mounts, run_command
from podstead.errors import OperatorError

END_SECONDS = 10.0
"""SIGKILL takes effect in milliseconds, but for a process in uninterruptible sleep (a dead NFS server)."""
TASKS = "io.containerd.runtime.v2.task"
"""Directory of the bundles below containerd's state, by namespace and id; 1.6 to 2.x."""
CGROUP_MOUNT = Path("/sys/fs/cgroup")


def shim_pids(socket: Path) -> tuple[int, ...]:
    """Return the shims that were started for the containerd of this socket."""
    wanted = os.fsencode(socket)
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue  # it ended meanwhile
        if Path(os.fsdecode(words[0])).name.startswith("containerd-shim") and wanted in words:
            found.append(int(entry.name))
    return tuple(found)


def task_ids(state: Path) -> frozenset[str]:
    """Return the ids of the containers and sandboxes that containerd left bundles of, in any namespace."""
    return frozenset(one.name for one in state.glob(f"{TASKS}/*/*") if one.is_dir())


def cgroup_pids(cgroup_parent: str, ids: frozenset[str], mount: Path = CGROUP_MOUNT) -> tuple[int, ...]:
    """Return the processes in the cgroups below `cgroup_parent` that are named after one of the ids.

    The name is the id itself, or `cri-containerd-ID.scope` with the systemd driver; any hierarchy counts.
    """
    relative = cgroup_parent.strip("/")
    pids: set[int] = set()
    for top in (mount, *mount.glob("*")) if relative else ():  # the root cgroup is the whole machine
        for place, _, _ in os.walk(top / relative):  # not by rglob, which raises where a cgroup goes meanwhile
            parts = Path(place).relative_to(top / relative).parts
            if ids.isdisjoint(part.removeprefix("cri-containerd-").removesuffix(".scope") for part in parts):
                continue
            try:
                pids.update(int(line) for line in Path(place, "cgroup.procs").read_text(encoding="ascii").split())
            except OSError:
                continue  # there is none, or the cgroup went with its last process
    return tuple(sorted(pids))


def kill_and_wait(pids: tuple[int, ...], seconds: float = END_SECONDS) -> None:
    """SIGKILL the processes and wait until they are gone.

    Raises:
        OperatorError: one is left after the time.
    """
    deadline = time.monotonic() + seconds
    opened = []
    try:
        for pid in pids:
            try:
                opened.append((pid, os.pidfd_open(pid)))
                signal.pidfd_send_signal(opened[-1][1], signal.SIGKILL)
            except ProcessLookupError:
                continue
        for pid, descriptor in opened:
            waiting = select.poll()
            waiting.register(descriptor, select.POLLIN)
            if not waiting.poll(max(0.0, deadline - time.monotonic()) * 1000):
                raise OperatorError(f"cannot end process {pid} of a pod: it does not react to SIGKILL")
    finally:
        for _, descriptor in opened:
            os.close(descriptor)


def end_leftovers(*, socket: Path, state: Path, cgroup_parents: tuple[str, ...]) -> None:
    """Kill the instance's shims and container processes, and unmount what lies below its state directory.

    Raises:
        OperatorError: a process or mount outlives this.
    """
    kill_and_wait(shim_pids(socket))  # first, so that none sees its container die and starts to clean up
    ids = task_ids(state)
    kill_and_wait(tuple(pid for parent in cgroup_parents for pid in cgroup_pids(parent, ids)))
    resolved = Path(os.path.realpath(state))
    below = [entry.mount_point for entry in read_mounts() if resolved in entry.mount_point.parents]
    for mount_point in reversed(below):
        run_command("umount", "--lazy", str(mount_point))
