"""Pods that start after others, on the real loops: at first, and after a reboot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.k8s.annotations import START_AFTER
from tests.functional.manifests import manifest

if TYPE_CHECKING:
    from tests.functional.node import SimulatedNode


def after(name: str, *others: str) -> str:
    return manifest(name, metadata={"annotations": {START_AFTER: ",".join(others)}})


def order(node: SimulatedNode) -> list[str]:
    """The pods' names in the order in which their containers that run now were made."""
    found = [c for name in ("db", "cache", "web") for c in node.alive(name)]
    return [c.config.metadata.name for c in sorted(found, key=lambda c: c.created_at)]


async def test_a_pod_starts_after_those_that_it_names(node: SimulatedNode) -> None:
    node.write("web.yaml", after("web", "cache", "default/db"))
    await node.until("it says why", lambda: node.stuck("web") == "WaitingForPods")
    node.write("cache.yaml", after("cache", "db"))
    node.write("db.yaml", manifest("db"))
    for name in ("db", "cache", "web"):
        await node.running_pod(name, 2.0)
    assert order(node) == ["db", "cache", "web"]
    node.check()


async def test_a_running_pod_does_not_follow_one_that_goes(node: SimulatedNode) -> None:
    node.write("db.yaml", manifest("db"))
    node.write("web.yaml", after("web", "db"))
    first = await node.running_pod("web")
    node.remove("db.yaml")
    await node.gone("db")
    assert node.alive("web") == [first]
    node.runtime.exit_container(first.id, 1)
    await node.another("web", first)
    node.check()


async def test_a_reboot_starts_them_in_their_order(node: SimulatedNode) -> None:
    node.write("db.yaml", manifest("db"))
    node.write("web.yaml", after("web", "db"))
    await node.running_pod("web")
    await node.stop()
    node.runtime.reboot()
    await node.start()
    await node.running_pod("db")
    await node.running_pod("web")
    assert order(node) == ["db", "web"]
    node.check()
