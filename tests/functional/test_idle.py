"""An idle minute makes six list calls at most (foundation 19), counted with every period made thirty times shorter."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from podstead.agent import worker
from podstead.config.runtime import RuntimeSettings
from podstead.config.sources import SourceSettings
from podstead.config.upkeep import EvictionSettings, ImageGCSettings, LogSettings, UpkeepSettings
from podstead.daemon import housekeeping, loops, runtime
from podstead.reconcile.plan import compute_pod_actions
from podstead.store import files
from tests.functional.manifests import manifest
from tests.functional.node import SimulatedNode

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Any

    import pytest

    from tests.simulators.cri_runtime import SimulatedRuntime

FASTER = 30.0
MINUTE = 60.0 / FASTER
PODS = 20


def hurry(node: SimulatedNode, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every period of the agent shorter by the same factor."""
    source = SourceSettings(path=node.directory)
    node.settings = replace(
        node.settings,
        source=replace(source, check_seconds=source.check_seconds / FASTER, absence_seconds=0.1),
        runtime=replace(node.settings.runtime, relist_seconds=RuntimeSettings().relist_seconds / FASTER),
        upkeep=UpkeepSettings(
            logs=LogSettings(look_seconds=LogSettings().look_seconds / FASTER),
            images=ImageGCSettings(period_seconds=ImageGCSettings().period_seconds / FASTER),
            eviction=EvictionSettings(look_seconds=EvictionSettings().look_seconds / FASTER),
        ),
    )
    for module, names in (
        (loops, ("REMEMBER_SECONDS", "LOOP_RESTART_SECONDS")),
        (housekeeping, ("PERIOD_SECONDS", "STARTING_SECONDS")),
        (runtime, ("WATCH_SECONDS", "RESTART_SECONDS")),
    ):
        for name in names:
            monkeypatch.setattr(module, name, getattr(module, name) / FASTER)


async def test_an_idle_minute_lists_six_times_at_most(
    root: Path, runtime: SimulatedRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = SimulatedNode(root, runtime)
    hurry(node, monkeypatch)
    await node.start()
    for number in range(PODS):
        node.write(f"web{number}.yaml", manifest(f"web{number}"))
    for number in range(PODS):
        await node.running_pod(f"web{number}")
    await asyncio.sleep(MINUTE / 6)  # what the starts still asked for is over

    before = Counter(runtime.calls)
    await asyncio.sleep(MINUTE)
    made = Counter(runtime.calls) - before

    await node.stop()
    lists = sum(count for name, count in made.items() if name.startswith("List"))
    assert 2 <= lists <= 6, made
    assert made["Status"] >= 3  # the housekeeping of that minute was counted too
    assert set(made) <= {"ListPodSandbox", "ListContainers", "Status", "Version"}, made


async def test_what_follows_a_burst_is_not_done_for_each_pod(
    root: Path, runtime: SimulatedRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = SimulatedNode(root, runtime)
    hurry(node, monkeypatch)
    counted: Counter[str] = Counter()
    write_many = files.write_many

    def counting_writes(batch: Sequence[files.Write], then: Sequence[files.Write] = ()) -> None:
        counted["batches"] += 1
        write_many(batch, then)

    def counting_plans(*values: Any) -> Any:
        counted["plans"] += 1
        return compute_pod_actions(*values)

    monkeypatch.setattr(files, "write_many", counting_writes)
    monkeypatch.setattr(worker, "compute_pod_actions", counting_plans)
    await node.start()
    for number in range(PODS):
        node.write(f"web{number}.yaml", manifest(f"web{number}", host_network=number % 2 == 0))
    for number in range(PODS):
        await node.running_pod(f"web{number}")
    counted.clear()
    await asyncio.sleep(MINUTE)

    noted = [session.record.last_ready for session in node.parts.table.sessions()]
    await node.stop()
    assert len(noted) == PODS
    assert None not in noted
    # Readiness is noted at one look, or at two where it came in the midst of the burst; the facts are written beside.
    assert 1 <= counted["batches"] <= 5, counted
    assert counted["plans"] < PODS // 4, counted  # the last pods' own; the list shows nothing that was not known
