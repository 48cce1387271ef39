"""Pods find each other by name; changes of names are written under living containers and restart nothing."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from podstead.agent.naming import REST_SECONDS
from podstead.volumes import layout
from podstead.volumes.hosts import NEIGHBOURS_BEGIN
from tests.functional.manifests import manifest
from tests.functional.node import NODE
from tests.unit.volumes.test_neighbours import table

if TYPE_CHECKING:
    from tests.functional.node import SimulatedNode

LATE_SECONDS = 10.0


def hosts(node: SimulatedNode, name: str) -> str:
    """Return a pod's hosts file."""
    return layout.etc_hosts(node.settings.paths, node.session(name).uid).read_text(encoding="utf-8")


def address(node: SimulatedNode, name: str) -> str:
    """Return the address of a pod's sandbox."""
    (found,) = node.sandboxes(name, ready=True)
    return node.runtime.sandbox(found).ip


def own(name: str, **changes: Any) -> str:
    """Return a pod with a network of its own."""
    return manifest(name, host_network=False, **changes)


async def knows(node: SimulatedNode, who: str, whom: str, ip: str | None) -> None:
    """Wait until a pod's file has this address for a name, None: has not the name."""
    await node.until(f"{who} knows {whom} as {ip}", lambda: table(hosts(node, who)).get(whom) == ip, LATE_SECONDS)


async def test_names_come_and_go_and_nothing_restarts(node: SimulatedNode) -> None:
    node.write("web.yaml", own("web"))
    await node.running_pod("web")
    node.write("db.yaml", own("db"))
    await node.running_pod("db")
    # The newcomer knows the others from its first moment, the others soon.
    assert table(hosts(node, "db"))["web"] == address(node, "web")
    await knows(node, "web", "db", address(node, "db"))
    await knows(node, "web", f"db-{NODE}.default", address(node, "db"))
    node.write("edge.yaml", manifest("edge"))
    await node.running_pod("edge")
    await knows(node, "web", "edge", "127.0.0.1")  # a pod on the host's network is found at the node's address
    assert "Pods of this node" not in hosts(node, "edge")

    before = Counter(node.runtime.calls)
    node.remove("db.yaml")
    await node.gone("db")
    await knows(node, "web", "db", None)
    after = Counter(node.runtime.calls) - before
    assert (after["CreateContainer"], after["StartContainer"], after["RunPodSandbox"]) == (0, 0, 0)
    assert after["StopContainer"] <= 1
    node.check()


async def test_a_new_address_is_served_under_the_old_name(node: SimulatedNode) -> None:
    for name in ("web", "db"):
        node.write(f"{name}.yaml", own(name))
        await node.running_pod(name)
    first = address(node, "db")
    node.runtime.kill_sandbox(node.sandboxes("db")[0])
    await node.until("another sandbox", lambda: node.sandboxes("db", ready=True) and address(node, "db") != first, 10.0)
    await knows(node, "web", "db", address(node, "db"))


async def test_what_a_manifest_or_a_container_says_wins(node: SimulatedNode) -> None:
    node.write("web.yaml", own("web", hostAliases=[{"ip": "192.0.2.7", "hostnames": ["db"]}]))
    await node.running_pod("web")
    file = layout.etc_hosts(node.settings.paths, node.session("web").uid)
    with file.open("a", encoding="utf-8") as entrypoint:
        entrypoint.write("192.0.2.8\tcache\n")
    for name in ("db", "cache"):
        node.write(f"{name}.yaml", own(name))
        await node.running_pod(name)
    await knows(node, "web", "cache.default", address(node, "cache"))
    names = table(hosts(node, "web"))
    assert (names["db"], names["cache"]) == ("192.0.2.7", "192.0.2.8")
    assert names["db.default"] == address(node, "db")


async def test_names_are_there_without_an_agent_and_followed_by_the_next(node: SimulatedNode) -> None:
    for name in ("web", "db"):
        node.write(f"{name}.yaml", own(name))
        await node.running_pod(name)
    await knows(node, "web", "db", address(node, "db"))
    await node.crash()
    assert table(layout.etc_hosts(node.settings.paths, uid_of(node, "web")).read_text())["db"] == address(node, "db")
    node.remove("db.yaml")
    await node.start()
    await node.gone("db", 10.0)
    await knows(node, "web", "db", None)


def uid_of(node: SimulatedNode, name: str) -> Any:
    """Return the uid of a pod that runs, also while there is no agent."""
    (found,) = node.sandboxes(name, ready=True)
    return node.runtime.sandbox(found).config.metadata.uid


async def test_they_can_be_switched_off(node: SimulatedNode) -> None:
    node.write("web.yaml", own("web"))
    before = await node.running_pod("web")
    assert NEIGHBOURS_BEGIN in hosts(node, "web")
    await node.stop()
    node.limited(pod_names=False)
    await node.start()
    await node.until("known", lambda: node.phase("web") == "Running")
    await node.until("it is taken away", lambda: NEIGHBOURS_BEGIN not in hosts(node, "web"), LATE_SECONDS)
    node.write("db.yaml", own("db"))
    await node.running_pod("db")
    assert set(table(hosts(node, "db"))) & {"web", "db"} == set()
    assert [c.id for c in node.alive("web")] == [before.id]


async def test_a_burst_is_written_together(node: SimulatedNode) -> None:
    node.write("web.yaml", own("web"))
    await node.running_pod("web")
    batches = []
    renew = node.parts.upkeep.naming._files.renew_hosts

    async def counted(neighbours: Any) -> Any:
        batches.append(len(neighbours))
        return await renew(neighbours)

    node.parts.upkeep.naming._files.renew_hosts = counted  # type: ignore[method-assign]  # counts, and does what it did
    began = time.monotonic()
    for number in range(30):
        node.write(f"p{number}.yaml", own(f"p{number}"))
    for number in range(30):
        await node.running_pod(f"p{number}", 30.0)
    await knows(node, "web", "p29", address(node, "p29"))
    await knows(node, "web", "p0", address(node, "p0"))
    assert len(batches) <= 2 + (time.monotonic() - began) / REST_SECONDS
