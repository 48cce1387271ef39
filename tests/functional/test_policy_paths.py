# ruff: noqa: ASYNC240 - files of a temporary directory answer at once
"""Paths of the node under a policy: a closed node lets nothing lead elsewhere."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from podstead.daemon import housekeeping, policing
from tests.functional.manifests import manifest
from tests.functional.node import SimulatedNode
from tests.functional.test_policy import HEAD

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.simulators.cri_runtime import SimulatedRuntime


@pytest.fixture
def policy(root: Path) -> Path:
    return root / "policy.yaml"


@pytest.fixture
async def node(
    root: Path, runtime: SimulatedRuntime, policy: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[SimulatedNode]:
    """A node whose policy lets pods mount what lies below `data`."""
    monkeypatch.setattr(housekeeping, "PERIOD_SECONDS", 0.2)
    monkeypatch.setattr(policing, "LOOK_SECONDS", 0.05)
    (root / "data").mkdir()
    (root / "elsewhere").mkdir()
    policy.write_text(f"{HEAD}hostPaths: [{{prefix: {root}/data}}]\n")
    made = SimulatedNode(root, runtime)
    security = replace(made.settings.security, policy=policy, policy_required=True)
    made.settings = replace(made.settings, security=security)
    await made.start()
    await made.until("the first look", lambda: made.parts.sync is not None and made.parts.sync.looked, 20.0)
    yield made
    made.check()
    await made.stop()


def mounting(path: Path, **more: Any) -> str:
    volume = {"name": "h", "hostPath": {"path": str(path)}}
    mounts = [{"name": "h", "mountPath": "/h"}]
    return manifest("web", host_network=False, container={"volumeMounts": mounts}, volumes=[volume], **more)


@pytest.mark.attack("swapped-host-path")
@pytest.mark.parametrize("damage", [None, "{"])
async def test_a_closed_node_mounts_nothing_that_leads_elsewhere(
    node: SimulatedNode, policy: Path, root: Path, damage: str | None
) -> None:
    """The policy is gone or damaged when the agent starts; what leads where it led is started again all the same."""
    path = root / "data/web"
    path.mkdir()
    node.write("web.yaml", mounting(path))
    first = await node.running_pod("web")
    await node.stop()
    policy.unlink()
    if damage is not None:
        policy.write_text(damage)
    await node.start()
    node.runtime.exit_container((await node.running_pod("web", 20.0)).id, 1)
    second = await node.another("web", first)

    path.rmdir()
    path.symlink_to(root / "elsewhere")
    node.runtime.exit_container(second.id, 1)
    await node.until("it is refused", lambda: node.events("PolicyViolation"), 30.0)
    assert f"it leads to {root}/elsewhere now, and led elsewhere before; the policy file {policy}" in repr(
        node.events("PolicyViolation")
    )
    assert node.alive("web") == []

    path.unlink()
    path.mkdir()
    await node.until("it is back", lambda: node.alive("web"), 30.0)
