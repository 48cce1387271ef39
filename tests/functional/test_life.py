"""A pod's life on the real loops: it comes, is edited, crashes, and goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from podstead.daemon import housekeeping
from tests.functional.manifests import OTHER_IMAGE, manifest

if TYPE_CHECKING:
    from tests.functional.node import SimulatedNode


@pytest.mark.conformance("S1", "S4")
async def test_a_pod_comes_and_goes(node: SimulatedNode) -> None:
    node.write("web.yaml", manifest("web"))
    await node.running_pod("web")
    node.check()
    node.remove("web.yaml")
    await node.gone("web")
    assert not list(node.parts.table.sessions())
    assert not node.runtime.world.sandboxes


@pytest.mark.conformance("S3")
async def test_an_edit_replaces_the_container_only(node: SimulatedNode) -> None:
    node.write("web.yaml", manifest("web"))
    first = await node.running_pod("web")
    node.write("web.yaml", manifest("web", image=OTHER_IMAGE))
    await node.another("web", first)
    await node.until("it is said", lambda: node.phase("web") == "Running")
    assert len(node.sandboxes("web")) == 1
    assert node.restarts("web") == 0
    node.check()


async def test_a_crash_is_mended_at_once(node: SimulatedNode) -> None:
    node.write("web.yaml", manifest("web"))
    first = await node.running_pod("web")
    node.runtime.exit_container(first.id, 3)
    await node.another("web", first)
    await node.until("counted", lambda: node.restarts("web") == 1)
    node.check()


@pytest.mark.conformance("S13")
async def test_an_agent_that_is_restarted_disturbs_nothing(node: SimulatedNode) -> None:
    node.write("web.yaml", manifest("web"))
    first = await node.running_pod("web")
    await node.stop()
    await node.start()
    again = await node.running_pod("web")
    assert again is first
    assert node.restarts("web") == 0
    node.check()


async def test_what_was_ready_is_remembered_and_what_is_gone_is_forgotten(
    node: SimulatedNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "PERIOD_SECONDS", 0.1)
    node.write("web.yaml", manifest("web"))
    await node.running_pod("web")
    record = next(iter(node.parts.table.records().values()))

    def remembered() -> bool:
        return any(r.last_ready == r.effective for r in node.parts.table.records().values())

    await node.until("its readiness is noted", remembered)
    assert await node.ground.stores.revisions.list(record.key)
    node.remove("web.yaml")
    await node.gone("web")
    await node.until("it is forgotten", lambda: not node.parts.gone)
    assert await node.ground.stores.revisions.list(record.key) == ()
