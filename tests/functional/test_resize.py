"""Resources that change in place, and what is done where the runtime cannot."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.functional.manifests import manifest
from tests.simulators.cri_faults import Fault

if TYPE_CHECKING:
    from tests.functional.node import SimulatedNode

MEBI = 1 << 20


def limited(cpu: str, memory: str) -> str:
    resources = {"limits": {"cpu": cpu, "memory": memory}, "requests": {"cpu": "10m", "memory": "1Mi"}}
    return manifest("web", container={"resources": resources})


def resources(node: SimulatedNode) -> list[tuple[int, int]]:
    return [
        (c.config.linux.resources.cpu_quota, c.config.linux.resources.memory_limit_in_bytes) for c in node.alive("web")
    ]


async def test_limits_change_without_a_restart(node: SimulatedNode) -> None:
    node.write("web.yaml", limited("1", "64Mi"))
    first = await node.running_pod("web")
    node.write("web.yaml", limited("2", "128Mi"))
    await node.until("resized", lambda: node.events("Resized"))
    assert node.alive("web") == [first]
    assert resources(node) == [(200_000, 128 * MEBI)]
    # An agent that comes after does it again, once, and follows the file that has gone back meanwhile.
    await node.crash()
    node.write("web.yaml", limited("1", "128Mi"))
    await node.start()
    await node.until("back", lambda: resources(node) == [(100_000, 128 * MEBI)])
    await asyncio.sleep(0.3)
    assert node.alive("web") == [first]
    assert node.runtime.calls.count("UpdateContainerResources") in {2, 3}
    assert node.restarts("web") == 0


async def test_what_the_runtime_cannot_change_is_restarted(node: SimulatedNode) -> None:
    node.write("web.yaml", limited("1", "64Mi"))
    first = await node.running_pod("web")
    node.runtime.faults.add(Fault.REFUSED, method="UpdateContainerResources", times=9)
    node.write("web.yaml", limited("2", "64Mi"))
    await node.another("web", first)
    assert node.events("ResizeFailed")
    assert resources(node) == [(200_000, 64 * MEBI)]
    await asyncio.sleep(0.3)
    assert node.runtime.calls.count("UpdateContainerResources") == 1
    assert node.restarts("web") == 0
    node.check()


async def test_a_runtime_that_is_away_is_waited_for(node: SimulatedNode) -> None:
    node.write("web.yaml", limited("1", "64Mi"))
    first = await node.running_pod("web")
    node.runtime.faults.add(Fault.UNAVAILABLE, method="UpdateContainerResources")
    node.write("web.yaml", limited("2", "64Mi"))
    await node.until("resized", lambda: node.events("Resized"))
    assert node.alive("web") == [first]
    assert resources(node) == [(200_000, 64 * MEBI)]
