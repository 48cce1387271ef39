"""Images that no pod needs go when their file system fills up; what is needed, imported or another's stays."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from podstead.config.upkeep import ImageGCSettings, UpkeepSettings
from podstead.containerd.private import PrivateContainerd
from podstead.cri._pb import cri_pb2 as pb
from podstead.k8s.signals import Signal
from tests.functional.manifests import IMAGE, OTHER_IMAGE, manifest
from tests.functional.node import SimulatedNode
from tests.simulators.cri_faults import Fault

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.simulators.cri_runtime import SimulatedRuntime

UNUSED = "registry.test/unused:1"
LATER = "registry.test/later:1"
QUICK = ImageGCSettings(min_age_seconds=0.05, period_seconds=0.1)


@pytest.fixture
async def node(root: Path, runtime: SimulatedRuntime) -> AsyncIterator[SimulatedNode]:
    """A node that looks at its images often; its agent has not been started."""
    made = SimulatedNode(root, runtime)
    made.settings = replace(made.settings, upkeep=UpkeepSettings(images=QUICK))
    yield made
    if made.present:
        await made.stop()


def present(node: SimulatedNode, image: str) -> bool:
    return node.runtime.images.find(image) is not None


async def full(node: SimulatedNode) -> None:
    node.signals.left[Signal.IMAGEFS] = 10
    await node.until("something was removed", lambda: node.events("ImagesRemoved"))


async def test_what_no_pod_needs_goes(node: SimulatedNode, private: None) -> None:
    node.runtime.add_image(UNUSED)
    await node.start()
    node.write("web.yaml", manifest("web"))
    await node.running_pod("web")
    assert present(node, UNUSED)
    await full(node)
    assert not present(node, UNUSED)
    assert not present(node, OTHER_IMAGE)
    assert present(node, IMAGE)
    await node.until("too little was found", lambda: node.events("FreeDiskSpaceFailed"))
    assert "used to 90 %" in node.events("FreeDiskSpaceFailed")[0]
    (removed,) = node.events("ImagesRemoved")
    assert UNUSED in removed


async def test_what_an_earlier_revision_needs_for_a_way_back_stays(node: SimulatedNode, private: None) -> None:
    node.runtime.add_image(UNUSED)
    await node.start()
    node.write("web.yaml", manifest("web"))
    first = await node.running_pod("web")
    node.write("web.yaml", manifest("web", image=OTHER_IMAGE))
    await node.another("web", first)
    await full(node)
    assert present(node, IMAGE)
    assert present(node, OTHER_IMAGE)


async def test_a_removed_image_is_pulled_before_the_old_container_stops(node: SimulatedNode, private: None) -> None:
    await node.start()
    node.write("web.yaml", manifest("web", image=OTHER_IMAGE))
    await node.running_pod("web")
    node.remove("web.yaml")
    await node.gone("web")
    await full(node)
    assert not present(node, OTHER_IMAGE)
    node.signals.left[Signal.IMAGEFS] = 90
    node.write("web.yaml", manifest("web"))
    first = await node.running_pod("web")
    node.write("web.yaml", manifest("web", image=OTHER_IMAGE))
    await node.another("web", first)
    calls = node.runtime.calls
    assert max(i for i, c in enumerate(calls) if c == "PullImage") < max(
        i for i, c in enumerate(calls) if c == "StopContainer"
    )


async def test_on_a_shared_runtime_only_what_we_pulled_first_goes(node: SimulatedNode) -> None:
    node.runtime.add_image(UNUSED)  # another agent's, or somebody's by hand
    for name in (IMAGE, LATER):
        found = node.runtime.add_image(name)
        node.runtime.images.remove(pb.RemoveImageRequest(image=pb.ImageSpec(image=found.id)))
    await node.start()
    node.write("web.yaml", manifest("web"))
    node.write("later.yaml", manifest("later", image=LATER))
    node.write("other.yaml", manifest("other", image=OTHER_IMAGE))
    for name in ("web", "later", "other"):
        await node.running_pod(name)
    for name in ("web", "other"):
        node.remove(f"{name}.yaml")
        await node.gone(name)
    await node.crash()
    await node.start()  # what was pulled is remembered
    await full(node)
    assert not present(node, IMAGE)
    assert present(node, LATER)
    assert present(node, OTHER_IMAGE)  # it was there before our pod came
    assert present(node, UNUSED)


async def test_on_a_shared_runtime_what_another_agents_container_needs_stays(
    node: SimulatedNode, runtime: SimulatedRuntime
) -> None:
    found = runtime.add_image(IMAGE)
    runtime.images.remove(pb.RemoveImageRequest(image=pb.ImageSpec(image=found.id)))
    await node.start()
    node.write("web.yaml", manifest("web"))
    web = await node.running_pod("web")
    theirs = pb.PodSandboxConfig(metadata=pb.PodSandboxMetadata(name="theirs", uid="u", namespace="n"))
    sandbox = await runtime.call("RunPodSandbox", pb.RunPodSandboxRequest(config=theirs))
    config = pb.ContainerConfig(
        metadata=pb.ContainerMetadata(name="c"), image=pb.ImageSpec(image=web.config.image.image)
    )
    request = pb.CreateContainerRequest(pod_sandbox_id=sandbox.pod_sandbox_id, config=config, sandbox_config=theirs)
    await runtime.call("CreateContainer", request)
    node.remove("web.yaml")
    await node.gone("web")
    node.signals.left[Signal.IMAGEFS] = 10
    await node.until("it was looked for", lambda: node.events("FreeDiskSpaceFailed"))
    assert present(node, IMAGE)


async def test_what_was_imported_stays(node: SimulatedNode, private: None) -> None:
    unused = node.runtime.add_image(UNUSED)
    await node.start()
    await node.parts.upkeep.needs.ledger.note_imported([unused.id])
    await full(node)
    assert present(node, UNUSED)
    assert not present(node, OTHER_IMAGE)


async def test_an_image_that_the_runtime_does_not_let_go_keeps_no_other(node: SimulatedNode, private: None) -> None:
    node.runtime.add_image(UNUSED)
    await node.start()
    await node.until("the first look has ended", lambda: node.parts.upkeep.images._ages.first_seen)
    node.runtime.faults.add(Fault.REFUSED, method="RemoveImage", message="image is in use by a container")
    await full(node)
    (first, *_) = node.events("ImagesRemoved")
    assert first.startswith("removed 2 images")  # of three that no pod needs
    assert node.runtime.faults.pending == 0


async def test_a_runtime_that_does_not_answer_is_told_of_the_second_time(node: SimulatedNode, private: None) -> None:
    await node.start()
    node.runtime.faults.add(Fault.REFUSED, method="ListImages", times=3, message="no")
    await node.until("it is told", lambda: node.events("ImageGCFailed"))
    await full(node)


@pytest.fixture
def private(node: SimulatedNode, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the node's runtime count as its own: everything in it is ours."""
    monkeypatch.setattr(node, "private", object.__new__(PrivateContainerd))
