"""Paths of the node on the real loops: mounted for a start, whoever makes it, and gone after it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from podstead.volumes.mounter import SystemMounter
from tests.functional.manifests import manifest
from tests.functional.test_restart import Crash, died
from tests.simulators.cri_runtime import Moment

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from tests.functional.node import SimulatedNode

MOUNTS = os.geteuid() == 0
"""Only root may mount; anybody else's agent gives the runtime the path itself."""


@pytest.fixture
def data(root: Path) -> Path:
    made = root / "srv/data"
    made.mkdir(parents=True)
    (made / "table").write_text("precious")
    return made


def with_host_path(path: Path) -> str:
    mounts = [{"name": "h", "mountPath": "/h"}]
    return manifest("web", container={"volumeMounts": mounts}, volumes=[{"name": "h", "hostPath": {"path": str(path)}}])


def watch_starts(node: SimulatedNode, *, die_before_first: bool) -> list[str]:
    """Note what lies at the container's host path whenever it is started."""
    seen: list[str] = []
    dying = [die_before_first]

    def hook(when: Moment, name: str, _: Message) -> None:
        if name != "StartContainer" or when is not Moment.BEFORE:
            return
        (container,) = [c for c in node.containers("web") if not c.started_at]
        given = Path(container.config.mounts[0].host_path)
        seen.append((given / "table").read_text() if given.is_dir() else "nothing")
        if dying.pop() if dying else False:
            raise Crash

    node.runtime.hook = hook
    return seen


def left(node: SimulatedNode) -> list[str]:
    return [str(point.path) for point in SystemMounter().mount_points(node.settings.paths.pods.resolve())]


async def test_a_start_sees_the_path_and_leaves_nothing_mounted(node: SimulatedNode, data: Path) -> None:
    seen = watch_starts(node, die_before_first=False)
    node.write("web.yaml", with_host_path(data))
    first = await node.running_pod("web")
    assert (first.config.mounts[0].host_path != str(data)) is MOUNTS
    await node.until("nothing stays mounted", lambda: not left(node))
    node.runtime.exit_container(first.id, 1)
    await node.another("web", first)
    assert seen == ["precious", "precious"]
    await node.until("nothing stays mounted", lambda: not left(node))


async def test_a_container_that_another_agent_created_sees_the_path_too(node: SimulatedNode, data: Path) -> None:
    """The agent dies between the two calls, and what was mounted is gone when the next one comes, as after a reboot."""
    seen = watch_starts(node, die_before_first=True)
    node.write("web.yaml", with_host_path(data))
    await died(node)
    (created,) = node.containers("web")
    for point in left(node):
        SystemMounter().detach(Path(point))
    await node.start()
    running = await node.running_pod("web")
    assert running.id == created.id
    assert seen == ["precious", "precious"], "never an empty directory in its place"
    await node.until("nothing stays mounted", lambda: not left(node))
    assert (data / "table").read_text() == "precious"
