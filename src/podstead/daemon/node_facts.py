"""What the loops are told of the node: for requests to the runtime, and for who may start."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from podstead.admission.ports import HostPort
from podstead.admission.values import NodeFacts as RoomFacts
from podstead.agent.requests import NodeFacts as RequestFacts
from podstead.daemon.abilities import abilities
from podstead.daemon.node import allocatable, allocatable_texts, huge_pages, node_labels
from podstead.daemon.runtime import seccomp_root
from podstead.network.listeners import listeners
from podstead.volumes.id_ranges import IdRanges
from podstead.volumes.resolv import ClusterDNS

if TYPE_CHECKING:
    from collections.abc import Callable

    from podstead.daemon.ground import Ground
    from podstead.daemon.objects import Configuration
    from podstead.daemon.tending import Upkeep


def request_facts(ground: Ground, configured: Configuration) -> RequestFacts:
    """Return what requests to the runtime say of the node."""
    node = ground.settings.node
    return RequestFacts(
        instance=ground.instance.id,
        paths=ground.settings.paths,
        cgroup_root=ground.cgroups.root,
        abilities=lambda: abilities(ground),
        ids=IdRanges(ground.settings.paths).of,
        seccomp_root=seccomp_root(ground.settings),
        profile_fault=configured.profile_fault,
        resolv_conf=node.resolv_conf,
        dns=ClusterDNS(servers=node.cluster_dns, domain=node.cluster_domain),
        memory_bytes=ground.machine.memory_bytes,
        allocatable=allocatable_texts(ground.machine),
        ip=lambda: ground.state.address,
    )


def room_facts(ground: Ground, upkeep: Upkeep) -> Callable[[bool], RoomFacts]:
    """Return the node's facts, with those who listen on it when they are asked for."""
    node = ground.settings.node
    facts = RoomFacts(
        name=node.name,
        labels=node_labels(node.name, ground.machine, node.labels),
        allocatable=allocatable(ground.machine),
        max_pods=node.max_pods,
        allowed_unsafe_sysctls=node.allowed_unsafe_sysctls,
    )

    def now(ports: bool) -> RoomFacts:
        able = replace(
            facts,
            abilities=abilities(ground),
            pressure=upkeep.pressure.shortage.conditions,
            allocatable={**facts.allocatable, **huge_pages()},
        )
        if not ports:
            return able
        listening = frozenset(HostPort(one.port, one.protocol, one.address) for one in listeners())
        return replace(able, listening=listening)

    return now
