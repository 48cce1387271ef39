"""The container runtime that the agent works with: a private containerd, or the one whose endpoint was given."""

from __future__ import annotations

import asyncio
import logging
import os
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from podstead.cgroups.abilities import read_abilities
from podstead.cgroups.hierarchy import read_hierarchies
from podstead.containerd.private import ContainerdSettings, PrivateContainerd
from podstead.cri.client import connect
from podstead.cri.events import ExitSource
from podstead.cri.node import NodeFacts
from podstead.daemon.cgroup_driver import foreign_root, private_roots
from podstead.daemon.network import CHANGED, NodeNetwork
from podstead.errors import PodsteadError
from podstead.store.facts import RUNTIME_DRIVER, RUNTIME_ENDPOINT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from podstead.clock import Clock
    from podstead.config.settings import Settings
    from podstead.containerd.private import RunningContainerd
    from podstead.containerd.probe import Mends
    from podstead.cri.client import CRIClient
    from podstead.daemon.network import Say
    from podstead.network.host import HostNetwork
    from podstead.store.facts import FactStore
    from podstead.store.instance import Instance

log = logging.getLogger(__name__)

# A runtime of somebody else's has no process that we may watch: its event stream is asked this often.
WATCH_SECONDS = 1.0
# A private containerd that ends at once after each start is started again at this pace.
RESTART_SECONDS = 2.0


@dataclass(slots=True, kw_only=True)
class RuntimeConnection:
    """What the other parts need of the runtime. `private` is None on a foreign endpoint."""

    client: CRIClient
    exits: ExitSource
    endpoint: str
    cgroup_root: str
    """Where the pods' cgroups lie; a slice where systemd makes them."""
    private: PrivateContainerd | None = None
    running: RunningContainerd | None = None
    network: HostNetwork | None = None
    handler: str = ""
    """Name of the OCI runtime handler that sandboxes ask for; empty: the runtime's default."""

    @property
    def mends(self) -> Mends | None:
        """What is done only because this machine needs it."""
        return self.running.probe.mends if self.running else None


def seccomp_root(settings: Settings) -> Path:
    """Return where this node keeps the seccomp profiles that manifests name."""
    return settings.runtime.seccomp_root or settings.paths.root / "seccomp"


def cri_facts(settings: Settings) -> NodeFacts:
    """Return what of this machine and its settings goes into calls of the runtime."""
    abilities = read_abilities(read_hierarchies())
    return NodeFacts(
        seccomp_root=str(seccomp_root(settings)),
        seccomp_default=settings.runtime.seccomp_default,
        cpus=os.cpu_count() or 0,
        oom_group=abilities.memory and not settings.node.single_process_oom_kill,
        no_swap=abilities.swap,
        huge_page_sizes=abilities.huge_page_sizes,
    )


class RuntimeSetup:
    """Prepares the runtime and keeps a private one running."""

    def __init__(
        self, settings: Settings, instance: Instance, cgroup_root: str, facts: FactStore, clock: Clock
    ) -> None:
        self._settings = settings
        self._instance = instance
        self._cgroup_root = cgroup_root
        self._facts = facts
        self._clock = clock

    async def connect(self, say: Say) -> RuntimeConnection:
        """Connect to the runtime, starting a private one where none was named; raises OperatorError.

        `say` tells the operator, by a reason and a sentence, what was changed on the host or is wrong with it.
        """
        runtime = self._settings.runtime
        node = cri_facts(self._settings)
        if runtime.endpoint:
            client = connect(runtime.endpoint, request_seconds=runtime.request_seconds, node=node)
            cgroup_root = await self._foreign_root(runtime.endpoint, client, say)
            return RuntimeConnection(
                client=client,
                exits=ExitSource(client.transport, self._clock),
                endpoint=runtime.endpoint,
                cgroup_root=cgroup_root,
            )
        private = await self._private(say)
        network = await NodeNetwork(self._settings, self._instance, self._facts, say).make(private.cni_conf)
        running = await private.ensure_running()
        client = connect(running.endpoint, request_seconds=runtime.request_seconds, node=node)
        await private.wait_ready(client.version)
        await private.ensure_sandbox_image(
            present=lambda name: _present(client, name), pull=client.pull_image, say=partial(say, CHANGED)
        )
        return RuntimeConnection(
            client=client,
            exits=ExitSource(client.transport, self._clock),
            endpoint=running.endpoint,
            private=private,
            running=running,
            network=network,
            cgroup_root=running.probe.cgroup_parent,
            handler=running.probe.runtime,
        )

    async def _foreign_root(self, endpoint: str, client: CRIClient, say: Say) -> str:
        """Return the pods' cgroup root, and remember the runtime: for a start before it, for an end without an agent."""
        known = self._facts.get(RUNTIME_DRIVER) if self._facts.get(RUNTIME_ENDPOINT) == endpoint else None
        wanted = self._settings.node.cgroup_driver
        foreign = await foreign_root(self._cgroup_root, wanted, client, say, known=known)
        try:
            await self._facts.put({RUNTIME_ENDPOINT: endpoint, RUNTIME_DRIVER: foreign.told or known})
        except PodsteadError as error:
            log.warning("cannot remember the runtime's endpoint: %s", error)
        return foreign.root

    async def _private(self, say: Say) -> PrivateContainerd:
        wanted = self._settings.node.cgroup_driver
        parent, other = await asyncio.to_thread(private_roots, self._cgroup_root, wanted, say)
        return PrivateContainerd(
            ContainerdSettings(
                paths=self._settings.paths,
                images=self._settings.images,
                cgroup_parent=parent,
                fallback_parent=other,
                sandbox_image=self._settings.runtime.sandbox_image,
                oci_runtime=self._settings.runtime.oci_runtime,
            )
        )

    async def keep(self, connection: RuntimeConnection, lost: Callable[[str], None]) -> None:
        """Notice the runtime's end and start a private one again, for ever."""
        while True:
            if connection.private is None or connection.running is None:
                await self._clock.sleep(WATCH_SECONDS)
                # Without events there is the slow list; only a runtime that cannot be reached is lost.
                if connection.exits.trouble is not None and connection.exits.trouble.transient:
                    lost(str(connection.exits.trouble))
                continue
            await _ended(connection.running.pid)
            lost("containerd has ended; it is started again")
            connection.running = await connection.private.ensure_running()
            await self._clock.sleep(RESTART_SECONDS)


async def _present(client: CRIClient, name: str) -> bool:
    return await client.image(name) is not None


async def _ended(pid: int) -> None:
    """Wait until a process has ended; at once when there is none."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    gone = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(descriptor, gone.set)
    try:
        await gone.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
