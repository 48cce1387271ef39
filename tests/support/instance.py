"""One instance's runtime as a test sees it, around the agent: containers, processes, and the end of everything."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from podstead.cgroups.hierarchy import read_hierarchies
from podstead.cgroups.tree import CgroupTree
from podstead.config.images import ImageSettings
from podstead.containerd.leftovers import shim_pids
from podstead.containerd.locate import find_programs
from podstead.containerd.private import ContainerdSettings, PrivateContainerd
from podstead.containerd.process import lock_holder
from podstead.cri import methods
from podstead.cri._pb import cri_pb2 as pb
from podstead.daemon import halt
from podstead.errors import RuntimeFault
from podstead.identity import ContainerID
from podstead.network.conflist import pod_network
from podstead.network.host import HostNetwork
from podstead.state.observed import ContainerState
from podstead.volumes.mounter import SystemMounter
from tests.support.netns import call_in_namespace
from tests.support.nodes import cri_client, remove_cgroups
from tests.support.sandboxes import sandbox_pid
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from podstead.config.settings import Settings
    from podstead.cri.client import CRIClient
    from podstead.identity import SandboxID
    from podstead.state.observed import ObservedContainer, ObservedSandbox
    from podstead.state.runtime import ExecResult

Value = TypeVar("Value")


def apart(work: Coroutine[None, None, Value]) -> Value:
    """Run a coroutine to its end in a thread of its own."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(asyncio.run, work).result()


