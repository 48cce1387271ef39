# ruff: noqa: ASYNC240 - files of a temporary directory answer at once
"""Paths of the node under a policy: what cannot be looked at is not admitted, and a closed node lets nothing lead elsewhere."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from podstead.agent import quarantine
from podstead.daemon import housekeeping, policing
from tests.functional.manifests import manifest
from tests.functional.node import SimulatedNode
from tests.functional.test_policy import EXEMPTED, HEAD, refused

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.simulators.cri_runtime import SimulatedRuntime

LARGE = {"note": "x" * 10_000}
"""Annotations that make a file too large to be judged in the agent itself."""


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
    monkeypatch.setattr(quarantine, "HOLD_SECONDS", 0.3)
    monkeypatch.setattr(quarantine, "LOOK_SECONDS", 0.1)
    (root / "data").mkdir()
    (root / "elsewhere").mkdir()
    policy.write_text(f"{HEAD}hostPaths: [{{prefix: {root}/data}}]\n")
    made = SimulatedNode(root, runtime)
    security = replace(made.settings.security, policy=policy, policy_required=True, quarantine=True)
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
async def test_a_path_that_cannot_be_looked_at_is_not_admitted(node: SimulatedNode, policy: Path, root: Path) -> None:
    """A local user keeps the policy from seeing where it leads, to lead it elsewhere before the first start."""
    path = root / "data/web"
    path.symlink_to(path)
    text = mounting(path)
    digest = f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    policy.write_text(HEAD + EXEMPTED.format(data=root / "data", digest=digest))
    await node.until("the policy is in force", lambda: len(node.events("PolicyInForce")) > 1)
    node.write("web.yaml", text)
    said = await refused(node, "web.yaml")
    assert f"hostPath {path} cannot be looked at (too many links): the policy has to know where it leads" in said
    assert node.sandboxes("web") == []
    planted = manifest("planted", container={"securityContext": {"privileged": True}})
    node.write("planted.yaml", planted)
    await node.until("what is refused for good is put away", lambda: not (node.directory / "planted.yaml").exists())
    assert (node.directory / "web.yaml").exists()

    path.unlink()
    path.mkdir()
    node.write("other.yaml", manifest("other", host_network=False))  # not to wait for the next look
    await node.running_pod("web", 20.0)


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


@pytest.mark.parametrize("annotations", [{}, LARGE])
async def test_a_path_that_leads_to_a_name_which_is_no_utf_8_stops_nobody(
    node: SimulatedNode, root: Path, annotations: dict[str, str]
) -> None:
    path = root / "data/web"
    (real := root / "data/caf\udce9").mkdir()  # Latin 1, as Python has the names of files
    path.symlink_to(real)
    node.write("web.yaml", mounting(path, metadata={"annotations": annotations}))
    first = await node.running_pod("web", 20.0)
    node.runtime.exit_container(first.id, 1)
    await node.another("web", first)
    node.write("other.yaml", manifest("other", host_network=False))
    await node.running_pod("other")
