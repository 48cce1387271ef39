"""Environments from files of the pod's volumes, on the real loops."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from podstead.volumes import layout
from tests.functional.manifests import manifest
from tests.simulators.cri_faults import Fault

if TYPE_CHECKING:
    from pathlib import Path

    from tests.functional.node import SimulatedNode

VALUE = "what-only-the-file-knows"
FROM_FILE = {"name": "V", "valueFrom": {"fileKeyRef": {"volumeName": "made", "path": "env", "key": "K"}}}


def text() -> str:
    container: dict[str, Any] = {"env": [FROM_FILE], "command": ["run", "$(V)"]}
    return manifest("web", container=container, volumes=[{"name": "made", "emptyDir": {}}])


def volume(node: SimulatedNode) -> Path:
    return layout.volume(node.settings.paths, node.session("web").uid, layout.EMPTY_DIR, "made")


async def test_a_container_waits_for_its_file_and_no_message_shows_what_it_held(node: SimulatedNode) -> None:
    node.write("web.yaml", text())
    await node.until("it waits", lambda: node.waiting("web") == "CreateContainerConfigError")
    assert "file 'env' of volume made is not there" in node.events("Failed")[0]
    said = f'exec: "{VALUE}": executable file not found in $PATH'
    node.runtime.faults.add(Fault.REFUSED, method="CreateContainer", message=said)
    (volume(node) / "env").write_text(f"K='{VALUE}'\n")
    container = await node.running_pod("web", 15.0)
    assert [(entry.key, entry.value) for entry in container.config.envs] == [("V", VALUE.encode())]
    assert list(container.config.command) == ["run", VALUE]
    assert any('exec: "[env V]"' in message for message in node.events("Failed"))
    assert not any(VALUE in message for message in node.events("Failed"))


async def test_a_link_that_leads_out_of_the_volume_is_not_followed(node: SimulatedNode) -> None:
    node.write("web.yaml", text())
    await node.until("it waits", lambda: node.waiting("web") == "CreateContainerConfigError")
    (volume(node) / "env").symlink_to("/etc/hostname")
    await node.until("it says why", lambda: any("out of the volume" in said for said in node.events("Failed")), 15.0)
    assert not node.containers("web")
