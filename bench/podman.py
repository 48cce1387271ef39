"""`podman kube play`, with storage and settings of its own below the benchmark's directory."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from bench.agent import remove_cgroup
from bench.command import run_command
from bench.pods import BenchError, BenchPod, now
from bench.subjects import kill_container
from bench.usage import processes_of
from podstead.containerd.pause import build_pause_image, pause_image_name

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence


COMMANDS_AT_ONCE = 2 * (os.cpu_count() or 1)
CATATONIT = Path("/usr/bin/catatonit")
CGROUP, CGROUP_MOUNT = "/libpod_parent", Path("/sys/fs/cgroup")
"""Where podman puts its pods; it leaves the empty cgroup behind."""
NOFILE = 1048576
"""Podman's limit of open files in a container."""


class Podman:
    """Podman without a daemon: each request is a process of its own."""

    name = "podman"

    def __init__(self, root: Path, manifests: Path, mounts_of: int | None) -> None:
        self._root = root
        self._manifests = manifests
        self._enter = () if mounts_of is None else ("nsenter", f"--mount=/proc/{mounts_of}/ns/mnt")

    async def start(self, pod: BenchPod) -> None:
        """`podman kube play`."""
        await self._play(pod)

    async def start_many(self, pods: Sequence[BenchPod]) -> None:
        """As many `podman kube play` as there are start slots; each pod has its own file, as for the others."""
        await _each(pods, self._play)

    async def edit(self, pod: BenchPod) -> None:
        """`podman kube play --replace`."""
        await self._play(pod, "--replace")

    async def crash(self, pod: BenchPod) -> float:
        """Kill the container's process; podman's monitor restarts it."""
        begun = now()
        kill_container(pod)
        return begun

    async def delete(self, pods: Sequence[BenchPod]) -> None:
        """`podman kube down`."""
        await _each(pods, self._down)

    def monitors(self) -> tuple[int, ...]:
        """Return the pids of podman's monitors (conmon), one a container: all that stays of podman."""
        return processes_of(self._root, ("conmon",))

    async def run(self, *arguments: str) -> str:
        """Run podman to its end and return what it printed; raises BenchError."""
        return await run_command(
            *(*self._enter, "podman", "--root", str(self._root / "storage"), "--runroot", str(self._root / "run")),
            *arguments,
            env={**os.environ, "CONTAINERS_CONF": str(self._root / "containers.conf")},
            asked=f"podman {arguments[0]}",
        )

    async def _play(self, pod: BenchPod, *options: str) -> None:
        file = self._manifests / f"{pod.name}.json"
        file.write_text(pod.manifest(), encoding="utf-8")
        await self.run("kube", "play", *options, str(file))

    async def _down(self, pod: BenchPod) -> None:
        await self.run("kube", "down", str(self._manifests / f"{pod.name}.json"))


async def _each(pods: Sequence[BenchPod], call: Callable[[BenchPod], Awaitable[None]]) -> None:
    slots = asyncio.Semaphore(COMMANDS_AT_ONCE)

    async def one(pod: BenchPod) -> None:
        async with slots:
            await call(pod)

    async with asyncio.TaskGroup() as group:
        for pod in pods:
            group.create_task(one(pod))


def installed() -> bool:
    """Return whether there is a podman."""
    return shutil.which("podman") is not None


@contextlib.asynccontextmanager
async def ready_podman(root: Path, oci_runtime: str, image: Path, mounts_of: int | None) -> AsyncIterator[Podman]:
    """Give a podman whose storage holds the image; afterwards its pods and files are gone.

    `mounts_of` is a process whose mount namespace it is to run in. Raises BenchError when it does not work here.
    """
    manifests = root / "manifests"
    manifests.mkdir(parents=True)
    pause = root / "pause.tar"
    build_pause_image(CATATONIT, pause)
    (root / "containers.conf").write_text(_settings(root, oci_runtime), encoding="utf-8")
    _write_hook(root / "hooks")
    had_cgroup = _has_cgroup()
    podman = Podman(root, manifests, mounts_of)
    try:
        await podman.run("load", "--input", str(image))
        await podman.run("load", "--input", str(pause))
        trial = BenchPod(name="podman-trial", out=root)
        await podman.start(trial)
        await podman.delete([trial])
        yield podman
    finally:
        with contextlib.suppress(BenchError):  # nothing was made if the storage could not be
            await podman.run("system", "reset", "--force")
        if not had_cgroup:
            await asyncio.to_thread(remove_cgroup, CGROUP)


def _has_cgroup() -> bool:
    return any(CGROUP_MOUNT.glob(f"*{CGROUP}"))


def _settings(root: Path, oci_runtime: str) -> str:
    """Return containers.conf: everything below `root`."""
    return f"""\
[engine]
infra_image = "{pause_image_name(CATATONIT)}"
runtime = "{oci_runtime}"
cgroup_manager = "cgroupfs"
events_logger = "file"
hooks_dir = ["{root}/hooks"]
static_dir = "{root}/static"
tmp_dir = "{root}/tmp"
volume_path = "{root}/volumes"
[network]
network_config_dir = "{root}/net"
"""


def _write_hook(directory: Path) -> None:
    """Lower the limit of open files in containers to our own where we may not raise it (oci-hooks(5), precreate).

    Podman as root sets 1048576 for each container, whatever its settings; without CAP_SYS_RESOURCE that is refused.
    """
    directory.mkdir()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY or hard >= NOFILE:
        return
    lower = f's/"\\(hard\\|soft\\)":{NOFILE}/"\\1":{hard}/g'
    hook = {
        "version": "1.0.0",
        "hook": {"path": "/bin/sed", "args": ["sed", lower]},
        "when": {"always": True},
        "stages": ["precreate"],
    }
    (directory / "limits.json").write_text(json.dumps(hook), encoding="utf-8")
