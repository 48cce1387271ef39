"""Ends an instance: its pods by their grace, then its private containerd and what it left on the host.

Data stays: records, revisions, volumes on disk, images. The next `podstead run` starts the pods again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from podstead.cgroups.hierarchy import read_hierarchies
from podstead.cgroups.layout import QOS_DIRECTORIES, both_roots, pod_cgroup_path
from podstead.cgroups.tree import CgroupTree
from podstead.clock import SystemClock
from podstead.config.images import ImageSettings
from podstead.containerd import locate
from podstead.containerd.private import ContainerdSettings, PrivateContainerd
from podstead.cri.client import connect
from podstead.daemon.cgroup_driver import private_roots
from podstead.errors import NotFoundFault, OperatorError, PodsteadError, RuntimeFault
from podstead.identity import PodUID
from podstead.logs.links import LogLinks
from podstead.network.conflist import pod_network
from podstead.network.host import HostNetwork
from podstead.state.observed import ContainerState
from podstead.store.facts import POD_CIDR, RUNTIME_DRIVER, RUNTIME_ENDPOINT, FactStore
from podstead.store.instance import lock_root, open_instance
from podstead.volumes.binding import release
from podstead.volumes.layout import host_paths
from podstead.volumes.mounter import SystemMounter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from podstead.config.paths import Paths
    from podstead.cri.client import CRIClient

log = logging.getLogger(__name__)

DEFAULT_GRACE_SECONDS = 30
PARALLEL_REMOVALS = 4


async def end_pods(client: CRIClient, instance: str, grace_of: Callable[[PodUID], int]) -> AsyncIterator[str]:
    """Stop and remove every sandbox of the instance, each container with its pod's grace; yields what is done."""
    containers = [c for c in await client.containers(instance=instance) if c.state is ContainerState.RUNNING]
    if containers:
        yield f"stopping {len(containers)} containers"
        stops = (_gone_is_fine(client.stop_container(c.id, grace_of(c.uid))) for c in containers)
        await asyncio.gather(*stops)
    sandboxes = await client.sandboxes(instance=instance)
    slots = asyncio.Semaphore(PARALLEL_REMOVALS)

    async def remove(sandbox_id: str) -> None:
        async with slots:
            await _gone_is_fine(client.stop_sandbox(sandbox_id))  # type: ignore[arg-type]  # ids are strings here
            await _gone_is_fine(client.remove_sandbox(sandbox_id))  # type: ignore[arg-type]  # ids are strings here

    await asyncio.gather(*(remove(s.id) for s in sandboxes))
    yield f"removed {len(sandboxes)} pod{'' if len(sandboxes) == 1 else 's'} from the runtime"


async def end_host(paths: Paths, private: PrivateContainerd, network: HostNetwork | None, cgroup_root: str) -> None:
    """End the private containerd and remove its traces: mounts, bridge, rules, cgroups, links of logs."""
    await private.stop()
    if network is not None:
        await asyncio.to_thread(network.restore)
    await asyncio.to_thread(_unmount, paths)
    await asyncio.to_thread(unlink_logs, paths)
    await asyncio.to_thread(remove_cgroups, paths, cgroup_root)


def remove_cgroups(paths: Paths, cgroup_root: str) -> None:
    """Remove the cgroups, with what a start that was cut off left in our pods': in others of the root may be other work."""
    hierarchies = read_hierarchies()
    for root in both_roots(cgroup_root):
        tree = CgroupTree(root, hierarchies)
        if tree.remove(root):
            continue
        for uid in paths.pods.iterdir() if paths.pods.is_dir() else ():
            for qos in QOS_DIRECTORIES:
                with contextlib.suppress(ValueError):  # no name of a pod's
                    tree.kill(pod_cgroup_path(root, qos, uid.name))
        tree.remove(root)


