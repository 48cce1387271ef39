"""Edits that meet each other, a removal, or a pull on their way."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from podstead.cri._pb import cri_pb2 as pb
from tests.functional.manifests import IMAGE, OTHER_IMAGE, manifest
from tests.simulators.cri_faults import Fault
from tests.simulators.cri_world import Program

if TYPE_CHECKING:
    from podstead.state.records import PodRecord
    from tests.functional.node import SimulatedNode

THIRD_IMAGE = "registry.test/app:3"
# Later than any pass that follows an edit by itself.
LATER_SECONDS = 3.2


class SlowWrites:
    """Holds the write that makes a candidate effective, until it is let go."""

    def __init__(self, node: SimulatedNode) -> None:
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()
        self._put = node.ground.stores.records.put
        node.ground.stores.records.put = self.put  # type: ignore[method-assign]  # a disk that takes its time
        self._first = {s.uid: s.record.effective for s in node.parts.table.sessions()}

    async def put(self, *records: PodRecord) -> None:
        if any(r.effective != self._first.get(r.uid) for r in records) and not self.reached.is_set():
            self.reached.set()
            await self.go_on.wait()
        await self._put(*records)


def images_of(node: SimulatedNode, name: str) -> list[str]:
    """Return the images of a pod's containers that run."""
    return [c.config.image.user_specified_image or c.config.image.image for c in node.alive(name)]


async def settled_on(node: SimulatedNode, image: str) -> None:
    """Wait until the pod runs this image and nothing is under way any more."""
    wanted = node.runtime.images.find(image)
    assert wanted is not None
    await node.until(
        f"runs {image}",
        lambda: [c.image_ref for c in node.alive("web")] == [wanted.id] and not node.session("web").flights,
    )
    await asyncio.sleep(0.3)
    assert [c.image_ref for c in node.alive("web")] == [wanted.id]
    node.check()


async def test_a_removal_while_an_edit_becomes_effective(node: SimulatedNode) -> None:
    node.write("web.yaml", manifest("web"))
    await node.running_pod("web")
    writes = SlowWrites(node)
    node.write("web.yaml", manifest("web", image=OTHER_IMAGE))
    await asyncio.wait_for(writes.reached.wait(), 60)
    node.remove("web.yaml")
    await asyncio.sleep(LATER_SECONDS)
    writes.go_on.set()
    await node.gone("web")
    assert not (await node.ground.stores.records.load()).records


async def test_an_edit_while_another_becomes_effective(node: SimulatedNode) -> None:
    node.runtime.add_image(THIRD_IMAGE)
    node.write("web.yaml", manifest("web"))
    await node.running_pod("web")
    writes = SlowWrites(node)
    node.write("web.yaml", manifest("web", image=OTHER_IMAGE))
    await asyncio.wait_for(writes.reached.wait(), 60)
    node.write("web.yaml", manifest("web", image=THIRD_IMAGE))
    await asyncio.sleep(LATER_SECONDS)
    writes.go_on.set()
    await settled_on(node, THIRD_IMAGE)
    (record,) = (await node.ground.stores.records.load()).records
    assert record == node.session("web").record


async def test_an_edit_that_is_taken_back_while_it_becomes_effective(node: SimulatedNode) -> None:
    node.write("web.yaml", manifest("web"))
    await node.running_pod("web")
    writes = SlowWrites(node)
    node.write("web.yaml", manifest("web", image=OTHER_IMAGE))
    await asyncio.wait_for(writes.reached.wait(), 60)
    node.write("web.yaml", manifest("web"))
    await asyncio.sleep(LATER_SECONDS)
    writes.go_on.set()
    await settled_on(node, IMAGE)


async def test_an_edit_that_is_taken_back_while_its_image_is_pulled(node: SimulatedNode) -> None:
    node.write("web.yaml", manifest("web"))
    first = await node.running_pod("web")
    node.runtime.faults.add(Fault.HANG, method="PullImage")
    node.write("web.yaml", manifest("web", image=THIRD_IMAGE))
    await node.until("it is pulled", lambda: "PullImage" in node.runtime.calls)
    assert node.alive("web") == [first]
    node.write("web.yaml", manifest("web"))
    await node.until("given up", lambda: not node.session("web").flights and not node.parts.puller.running)
    assert node.session("web").record.candidate is None
    assert node.alive("web") == [first]
    assert node.restarts("web") == 0


async def test_another_edit_while_the_first_one_is_pulled(node: SimulatedNode) -> None:
    node.write("web.yaml", manifest("web"))
    await node.running_pod("web")
    node.runtime.faults.add(Fault.HANG, method="PullImage")
    node.write("web.yaml", manifest("web", image=THIRD_IMAGE))
    await node.until("it is pulled", lambda: "PullImage" in node.runtime.calls)
    node.write("web.yaml", manifest("web", image=OTHER_IMAGE))
    await settled_on(node, OTHER_IMAGE)
    assert not node.parts.puller.running


