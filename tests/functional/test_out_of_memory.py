"""A container that ran out of memory: what its status and the events say. Kernel's counts: tests/unit/cgroups, tests/vm."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from podstead.daemon.oom import KILLED
from tests.functional.manifests import manifest

if TYPE_CHECKING:
    from tests.functional.node import SimulatedNode

LIMITED = manifest("web", container={"resources": {"limits": {"cpu": "1", "memory": "64Mi"}}})


async def test_the_event_names_the_limit_once_for_each_end(node: SimulatedNode) -> None:
    node.write("web.yaml", LIMITED)
    first = await node.running_pod("web")
    node.runtime.oom_kill(first.id)
    await node.another("web", first)
    (told,) = node.events("OOMKilled")
    assert told == "Container web was killed because memory ran out: its memory limit is 64Mi"
    assert node.restarts("web") == 1
    await node.crash()
    await node.start()  # it asks anew how the first one ended, and does not tell it again
    await node.running_pod("web")
    await asyncio.sleep(0.3)
    assert len(node.events("OOMKilled")) == 1


async def test_a_container_that_somebody_killed_did_not_run_out_of_memory(node: SimulatedNode) -> None:
    node.write("web.yaml", LIMITED)
    first = await node.running_pod("web")
    node.runtime.exit_container(first.id, KILLED)
    await node.another("web", first)
    assert node.events("OOMKilled") == []
