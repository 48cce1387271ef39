"""A quarantine behind a real agent's gates: what is refused goes, what runs and what holds it stays."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from podstead.agent import quarantine
from podstead.sources.quarantine import cell_of, entries
from tests.functional.manifests import manifest
from tests.functional.node import SimulatedNode

if TYPE_CHECKING:
    from pathlib import Path

    from tests.simulators.cri_runtime import SimulatedRuntime


def attack(node: SimulatedNode, name: str) -> str:
    """Return a pod that would write into the agent's own root directory."""
    volumes = [{"name": "v", "hostPath": {"path": str(node.settings.paths.root)}}]
    mounts = [{"name": "v", "mountPath": "/v"}]
    return manifest(name, container={"volumeMounts": mounts}, volumes=volumes)


@pytest.mark.attack("planted-pod", "mounted-directory")
async def test_what_is_refused_goes_and_no_service_with_it(
    root: Path, runtime: SimulatedRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantine, "HOLD_SECONDS", 0.3)
    monkeypatch.setattr(quarantine, "LOOK_SECONDS", 0.1)
    node = SimulatedNode(root, runtime)
    node.settings = replace(node.settings, security=replace(node.settings.security, quarantine=True))
    await node.start()
    try:
        node.write("db.yaml", manifest("db"))
        await node.running_pod("db")
        uid, cell = node.session("db").uid, cell_of(node.settings.paths.root)
        node.write("planted.yaml", attack(node, "planted"))
        await node.until("the planted file is put away", lambda: not (node.directory / "planted.yaml").exists())
        (found,) = entries(cell)
        assert (found.name, found.reason) == ("planted.yaml", "SelfProtection")
        assert "which no pod may mount" in found.message
        node.write("db.yaml", attack(node, "db"))
        await node.until("the edited file is told of", lambda: node.events("NotQuarantined") != [])
        assert "db.yaml is refused and stays: it holds default/db" in node.events("NotQuarantined")[0]
        assert (node.directory / "db.yaml").exists()
        assert (node.session("db").uid, node.session("db").record.terminating) == (uid, False)
        assert [one.name for one in entries(cell)] == ["planted.yaml"]
        await node.stop()
        await node.start()
        await node.running_pod("db")
        assert node.session("db").uid == uid
    finally:
        await node.stop()