@dataclass
class InstanceUnderTest:
    """An instance; its agent may run or not. `settings` may be replaced while it does not."""

    settings: Settings
    manifests: Path
    net_namespace: Path | None

    @property
    def root(self) -> Path:
        """The root directory."""
        return self.settings.paths.root

    @property
    def instance(self) -> str:
        """The instance id."""
        return str(json.loads((self.root / "instance.json").read_bytes())["id"])

    @property
    def cgroup_root(self) -> str:
        """The instance's cgroup."""
        return f"/podstead-{self.instance[:8]}"

    @property
    def containerd(self) -> PrivateContainerd:
        """The instance's private containerd."""
        return PrivateContainerd(
            ContainerdSettings(
                paths=self.settings.paths,
                images=ImageSettings(),
                cgroup_parent=self.cgroup_root,
                net_namespace=self.net_namespace,
            )
        )

    def containerd_pid(self) -> int | None:
        """Return the private containerd's process, None when it does not run."""
        return lock_holder(self.settings.paths.containerd_run / "containerd.lock")

    def kill_containerd(self) -> None:
        """Kill the private containerd at once; its pods run on."""
        pid = self.containerd_pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        wait_until("containerd has ended", lambda: not Path(f"/proc/{pid}/ns/net").exists(), 10)

    def containers(self, name: str = "", *, running: bool = False) -> tuple[ObservedContainer, ...]:
        """Return the runtime's containers, of the pod with this name in the manifest."""

        async def ask(client: CRIClient) -> Sequence[ObservedContainer]:
            pods = {s.id for s in await client.sandboxes() if not name or s.key.name == self.full_name(name)}
            return [c for c in await client.containers() if c.sandbox_id in pods]

        found: Sequence[ObservedContainer] = self._ask_runtime(ask)
        alive = self._cgroups_alive() if running else ""
        return tuple(c for c in found if not running or (c.state is ContainerState.RUNNING and c.id in alive))

    def _cgroups_alive(self) -> str:
        """Return the cgroups that hold processes: the runtime's own state lags behind an exit."""
        pids = CgroupTree(self.cgroup_root, read_hierarchies()).pids(self.cgroup_root)
        texts = []
        for pid in pids:
            with contextlib.suppress(OSError):
                texts.append(Path(f"/proc/{pid}/cgroup").read_text())
        return "".join(texts)

    def sandboxes(self, name: str = "") -> tuple[ObservedSandbox, ...]:
        """Return the runtime's sandboxes, of the pod with this name in the manifest."""

        async def ask(client: CRIClient) -> Sequence[ObservedSandbox]:
            return [s for s in await client.sandboxes() if not name or s.key.name == self.full_name(name)]

        return tuple(self._ask_runtime(ask))

    def container_id(self, name: str, container: str = "main") -> str:
        """Return the id of the one running container of this name; without one it is a LookupError."""
        found = [c for c in self.containers(name, running=True) if c.name == container]
        assert len(found) < 2, found
        if not found:
            raise LookupError(f"container {container} of pod {name} does not run")
        return found[0].id

    def sandbox_pid(self, sandbox: SandboxID) -> int:
        """Return the process of a sandbox."""

        async def ask(client: CRIClient) -> int:
            return await sandbox_pid(client, sandbox)

        pid: int = self._ask_runtime(ask)
        return pid

    def pid_of(self, container_id: str) -> int:
        """Return the process of a container: the first of its cgroup."""
        tree = CgroupTree(self.cgroup_root, read_hierarchies())
        for pid in sorted(tree.pids(self.cgroup_root)):
            if container_id in Path(f"/proc/{pid}/cgroup").read_text():
                return pid
        raise AssertionError(f"container {container_id} has no process")

    def exec(self, name: str, *command: str, container: str = "main") -> str:
        """Run a command in a pod's container and return what it printed; anything but exit code 0 is a failure."""
        target = self.container_id(name, container)

        async def ask(client: CRIClient) -> ExecResult:
            return await client.exec_sync(ContainerID(target), command, 10)

        result: ExecResult = self._ask_runtime(ask)
        if result.exit_code == 137:
            raise LookupError(f"{command} was killed, as its container is when it is replaced")
        assert result.exit_code == 0, (command, result)
        return result.stdout.decode()

    def fetch(self, url: str) -> str:
        """Get a page from the node's network namespace."""

        def get() -> str:
            with urllib.request.urlopen(url, timeout=3) as reply:
                return str(reply.read().decode())

        return call_in_namespace(self.net_namespace, get)

    def labels_of(self, name: str) -> tuple[pb.PodSandbox, pb.Container]:
        """Return a pod's one sandbox and one container as the runtime lists them."""

        async def ask(client: CRIClient) -> tuple[list[pb.PodSandbox], list[pb.Container]]:
            boxes = await client.transport.unary(methods.LIST_SANDBOXES, pb.ListPodSandboxRequest(), 10)
            made = await client.transport.unary(methods.LIST_CONTAINERS, pb.ListContainersRequest(), 10)
            mine = [box for box in boxes.items if box.metadata.name == self.full_name(name)]
            return mine, [c for c in made.containers if c.pod_sandbox_id in {box.id for box in mine}]

        ((sandbox,), (container,)) = self._ask_runtime(ask)
        return sandbox, container

    def full_name(self, name: str) -> str:
        """Return a pod's name with the node's suffix."""
        return f"{name}-{self.settings.node.name}"

    def _ask_runtime(self, ask: Callable[[CRIClient], Any]) -> Any:
        async def work() -> Any:
            async with cri_client(self.containerd.socket) as client:
                return await ask(client)

        return apart(work())

    def remove_everything(self) -> None:
        """End processes, pods and containerd and remove all traces but the root directory."""
        if not (self.root / "instance.json").exists():
            return
        with contextlib.ExitStack() as cleaning:
            cleaning.callback(remove_cgroups, self.cgroup_root)
            cleaning.callback(halt.remove_cgroups, self.settings.paths, self.cgroup_root)
            cleaning.callback(self._unmount)
            cleaning.callback(self._restore_network)
            cleaning.callback(apart, self.containerd.stop())
            apart(self._remove_pods())
        left = self.leftovers()
        assert not left, left

    async def _remove_pods(self) -> None:
        containerd = self.containerd
        if await containerd.running_pid() is None:
            return
        with contextlib.suppress(RuntimeFault):
            async with cri_client(containerd.socket) as client:
                for sandbox in await client.sandboxes():
                    with contextlib.suppress(RuntimeFault):
                        await client.stop_sandbox(sandbox.id)
                    with contextlib.suppress(RuntimeFault):
                        await client.remove_sandbox(sandbox.id)

    def _restore_network(self) -> None:
        facts = self.settings.paths.state / "facts.json"
        found = json.loads(facts.read_bytes()) if facts.exists() else {}
        cidr = found.get("facts", found).get("podCIDR")
        if cidr:
            network = HostNetwork(
                pod_network(self.instance[:8], cidr, self.settings.paths.network), find_programs().iptables
            )
            call_in_namespace(self.net_namespace, network.restore)

    def _unmount(self) -> None:
        mounter = SystemMounter()
        for point in mounter.mount_points(self.settings.paths.pods):
            mounter.unmount(point.path)

    def leftovers(self) -> list[str]:
        """Name what is left on the machine; empty is how it must be after the end."""
        mounts = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if f"{self.root}/" in line]
        pids = [
            *shim_pids(self.containerd.socket),
            *CgroupTree(self.cgroup_root, read_hierarchies()).pids(self.cgroup_root),
        ]
        return [*(f"mount {line}" for line in mounts), *(f"process {pid}" for pid in pids)]
