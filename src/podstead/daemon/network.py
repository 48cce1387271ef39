"""The pods' own network on this node: chosen once, checked against the node's, and kept passable."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from typing import TYPE_CHECKING

from podstead.containerd import locate
from podstead.errors import OperatorError
from podstead.network import fib
from podstead.network.cidr import choose_pod_cidr, overlap
from podstead.network.conflist import pod_network, write_conflist, written_cidr
from podstead.network.host import HostNetwork
from podstead.store.facts import POD_CIDR

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from podstead.clock import Clock
    from podstead.config.settings import Settings
    from podstead.network.conflist import PodNetwork
    from podstead.store.facts import FactStore
    from podstead.store.instance import Instance

    Say = Callable[[str, str], None]
    """Tells the operator: a reason in CamelCase, and a sentence."""

log = logging.getLogger(__name__)

CHANGED = "HostChanged"
OVERLAPS = "PodNetworkOverlaps"


class NodeNetwork:
    """Makes the pods' network before the runtime needs it."""

    def __init__(self, settings: Settings, instance: Instance, facts: FactStore, say: Say) -> None:
        self._settings = settings
        self._instance = instance
        self._facts = facts
        self._say = say

    async def make(self, cni_conf: Path) -> HostNetwork:
        """Choose and write the network; `cni_conf` is the runtime's directory of such files. Raises OperatorError."""
        network = await self._choose(cni_conf)
        await asyncio.to_thread(write_conflist, network, cni_conf)
        host = HostNetwork(network, locate.require_program("iptables"))
        for change in await asyncio.to_thread(host.prepare):
            self._say(CHANGED, change.message)
        return host

    async def _choose(self, cni_conf: Path) -> PodNetwork:
        """Return the pods' network: as given, else as pinned, else one that nothing here uses."""
        written = await asyncio.to_thread(written_cidr, cni_conf)
        # A lost memory must not give running pods' successors another network.
        cidr = self._settings.node.pod_cidr or self._facts.get(POD_CIDR) or written
        used = fib.used_networks(await asyncio.to_thread(fib.read_text, fib.FIB_TRIE))
        free = str(choose_pod_cidr(self._instance.id, used)) if not cidr else ""
        network = pod_network(self._instance.short, cidr or free, self._settings.paths.network)
        if cidr:
            await self._check(network, in_use=cidr == written)
        if str(network.cidr) != self._facts.get(POD_CIDR):
            await self._facts.put({POD_CIDR: str(network.cidr)})
        return network

    async def _check(self, network: PodNetwork, *, in_use: bool) -> None:
        """Refuse a range that this node is in itself; where pods have addresses of it already, say so."""
        links = fib.links(await asyncio.to_thread(fib.read_text, fib.ROUTE))
        found = overlap(network.cidr, [link for link in links if link.interface != network.bridge])
        if found is None:
            return
        text = f"pods' addresses {network.cidr} overlap {found.network}, which is at this node's interface {found.interface}"
        if in_use:
            log.warning("%s", text)
            self._say(OVERLAPS, f"{text}: neither reaches all of the other; give other ones with --pod-cidr")
            return
        used = (*(link.network for link in links), ipaddress.IPv4Network(network.cidr))
        free = choose_pod_cidr(self._instance.id, used)
        raise OperatorError(f"cannot use --pod-cidr: {text}; leave it out, or write a range of its own, such as {free}")


async def keep_passable(network: HostNetwork, clock: Clock, every_seconds: float, say: Say) -> None:
    """Look after forwarding for ever: docker, ufw and firewalld change it when they start or are reloaded."""
    trouble = ""
    while True:
        await clock.sleep(every_seconds)
        try:
            for change in await asyncio.to_thread(network.prepare):
                say(CHANGED, change.message)
        except OperatorError as error:
            if str(error) != trouble:  # a lock that is held is no news each time
                log.warning("%s", error)
            trouble = str(error)
        else:
            trouble = ""
