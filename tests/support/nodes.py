"""A node for tests of the real ring: a private containerd with its pause image, a pod network and a test image."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from uuid import uuid4

from podstead.cgroups.hierarchy import read_hierarchies
from podstead.cgroups.tree import CgroupTree
from podstead.config.images import ImageSettings
from podstead.config.paths import Paths, paths_for
from podstead.containerd.leftovers import shim_pids
from podstead.containerd.locate import find_programs
from podstead.containerd.private import ContainerdSettings, PrivateContainerd, RunningContainerd
from podstead.cri.client import CRIClient
from podstead.cri.transport import UnixSocketTransport
from podstead.errors import RuntimeFault
from podstead.network.conflist import PodNetwork, pod_network, write_conflist
from podstead.network.host import HostNetwork
from tests.support.images import BUSYBOX_IMAGE, build_busybox_image
from tests.support.netns import IP_FORWARD, call_in_namespace
from tests.support.runtimes import chosen_oci

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator

_Value = TypeVar("_Value")


@dataclass(frozen=True, kw_only=True)
class PrivateNode:
    """A running node. `image` is a busybox; `cgroup_parent` is the instance's cgroup root."""

    instance: str
    paths: Paths
    containerd: PrivateContainerd
    running: RunningContainerd
    cgroup_parent: str
    network: PodNetwork
    net_namespace: Path | None
    image: str = BUSYBOX_IMAGE

    @property
    def endpoint(self) -> str:
        """The CRI endpoint, `unix://…`."""
        return self.running.endpoint

    @contextlib.asynccontextmanager
    async def client(self) -> AsyncIterator[CRIClient]:
        """Give a CRI client that belongs to the running event loop."""
        async with cri_client(self.running.socket) as client:
            yield client

    async def start_again(self) -> PrivateNode:
        """Adopt the containerd, or start a dead one again; return the node with its new pid."""
        running = await self.containerd.ensure_running()
        async with cri_client(running.socket) as client:
            await self.containerd.wait_ready(client.version)
        return replace(self, running=running)


@contextlib.asynccontextmanager
async def cri_client(socket: Path) -> AsyncIterator[CRIClient]:
    """Give a CRI client for a socket, without whole-machine facts."""
    async with CRIClient(UnixSocketTransport(f"unix://{socket}"), endpoint=f"unix://{socket}") as client:
        yield client


def _in_own_loop(work: Coroutine[None, None, _Value]) -> _Value:
    """Run a coroutine to its end in a thread, so that fixtures and asynchronous tests can both make nodes."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(asyncio.run, work).result()


@contextlib.contextmanager
def make_node(
    *, net_namespace: Path | None = None, oci_runtime: str = "", sandbox_image: str = ""
) -> Iterator[PrivateNode]:
    """Start a node below a short directory in /tmp; whatever happens, nothing of it is left behind.

    In a network namespace of its own nothing of the machine's network is touched. Without one, pods with own
    addresses switch on ip_forward, which is set back at the end.
    """
    root = Path(tempfile.mkdtemp(prefix="ps-", dir="/tmp"))
    instance = str(uuid4())
    short = instance[:8]
    settings = ContainerdSettings(
        paths=paths_for(root),
        images=ImageSettings(),
        cgroup_parent=f"/podstead-{short}",
        oci_runtime=oci_runtime or chosen_oci(),
        sandbox_image=sandbox_image,
        net_namespace=net_namespace,
    )
    containerd = PrivateContainerd(settings)
    # A /24 that no test network uses; in a namespace of its own it cannot meet the machine's.
    network = pod_network(short, f"10.95.{int(short[:2], 16)}.0/24", root / "network")
    host = HostNetwork(network, find_programs().iptables)
    forwarding = call_in_namespace(net_namespace, IP_FORWARD.read_text)
    with contextlib.ExitStack() as cleaning:  # undone in reverse; a step that fails does not keep the others back
        cleaning.callback(shutil.rmtree, root)
        cleaning.callback(remove_cgroups, settings.cgroup_parent)
        cleaning.callback(call_in_namespace, net_namespace, lambda: _restore_forwarding(forwarding))
        cleaning.callback(call_in_namespace, net_namespace, host.restore)
        cleaning.callback(lambda: _in_own_loop(_end(containerd)))
        yield _in_own_loop(_start(instance, settings, containerd, network))


def _restore_forwarding(before: str) -> None:
    """Set ip_forward back, unless the bridge of another node, of a test run beside this one, needs it by now."""
    if not any(name.startswith("pods-") for _, name in socket.if_nameindex()):
        IP_FORWARD.write_text(before)


async def _start(
    instance: str, settings: ContainerdSettings, containerd: PrivateContainerd, network: PodNetwork
) -> PrivateNode:
    write_conflist(network, containerd.cni_conf)
    running = await containerd.ensure_running()
    async with cri_client(running.socket) as client:
        await containerd.wait_ready(client.version)
        await containerd.ensure_sandbox_image(present=_present(client), pull=client.pull_image)
        archive = settings.paths.root / "busybox.tar"
        build_busybox_image(archive)
        await containerd.importer.import_image(archive, pull=client.pull_image)
        archive.unlink()
    return PrivateNode(
        instance=instance,
        paths=settings.paths,
        containerd=containerd,
        running=running,
        cgroup_parent=settings.cgroup_parent,
        network=network,
        net_namespace=settings.net_namespace,
    )


def _present(client: CRIClient) -> Callable[[str], Awaitable[bool]]:
    async def present(name: str) -> bool:
        return await client.image(name) is not None

    return present


async def _end(containerd: PrivateContainerd) -> None:
    """Remove the pods as `stop-all` does, then end containerd; what a test broke is ended by force."""
    if await containerd.running_pid() is not None:
        # A test may have ended with a broken runtime: then force must do.
        with contextlib.suppress(RuntimeFault, TimeoutError):
            async with asyncio.timeout(30), cri_client(containerd.socket) as client:
                for sandbox in await client.sandboxes():
                    with contextlib.suppress(RuntimeFault):
                        await client.stop_sandbox(sandbox.id)
                    await client.remove_sandbox(sandbox.id)
    await containerd.stop()


def remove_cgroups(cgroup_parent: str) -> None:
    """Remove an instance's cgroups; processes that a test put there must be gone."""
    assert CgroupTree(cgroup_parent, read_hierarchies()).remove(cgroup_parent), cgroup_parent


def leftovers_of(node: PrivateNode) -> list[str]:
    """Name what a stopped node left on the machine; empty is how it must be."""
    root = str(node.paths.root)
    mounts = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if root in line]
    pids = [
        *shim_pids(node.running.socket),
        *CgroupTree(node.cgroup_parent, read_hierarchies()).pids(node.cgroup_parent),
    ]
    return [*(f"mount {line}" for line in mounts), *(f"process {pid}" for pid in pids)]