async def test_an_edit_while_the_old_container_takes_its_time_to_stop(node: SimulatedNode) -> None:
    node.runtime.add_image(THIRD_IMAGE)
    node.runtime.programs["web"] = Program(term_seconds=0.8)
    node.write("web.yaml", manifest("web"))
    await node.running_pod("web")
    node.write("web.yaml", manifest("web", image=OTHER_IMAGE))
    await node.until("it is stopped", lambda: "StopContainer" in node.runtime.calls)
    node.write("web.yaml", manifest("web", image=THIRD_IMAGE))
    await settled_on(node, THIRD_IMAGE)
    assert node.runtime.calls.count("StartContainer") == 2, "the edit in between is never started"
    assert node.restarts("web") == 0


async def test_a_removal_while_its_pod_starts(node: SimulatedNode) -> None:
    node.runtime.faults.add(Fault.SLOW, method="CreateContainer", seconds=0.6)
    node.write("web.yaml", manifest("web"))
    await node.until("it is created", lambda: "CreateContainer" in node.runtime.calls)
    node.remove("web.yaml")
    await node.gone("web")
    assert not node.runtime.world.containers


async def test_a_pod_that_comes_back_while_it_ends(node: SimulatedNode) -> None:
    node.runtime.programs["web"] = Program(term_seconds=0.8)
    node.write("web.yaml", manifest("web"))
    first = await node.running_pod("web")
    node.remove("web.yaml")
    await node.until("it ends", lambda: node.session("web").record.terminating)
    node.write("web.yaml", manifest("web"))
    await node.until(
        "another incarnation",
        lambda: [c for c in node.alive("web") if c.sandbox.config.metadata.uid != first.sandbox.config.metadata.uid],
    )
    assert len(node.sandboxes("web")) == 1
    node.check()


async def test_a_file_that_is_renamed(node: SimulatedNode) -> None:
    node.write("web.yaml", manifest("web"))
    first = await node.running_pod("web")
    (node.directory / "web.yaml").rename(node.directory / "renamed.yaml")
    await node.until("claimed", lambda: node.session("web").record.claim.file == "renamed.yaml")
    await asyncio.sleep(0.4)
    assert node.alive("web") == [first]
    assert not node.session("web").record.terminating


@pytest.mark.conformance("S27")
async def test_a_host_port_is_handed_over(node: SimulatedNode) -> None:
    ports = {"ports": [{"containerPort": 8080}]}
    node.runtime.programs["web"] = Program(term_seconds=0.5)
    node.write("web.yaml", manifest("web", container=ports))
    first = await node.running_pod("web")
    moved = manifest("web", container=ports, metadata={"namespace": "other"})
    node.write("web.yaml", moved)

    def runs_in_other() -> bool:
        alive = [c for c in node.alive("web") if c.sandbox.config.metadata.namespace == "other"]
        assert not alive or first.state == pb.CONTAINER_EXITED, "the port would be bound twice"
        return bool(alive)

    await node.until("it runs in the other namespace", runs_in_other)
    await node.until("the old one is gone", lambda: len(node.sandboxes("web")) == 1)
    node.check()


@pytest.mark.parametrize("policy", ["Always", "OnFailure"])
async def test_an_edit_of_the_whole_pod(node: SimulatedNode, policy: str) -> None:
    node.write("web.yaml", manifest("web", restartPolicy=policy))
    first = await node.running_pod("web")
    node.write("web.yaml", manifest("web", restartPolicy=policy, hostname="another"))
    await node.until("in another sandbox", lambda: [c for c in node.alive("web") if c.sandbox is not first.sandbox])
    await node.until("said", lambda: node.phase("web") == "Running")
    assert node.restarts("web") == 0
    assert len(node.sandboxes("web", ready=True)) == 1
    node.check()


async def test_an_image_that_was_removed_meanwhile_is_pulled_again(node: SimulatedNode) -> None:
    node.write("web.yaml", manifest("web"))
    first = await node.running_pod("web")
    node.runtime.images._present.clear()
    node.runtime.exit_container(first.id, 1)
    await node.another("web", first)
    assert node.runtime.images.pulls == [IMAGE]


@pytest.mark.conformance("S29")
async def test_an_image_that_may_not_be_pulled_is_waited_for(node: SimulatedNode) -> None:
    node.write("web.yaml", manifest("web", image=THIRD_IMAGE, container={"imagePullPolicy": "Never"}))
    await node.until("said", lambda: node.waiting("web") == "ErrImageNeverPull")
    node.runtime.add_image(THIRD_IMAGE)
    node.parts.table.retry_all()
    await node.running_pod("web")
    assert node.runtime.images.pulls == []
