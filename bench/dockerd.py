"""Debian 13's dockerd, unpacked and not installed, on a containerd of its own.

It runs pods with this machine's runc, which is its default, whatever the others run them with: it asks for a version of
the OCI's specification that older releases of crun refuse.

Nothing of it touches a Docker that is on this machine: storage, sockets and settings are below the benchmark's
directory, mounts are in a namespace that ends with it, and no network is set up, for the pods that are compared use the
node's.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from tests.support.debian import tie, unpacked

from bench.agent import remove_cgroup, tail
from bench.pods import BenchError
from bench.usage import processes_of
from podstead.cgroups.hierarchy import read_hierarchies
from podstead.cgroups.tree import CgroupTree
from podstead.containerd.leftovers import kill_and_wait

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

RELEASE = "trixie"
"""Debian 13: its compose is a compiled program, the one of the release before runs in Python and takes a second."""
PACKAGES = ("docker.io", "docker-cli", "docker-compose", "patchelf")
CLI, COMPOSE = "usr/bin/docker", "usr/libexec/docker/cli-plugins/docker-compose"
DOCKERD, PROXY = "usr/sbin/dockerd", "usr/sbin/docker-proxy"
CONTAINERD = ("containerd", "containerd-shim-runc-v2")
"""Of this machine, as Podstead's: what differs between the two is not containerd's release."""
RESIDENT = ("dockerd", "docker-proxy", *CONTAINERD)
"""What may stay."""
CGROUP = "/bench-docker"
STOP_SECONDS = 20.0


def unpacked_docker() -> Path:
    """Return the directory of Debian's programs; raises BenchError where they are not to be had."""
    try:
        return unpacked(
            "docker", PACKAGES, release=RELEASE, finish=lambda root, place: tie(root, place, root / DOCKERD)
        )
    except (AssertionError, OSError, subprocess.SubprocessError) as error:
        raise BenchError(f"Debian's docker.io cannot be had: {str(error)[-300:]}") from error


@contextlib.contextmanager
def running_dockerd(root: Path, programs: Path, mounts_of: int | None) -> Iterator[Callable[[], str | None]]:
    """Run both below `root`; at the end they, their containers and mounts are gone.

    Gives what tells why they have ended, None while they run. `mounts_of` is a process whose mounts they are to have.
    """
    (root / "bin").mkdir(parents=True)
    for program in (DOCKERD, PROXY):
        (root / "bin" / program.rpartition("/")[2]).symlink_to(programs / program)
    for name in CONTAINERD:
        if (found := shutil.which(name)) is None:
            raise BenchError(f"there is no {name}")
        shutil.copy(found, root / "bin" / name)  # a link would share its pages with Podstead's
    (root / "containerd.toml").write_text(_containerd_settings(root), encoding="utf-8")
    (root / "daemon.json").write_text(json.dumps(_docker_settings(root)), encoding="utf-8")
    enter = () if mounts_of is None else ("nsenter", f"--mount=/proc/{mounts_of}/ns/mnt")
    # Both in one namespace: containerd's shims run in the mounts that dockerd makes.
    script = '"$1" --config "$2" 2> "$3" & exec "$4" --config-file "$5" 2> "$6"'
    words = (
        *(root / "bin/containerd", root / "containerd.toml", root / "containerd.log"),
        *(root / "bin/dockerd", root / "daemon.json", root / "dockerd.log"),
    )
    command = (*enter, "unshare", "--mount", "--propagation", "slave", "sh", "-c", script, "sh", *map(str, words))
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, env=environment(root)) as daemon:

        def failure() -> str | None:
            return None if daemon.poll() is None else tail(root / "dockerd.log")

        try:
            yield failure
        finally:
            _end(daemon, root)


def _end(daemon: subprocess.Popen[bytes], root: Path) -> None:
    daemon.terminate()  # it ends its containers first
    try:
        daemon.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        daemon.kill()
    kill_and_wait(processes_of(root, RESIDENT))
    kill_and_wait(CgroupTree(CGROUP, read_hierarchies()).pids(CGROUP))
    remove_cgroup(CGROUP)


def environment(root: Path) -> dict[str, str]:
    """Return the environment of everything of Docker's: nothing of this machine's settings and sockets."""
    path = f"{root}/bin:{os.environ.get('PATH', os.defpath)}"
    return {"PATH": path, "HOME": str(root), "DOCKER_CONFIG": str(root), "DOCKER_HOST": f"unix://{root}/docker.sock"}


def _containerd_settings(root: Path) -> str:
    """Return settings as dockerd gives them to a containerd that it starts itself: without the CRI."""
    return f"""\
version = 2
root = "{root}/containerd"
state = "{root}/containerd-run"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "{root}/containerd.sock"
"""


def _docker_settings(root: Path) -> dict[str, object]:
    return {
        "hosts": [f"unix://{root}/docker.sock"],
        "containerd": f"{root}/containerd.sock",
        "data-root": f"{root}/data",
        "exec-root": f"{root}/exec",
        "pidfile": f"{root}/docker.pid",
        "bridge": "none",
        "iptables": False,
        "ip6tables": False,
        "ip-forward": False,
        "cgroup-parent": CGROUP,
        "exec-opts": ["native.cgroupdriver=cgroupfs"],
    }
