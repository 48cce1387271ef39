"""What a machine's user counts on: after a boot, however it came, every pod is there again by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.manifests import OBEYING, container_status, is_running, manifest

if TYPE_CHECKING:
    from tests.support.vm.node import GuestNode

KEEPING = f"echo boot >>/data/boots; {OBEYING}"
"""Leaves a line for each start of its container where a boot does not take it away."""
VOLUME: dict[str, Any] = {
    "volumes": [{"name": "data", "hostPath": {"path": "/srv/kept", "type": "DirectoryOrCreate"}}],
    "container": {
        "command": ["sh", "-c", KEEPING],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    },
}


def restarts(pod: dict[str, Any]) -> int:
    """Return the RESTARTS of the pod's container."""
    count: int = container_status(pod)["restartCount"]
    return count


@pytest.mark.short
def test_a_pod_is_back_after_a_reboot(node: GuestNode) -> None:
    node.deploy("kept", manifest("kept", **VOLUME))
    before = node.wait_pod("kept", is_running)
    assert restarts(before) == 0
    node.machine.reboot()
    node.wait_ready()
    after = node.wait_pod("kept", is_running)
    assert restarts(after) == 1
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert node.machine.do("cat /srv/kept/boots") == "boot\nboot\n"


def test_a_pod_is_back_after_a_power_cut(node: GuestNode) -> None:
    node.deploy("cut", manifest("cut", **VOLUME))
    node.machine.do("rm -rf /srv/kept/*")
    before = node.wait_pod("cut", is_running)
    node.machine.do("sync")
    node.machine.cut_power()
    node.machine.start()
    node.wait_ready()
    after = node.wait_pod("cut", is_running)
    assert restarts(after) == 1
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert node.machine.do("cat /srv/kept/boots") == "boot\nboot\n"