def unlink_logs(paths: Paths) -> None:
    """Remove the links that log shippers follow to logs of our pods; the logs stay. Blocking."""
    links = LogLinks(paths.log_links, paths.pod_logs)
    try:
        links.find({entry.name for entry in paths.pods.iterdir()} if paths.pods.is_dir() else set())
        for uid in links.uids():
            links.settle(uid, {})
    except OSError as error:
        log.warning("cannot remove all links of logs in %s: %s", paths.log_links, error)


def _unmount(paths: Paths) -> None:
    mounter = SystemMounter()
    for uid in paths.pods.iterdir() if paths.pods.is_dir() else ():
        for container in {c.name for v in _entries(host_paths(paths, PodUID(uid.name))) for c in _entries(v)}:
            release(paths, PodUID(uid.name), container, mounter)
    for point in mounter.mount_points(paths.pods):
        mounter.unmount(point.path, detach=True)


def _entries(directory: Path) -> list[Path]:
    return list(directory.iterdir()) if directory.is_dir() else []


async def _gone_is_fine(call: Awaitable[None]) -> None:
    try:
        await call
    except NotFoundFault:
        return
    except RuntimeFault as fault:
        log.warning("%s", fault)


def halt_instance(paths: Paths, say: Callable[[str], None]) -> int:
    """End an instance whose agent does not run; blocking. Raises OperatorError when there is no such instance."""
    if not (paths.root / "instance.json").exists():
        raise OperatorError(f"there is no instance under {paths.root}: nothing to stop")
    with lock_root(paths):
        asyncio.run(_halt(paths, say))
    return 0


def _has_processes(cgroup_root: str) -> bool:
    hierarchies = read_hierarchies()
    return any(CgroupTree(root, hierarchies).pids(root) for root in both_roots(cgroup_root))


async def _end_foreign(facts: FactStore, instance: str, say: Callable[[str], None]) -> str:
    """End the pods on the runtime of somebody else's that the last agent worked with, and forget it.

    Returns:
        What to do first where that cannot be done, for pods may run there; empty otherwise.
    """
    endpoint = facts.get(RUNTIME_ENDPOINT)
    if endpoint is None:
        return "pods run on a runtime that only their agent knows (--container-runtime-endpoint): start the agent"
    try:
        async with connect(endpoint) as client:
            async for message in end_pods(client, instance, lambda _: DEFAULT_GRACE_SECONDS):
                say(message)
        await facts.put({RUNTIME_ENDPOINT: None, RUNTIME_DRIVER: None})
    except RuntimeFault as fault:
        return f"pods run on the runtime at {endpoint}, which does not answer ({fault}): start it"
    except PodsteadError as error:
        log.warning("cannot forget the runtime at %s: %s", endpoint, error)
    return ""


async def _halt(paths: Paths, say: Callable[[str], None]) -> None:
    clock = SystemClock()
    instance = open_instance(paths, wall=clock.now().wall)
    cgroup_root = f"/podstead-{instance.short}"
    parent, other = await asyncio.to_thread(private_roots, cgroup_root, "")
    settings = ContainerdSettings(paths=paths, images=ImageSettings(), cgroup_parent=parent, fallback_parent=other)
    private = PrivateContainerd(settings)
    if await private.running_pid() is None and (paths.containerd / "config.toml").exists():
        # Pods outlive their containerd: only a running one can end them by their grace.
        await private.ensure_running()
    if await private.running_pid() is not None:
        async with connect(f"unix://{private.socket}") as client:
            await private.wait_ready(client.version)
            async for message in end_pods(client, instance.id, lambda _: DEFAULT_GRACE_SECONDS):
                say(message)
    facts = FactStore(paths.state, wall=lambda: clock.now().wall)
    await facts.load()
    first = await _end_foreign(facts, instance.id, say)
    if first and await private.running_pid() is None and await asyncio.to_thread(_has_processes, cgroup_root):
        # Their volumes would be taken from under them.
        raise OperatorError(f"{first}, then say stop-all again")
    network = None
    if cidr := facts.get(POD_CIDR):
        network = HostNetwork(pod_network(instance.short, cidr, paths.network), locate.require_program("iptables"))
    await end_host(paths, private, network, cgroup_root)
    say("the private containerd has ended")
