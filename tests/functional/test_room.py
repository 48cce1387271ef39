"""Many pods on one node: room, preemption, and mistakes of one that must not be felt by others."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from podstead.agent import slots
from podstead.sources.decoder import Decoder
from tests.functional.manifests import manifest
from tests.simulators.cri_faults import Fault
from tests.simulators.cri_world import Program

if TYPE_CHECKING:
    import pytest

    from podstead.manifest.reading import Reading
    from podstead.state.sources import ManifestFile
    from tests.functional.node import SimulatedNode

CRITICAL = "system-node-critical"


def wanting(mebibytes: int) -> dict[str, object]:
    """Return a container that requests so much memory."""
    return {"resources": {"requests": {"memory": f"{mebibytes}Mi"}}}


async def preempted(node: SimulatedNode) -> None:
    """Fill the node with a small pod, then with a critical one that takes its room."""
    node.write("low.yaml", manifest("low", container=wanting(3000)))
    await node.running_pod("low")
    node.write("high.yaml", manifest("high", container=wanting(3500), priorityClassName=CRITICAL))
    await node.running_pod("high", 8.0)
    assert not node.alive("low")


async def test_a_preempted_pod_comes_back(node: SimulatedNode) -> None:
    await preempted(node)
    node.remove("high.yaml")
    await node.running_pod("low")
    node.check()


async def test_a_preempted_pod_that_ends_with_success_comes_back_too(node: SimulatedNode) -> None:
    node.write("low.yaml", manifest("low", container=wanting(3000), restartPolicy="OnFailure"))
    await node.running_pod("low")
    node.write("high.yaml", manifest("high", container=wanting(3500), priorityClassName=CRITICAL))
    await node.running_pod("high", 8.0)
    node.remove("high.yaml")
    await node.running_pod("low")


async def test_room_that_was_made_is_used_at_once(node: SimulatedNode) -> None:
    node.write("low.yaml", manifest("low", container=wanting(3000)))
    await node.running_pod("low")
    node.write("high.yaml", manifest("high", container=wanting(3500), priorityClassName=CRITICAL))
    await node.running_pod("high", 3.0)


async def test_an_edit_that_fits_runs_where_its_pod_was_preempted(node: SimulatedNode) -> None:
    await preempted(node)
    node.write("low.yaml", manifest("low", container=wanting(100)))
    await node.running_pod("low")
    assert not node.session("low").preempted
    node.check()


async def test_a_preempted_pod_stays_so_over_an_agents_restart(node: SimulatedNode) -> None:
    await preempted(node)
    await node.stop()
    calls = len(node.runtime.calls)
    await node.start()
    await node.until("known", lambda: node.phase("high") == "Running")
    await asyncio.sleep(0.5)
    assert "RunPodSandbox" not in node.runtime.calls[calls:]
    assert not node.alive("low")


async def test_a_mistake_in_reading_one_file_is_felt_by_that_file_only(
    node: SimulatedNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    decode = Decoder.decode

    async def fail(self: Decoder, file: ManifestFile) -> Reading:
        if file.name == "odd.yaml":
            raise ZeroDivisionError
        return await decode(self, file)

    monkeypatch.setattr(Decoder, "decode", fail)
    node.write("odd.yaml", manifest("odd"))
    node.write("web.yaml", manifest("web"))
    await node.running_pod("web")
    verdicts = {report.path.rpartition("/")[2]: report.verdict for report in node.parts.board.files()}
    assert verdicts == {"odd.yaml": "Rejected", "web.yaml": "Accepted"}
    assert not node.events("LoopFailed")


async def test_a_mistake_at_one_pods_end_is_not_felt_by_others(
    node: SimulatedNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.write("web.yaml", manifest("web"))
    node.write("other.yaml", manifest("other"))
    await node.running_pod("web")
    await node.running_pod("other")
    end = node.parts.table.on_end

    def fail(session: object) -> None:
        node.parts.table.on_end = end
        raise ZeroDivisionError

    monkeypatch.setattr(node.parts.table, "on_end", fail)
    node.remove("web.yaml")
    await node.until("ended", lambda: len(list(node.parts.table.sessions())) == 1)
    first = await node.running_pod("other")
    node.runtime.exit_container(first.id, 1)
    await node.another("other", first)
    assert not node.events("LoopFailed")


async def test_starts_that_hang_keep_no_slot_from_others(node: SimulatedNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "PATIENCE_SECONDS", 1.0)
    node.runtime.faults.add(Fault.HANG, method="RunPodSandbox", times=4)
    for number in range(4):
        node.write(f"stuck{number}.yaml", manifest(f"stuck{number}", host_network=False))
    await node.until("all hang", lambda: node.runtime.calls.count("RunPodSandbox") == 4)
    node.write("web.yaml", manifest("web"))
    await node.running_pod("web")


async def test_a_burst_that_is_taken_back_before_its_turn_is_never_started(node: SimulatedNode) -> None:
    node.runtime.faults.add(Fault.SLOW, method="RunPodSandbox", times=4, seconds=1.0)
    for number in range(20):
        node.write(f"p{number}.yaml", manifest(f"p{number}"))
    await node.until("slots are taken", lambda: node.runtime.calls.count("RunPodSandbox") == 4)
    for number in range(20):
        node.remove(f"p{number}.yaml")
    await node.until(
        "all gone", lambda: not list(node.parts.table.sessions()) and not node.runtime.world.sandboxes, 8.0
    )
    assert node.runtime.calls.count("RunPodSandbox") == 4


async def test_nothing_is_remembered_of_pods_that_ended(node: SimulatedNode) -> None:
    node.runtime.programs["job"] = Program(exit_after_seconds=0.01, exit_code=1)
    for _ in range(3):
        node.write("web.yaml", manifest("web"))
        node.write("job.yaml", manifest("job"))
        await node.running_pod("web")
        await node.until("crashed", lambda: node.waiting("job") == "CrashLoopBackOff")
        node.remove("web.yaml")
        node.remove("job.yaml")
        await node.gone("web")
        await node.gone("job")
    await node.parts.pleg.relist()
    pleg, table = node.parts.pleg, node.parts.table
    assert not pleg._views
    assert not len(pleg.statuses)
    assert not pleg._owner
    assert not pleg._seen
    assert not table._workers
    assert not table._by_key
    assert not node.parts.prober._pods
    assert not node.parts.memory._written
    assert not node.ground.stores.history.load_all()
    await node.until("the logs are nobody's", lambda: not node.parts.upkeep.logs._settled)


async def test_a_container_that_crashes_for_ever_leaves_a_bounded_memory(node: SimulatedNode) -> None:
    node.write("web.yaml", manifest("web"))
    await node.running_pod("web")
    ended: set[str] = set()
    for _ in range(5):
        (running,) = node.alive("web")
        session = node.session("web")
        memory = session.history.of("web")
        session.history = replace(session.history, containers={"web": replace(memory, backoff_level=0)})
        ended.add(running.id)
        node.runtime.exit_container(running.id, 1)
        await node.until("restarted", lambda: node.alive("web") and node.alive("web")[0].id not in ended)
    await node.until("records are pruned", lambda: len(node.containers("web")) <= 3)
    await asyncio.sleep(0.3)
    pleg = node.parts.pleg
    assert len(pleg.statuses) <= 4
    assert len(pleg._owner) <= 4
    assert len(node.session("web").started) <= 4
