"""What a start asks of the runtime: the calls that make the pod, and no list in between."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from podstead.cri._pb import cri_pb2 as pb
from tests.functional.manifests import IMAGE, manifest
from tests.simulators.cri_faults import Fault

if TYPE_CHECKING:
    from tests.functional.node import SimulatedNode

MAKING = {"ImageStatus": 1, "RunPodSandbox": 1, "CreateContainer": 1, "StartContainer": 1}
HOUSEKEEPING = {"Status", "Version", "ImageFsInfo", "ListImages"}


@pytest.mark.parametrize(
    ("host_network", "looks"), [(True, {"ContainerStatus": 1}), (False, {"ContainerStatus": 1, "PodSandboxStatus": 1})]
)
async def test_a_start_lists_nothing(node: SimulatedNode, host_network: bool, looks: dict[str, int]) -> None:
    await node.until("the first look is done", lambda: node.parts.sync is not None and node.parts.sync.looked)
    before = Counter(node.runtime.calls)
    node.write("web.yaml", manifest("web", host_network=host_network))
    await node.running_pod("web")
    made = Counter(node.runtime.calls) - before
    assert {name: count for name, count in made.items() if name not in HOUSEKEEPING} == MAKING | looks
    view = node.parts.pleg.view(node.session("web").uid)
    await node.parts.pleg.relist()
    shown = node.parts.pleg.view(node.session("web").uid)
    assert shown.containers == view.containers
    assert [(s.id, s.ready, s.ips, s.revision) for s in shown.sandboxes] == [
        (s.id, s.ready, s.ips, s.revision) for s in view.sandboxes
    ]


async def test_an_image_that_goes_after_it_was_found(node: SimulatedNode) -> None:
    node.runtime.faults.add(Fault.SLOW, method="RunPodSandbox", seconds=0.3)
    node.write("web.yaml", manifest("web"))
    await node.until("the image was found", lambda: any(s.inspected for s in node.parts.table.sessions()))
    await node.runtime.call("RemoveImage", pb.RemoveImageRequest(image=pb.ImageSpec(image=IMAGE)))
    await node.running_pod("web", 10.0)
    assert node.events("Pulled")
    node.check()


async def test_a_sandbox_that_dies_before_its_making_is_told(node: SimulatedNode) -> None:
    node.runtime.faults.add(Fault.SLOW, method="CreateContainer", seconds=0.3)
    node.write("web.yaml", manifest("web"))
    await node.until("a sandbox is there", lambda: node.sandboxes("web"))
    (first,) = node.sandboxes("web")
    node.runtime.kill_sandbox(first)
    await node.until("another is made", lambda: node.sandboxes("web", ready=True) not in ([], [first]))
    await node.running_pod("web")
    await asyncio.sleep(0.1)
    node.check()
