"""A node that goes down: its pods end stage by stage, and come back at the next start."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from podstead.config.node import ShutdownGroup
from podstead.cri._pb import cri_pb2 as pb
from podstead.k8s.annotations import START_AFTER
from tests.functional.manifests import manifest
from tests.simulators.cri_runtime import Moment
from tests.simulators.cri_world import Program

if TYPE_CHECKING:
    from tests.functional.node import SimulatedNode

CRITICAL = "system-cluster-critical"


def after(name: str, *others: str) -> str:
    return manifest(name, metadata={"annotations": {START_AFTER: ",".join(others)}})


def note_stops(node: SimulatedNode) -> list[tuple[str, int]]:
    """Return a list that fills with the name and the grace of every container that is told to stop."""
    stops: list[tuple[str, int]] = []

    def note(moment: Moment, _method: str, request: object) -> None:
        if moment is Moment.BEFORE and isinstance(request, pb.StopContainerRequest):
            stops.append((node.runtime.container(request.container_id).config.metadata.name, request.timeout))

    node.runtime.hook = note
    return stops


async def close(node: SimulatedNode) -> list[str]:
    return [sentence async for sentence in node.parts.departing.closing.run()]


async def test_the_critical_end_last_and_others_against_the_order_of_starts(node: SimulatedNode) -> None:
    for name in ("db", "web"):
        node.runtime.programs[name] = Program(term_seconds=0.2)
    node.write("mysql.yaml", manifest("mysql", priorityClassName=CRITICAL))
    node.write("db.yaml", manifest("db"))
    node.write("web.yaml", after("web", "db"))
    for name in ("mysql", "db", "web"):
        await node.running_pod(name)
    stops = note_stops(node)

    said = await close(node)

    assert [name for name, _ in stops] == ["web", "db", "mysql"]
    assert [sentence.rpartition("/")[2] for sentence in said] == ["web-node1", "db-node1", "mysql-node1"]
    assert not any(node.sandboxes(name, ready=True) for name in ("mysql", "db", "web"))
    assert {node.stuck(name) for name in ("mysql", "db", "web")} == {"NodeShutdown"}
    node.write("late.yaml", manifest("late"))
    await node.until("it is seen", lambda: node.pod("late") is not None)
    assert node.sandboxes("late") == []

    await node.stop()
    await node.start()
    for name in ("mysql", "db", "web", "late"):
        await node.running_pod(name)
    node.check()


async def test_graces_are_cut_to_the_time_that_the_group_has(node: SimulatedNode) -> None:
    await node.stop()
    node.settings = replace(node.settings, shutdown=(ShutdownGroup(priority=0, seconds=3.0),))
    await node.start()
    node.runtime.programs["web"] = Program(on_term=None)
    node.write("web.yaml", manifest("web", terminationGracePeriodSeconds=600))
    await node.running_pod("web")
    stops = note_stops(node)

    await close(node)

    ((name, seconds),) = stops
    assert name == "web"
    assert seconds in {2, 3}  # what is left of three
    assert not node.alive("web")
