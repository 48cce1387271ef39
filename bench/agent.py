"""Podstead as a user runs it: `podstead run` in a process of its own, with its private containerd."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.pods import BenchError
from bench.usage import children_of
from podstead.cgroups.hierarchy import read_hierarchies
from podstead.cgroups.tree import CgroupTree
from podstead.config.images import ImageSettings
from podstead.config.paths import Paths, paths_for
from podstead.containerd.leftovers import shim_pids
from podstead.containerd.private import ContainerdSettings, PrivateContainerd
from podstead.cri.client import connect
from podstead.daemon.halt import halt_instance
from podstead.errors import RuntimeFault

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from podstead.cri.client import CRIClient

PAUSE = "catatonit"
"""What the sandbox image runs."""
START_SECONDS = 60.0
STOP_SECONDS = 20.0
NODE = "bench"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A running agent and its containerd."""

    paths: Paths
    agent: int
    """Pid of the agent."""
    containerd: int
    """Pid of containerd."""
    socket: Path
    client: CRIClient
    private: PrivateContainerd
    manifests: Path

    def resident(self) -> tuple[int, ...]:
        """Return the pids of the agent, containerd, the shims and the sandboxes' own processes (pause)."""
        shims = shim_pids(self.socket)
        pauses = [pid for pid in children_of(shims) if Path(f"/proc/{pid}/comm").read_text().strip() == PAUSE]
        return (self.agent, self.containerd, *shims, *pauses)


@contextlib.asynccontextmanager
async def running_node(root: Path, oci_runtime: str) -> AsyncIterator[Node]:
    """Run an agent below `root`; at the end it, its pods and its containerd are gone. Raises BenchError."""
    manifests = root / "manifests"
    manifests.mkdir(parents=True)
    paths = paths_for(root / "node")
    log = root / "agent.log"
    environment = await asyncio.to_thread(_compiled, root / "bytecode")
    command = (
        *(sys.executable, "-m", "podstead", "run", f"--root-dir={paths.root}", f"--pod-manifest-path={manifests}"),
        *(f"--hostname-override={NODE}", f"--oci-runtime={oci_runtime}", "--v=1", "--max-pods=500"),
    )
    with log.open("wb") as errors:
        agent = subprocess.Popen(  # noqa: ASYNC220 - returns at once; its session is its own: Ctrl-C comes in order
            command, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors, start_new_session=True, env=environment
        )
    try:
        await _answers(paths.socket, agent, log)
        private = PrivateContainerd(
            ContainerdSettings(paths=paths, images=ImageSettings(), cgroup_parent="/bench", oci_runtime=oci_runtime)
        )
        async with connect(f"unix://{private.socket}") as client:
            await private.wait_ready(client.version)
            yield Node(
                paths=paths,
                agent=agent.pid,
                containerd=await private.running_pid() or 0,
                socket=private.socket,
                client=client,
                private=private,
                manifests=manifests,
            )
    finally:
        # Shielded from a second Ctrl-C by running in a thread: what was begun is brought to its end.
        await asyncio.to_thread(_end, agent, paths)


def _compiled(cache: Path) -> dict[str, str]:
    """Compile the agent's modules and return the environment that uses them: an installed package is compiled too.

    A process that compiles hundreds of modules keeps some megabytes of it.
    """
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(cache)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    code = "import podstead.cli.commands.run, podstead.daemon.run"
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=60)
    return environment


async def _answers(socket: Path, agent: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if agent.poll() is not None:
            raise BenchError(f"the agent ended: {tail(log)}")
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_unix_connection(socket)
            writer.close()
            return
        await asyncio.sleep(0.05)
    raise BenchError(f"the agent does not answer after {START_SECONDS:g} s")


def tail(log: Path) -> str:
    """Return the last words of a log."""
    return log.read_text(encoding="utf-8", errors="replace")[-500:].strip()


def _end(agent: subprocess.Popen[bytes], paths: Paths) -> None:
    agent.terminate()
    try:
        agent.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        agent.kill()
        agent.wait()
    if (paths.root / "instance.json").exists():
        asyncio.run(remove_pods(paths.containerd_run / "containerd.sock"))
        halt_instance(paths, lambda _: None)


async def remove_pods(socket: Path) -> None:
    """Remove every sandbox at once, those of the floor too, without grace."""
    endpoint = f"unix://{socket}"
    with contextlib.suppress(RuntimeFault, TimeoutError):  # what is left is ended by force afterwards
        async with asyncio.timeout(STOP_SECONDS * 3), connect(endpoint) as client:
            slots = asyncio.Semaphore(4)

            async def remove(sandbox: str) -> None:
                async with slots:
                    with contextlib.suppress(RuntimeFault):
                        await client.stop_sandbox(sandbox)  # type: ignore[arg-type]  # ids are strings here
                        await client.remove_sandbox(sandbox)  # type: ignore[arg-type]  # ids are strings here

            await asyncio.gather(*(remove(s.id) for s in await client.sandboxes()))


def remove_cgroup(root: str) -> None:
    """Remove a cgroup of ours with everything below it."""
    CgroupTree(root, read_hierarchies()).remove(root)
