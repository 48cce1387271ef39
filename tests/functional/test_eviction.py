"""A node that runs short: what costs nobody anything goes first, then one pod at a time, the critical never."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from podstead.config.upkeep import EvictionSettings, UpkeepSettings
from podstead.k8s.signals import Signal
from podstead.store.changes import NODES, PODS, ChangeType
from podstead.upkeep import pressure
from tests.functional.manifests import OTHER_IMAGE, manifest
from tests.functional.node import NODE, SimulatedNode
from tests.simulators.cri_faults import Fault

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from podstead.config.settings import Settings
    from podstead.upkeep.ports import RunningPod
    from tests.simulators.cri_runtime import SimulatedRuntime

CRITICAL = "system-cluster-critical"
TRANSITION_SECONDS = 0.6
LITTLE = 1
"""Percent that is below every threshold."""
PLENTY = 90


@pytest.fixture
async def node(root: Path, runtime: SimulatedRuntime, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SimulatedNode]:
    """A node that looks at its room often."""
    monkeypatch.setattr(pressure, "SETTLE_SECONDS", 0.01)
    made = SimulatedNode(root, runtime)
    made.settings = quick(made.settings)
    await made.start()
    yield made
    if made.present:
        await made.stop()


def quick(settings: Settings) -> Settings:
    eviction = EvictionSettings(transition_seconds=TRANSITION_SECONDS, look_seconds=0.05)
    return replace(settings, upkeep=UpkeepSettings(eviction=eviction))


def using(node: SimulatedNode, **mebibytes: int) -> None:
    """Let pods use this much memory."""

    def memory(pod: RunningPod) -> int:
        return mebibytes.get(pod.key.name.removesuffix(f"-{NODE}"), 0) << 20

    node.parts.upkeep.pressure._meter._memory = memory


def status(node: SimulatedNode, name: str) -> tuple[str, str]:
    pod = node.pod(name)
    found = pod.status if pod is not None else None
    return (found.phase or "", found.reason or "") if found is not None else ("", "")


def conditions(node: SimulatedNode) -> dict[str, str]:
    found = node.ground.stores.objects.get(NODES, "", NODE)
    return {c.type: c.status for c in found.status.conditions} if found is not None and found.status is not None else {}


async def evicted(node: SimulatedNode, name: str) -> None:
    def over() -> bool:
        pod = node.pod(name)
        shown = pod.status.container_statuses if pod is not None and pod.status is not None else ()
        return status(node, name) == ("Failed", "Evicted") and not shown and not node.sandboxes(name)

    await node.until(f"{name} is evicted", over)


async def run(node: SimulatedNode, name: str, **changes: Any) -> None:
    node.write(f"{name}.yaml", manifest(name, **changes))
    await node.running_pod(name)


async def test_the_one_that_uses_most_goes_and_comes_back_as_a_new_object(node: SimulatedNode) -> None:
    using(node, small=10, large=20, mysql=4000)
    for name, more in (("small", {}), ("large", {}), ("mysql", {"priorityClassName": CRITICAL})):
        await run(node, name, **more)
    large, before = node.session("large"), node.pod("large")
    assert before is not None
    watch = node.ground.stores.objects.watch(PODS, node.ground.stores.objects.list(PODS).resource_version)
    node.signals.left[Signal.MEMORY] = LITTLE
    await node.until("one goes", lambda: node.events("Evicted"))
    node.signals.left[Signal.MEMORY] = PLENTY
    await evicted(node, "large")
    gone = node.pod("large")
    assert gone is not None
    assert gone.status is not None
    assert gone.status.container_statuses == ()
    assert (gone.status.message or "").startswith("The node was low on resource: memory. Threshold quantity: 100Mi,")
    (disrupted,) = [c for c in gone.status.conditions if c.type == "DisruptionTarget"]
    assert (disrupted.status, disrupted.reason) == ("True", "TerminationByKubelet")
    assert node.events("Evicted") == [gone.status.message]
    assert node.events("EvictionThresholdMet") == ["Attempting to reclaim memory"]
    assert node.alive("small")
    assert node.alive("mysql")

    back = await node.running_pod("large")
    after = node.pod("large")
    assert after is not None
    assert after.metadata.uid != before.metadata.uid
    assert node.session("large").uid == large.uid
    assert node.restarts("large") == 0
    assert back.config.metadata.attempt == 1, "no attempt is used twice"
    changes: list[ChangeType] = []
    async with asyncio.timeout(60):
        while ChangeType.ADDED not in changes:
            change = await anext(watch)
            changes += [change.type] if (change.object.metadata.name or "").startswith("large") else []
    assert changes[-2:] == [ChangeType.DELETED, ChangeType.ADDED]
    node.check()


async def test_one_goes_at_a_time_and_the_critical_never(node: SimulatedNode) -> None:
    for name, priority in (("low", 0), ("middle", 5), ("high", 9)):
        await run(node, name, priority=priority)
    await run(node, "mysql", priorityClassName=CRITICAL)
    node.signals.left[Signal.MEMORY] = LITTLE
    for name, rest in (("low", ["middle", "high", "mysql"]), ("middle", ["high", "mysql"]), ("high", ["mysql"])):
        await evicted(node, name)
        if name == "low":
            assert all(node.alive(one) for one in rest)
    await asyncio.sleep(0.3)
    assert node.alive("mysql")
    assert len(node.events("Evicted")) == 3
    node.signals.left[Signal.MEMORY] = PLENTY
    for name in ("high", "middle", "low"):
        await node.running_pod(name)


async def test_new_pods_wait_while_the_node_is_short(node: SimulatedNode) -> None:
    await run(node, "mysql", priorityClassName=CRITICAL)
    node.signals.left[Signal.NODEFS] = LITTLE
    await node.until("it is short", lambda: node.parts.upkeep.pressure.shortage.conditions)
    node.write("web.yaml", manifest("web"))
    node.write("dns.yaml", manifest("dns", priorityClassName=CRITICAL))
    await node.running_pod("dns")
    await node.until("web waits", lambda: node.pod("web") and status(node, "web") == ("Pending", "DiskPressure"))
    node.signals.left[Signal.NODEFS] = PLENTY
    await node.running_pod("web")


async def test_the_node_says_what_it_is_short_of(node: SimulatedNode) -> None:
    await node.until("it is there", lambda: node.ground.stores.objects.get(NODES, "", NODE))
    assert {t: s for t, s in conditions(node).items() if t.endswith("Pressure")} == {
        "MemoryPressure": "False",
        "DiskPressure": "False",
        "PIDPressure": "False",
    }
    await node.crash()
    node.settings = replace(node.settings, upkeep=UpkeepSettings())
    node.signals.left[Signal.MEMORY] = LITTLE
    await node.start()
    await node.until("it is said", lambda: conditions(node).get("MemoryPressure") == "True", 12)
    assert [p.reason for p in node.ground.state.problems] == ["MemoryPressure"]


async def test_disk_space_is_won_back_from_images_and_logs_before_anybody_goes(node: SimulatedNode) -> None:
    await run(node, "web")
    (first,) = node.alive("web")
    node.write("web.yaml", manifest("web", image=OTHER_IMAGE))
    await node.another("web", first)
    unused = node.runtime.add_image("registry.test/unused:1")

    def freed() -> bool:
        return node.runtime.images.find(unused.id) is None

    monkey = node.parts.upkeep.images
    free_all = monkey.free_all

    async def enough() -> int:
        bytes_freed = await free_all()
        node.signals.left[Signal.NODEFS] = PLENTY
        return bytes_freed

    monkey.free_all = enough  # type: ignore[method-assign]  # room appears when images go
    node.signals.left[Signal.NODEFS] = LITTLE
    await node.until("it was tried", lambda: node.signals.left[Signal.NODEFS] == PLENTY)
    await node.until("the earlier record is gone", lambda: len(node.containers("web")) == 1)
    assert not freed(), "the image is another's: the runtime is shared"
    await asyncio.sleep(0.3)
    assert node.alive("web")
    assert not node.events("Evicted")


async def test_an_evicted_pod_gives_its_volumes_back(node: SimulatedNode) -> None:
    volumes = [{"name": "v", "emptyDir": {}}]
    mount = {"volumeMounts": [{"name": "v", "mountPath": "/v"}]}
    await run(node, "web", volumes=volumes, container=mount)
    uid = node.session("web").uid
    held = node.settings.paths.pods / uid / "volumes" / "kubernetes.io~empty-dir" / "v"
    (held / "file").write_bytes(b"x")
    node.signals.left[Signal.NODEFS] = LITTLE
    await evicted(node, "web")
    assert not held.exists()
    node.signals.left[Signal.NODEFS] = PLENTY
    await node.running_pod("web")
    assert held.is_dir()
    assert not (held / "file").exists()


async def test_a_new_content_lets_an_evicted_pod_run_at_once(node: SimulatedNode) -> None:
    node.settings = replace(node.settings)
    await run(node, "web")
    node.signals.left[Signal.MEMORY] = LITTLE
    await evicted(node, "web")
    node.write("web.yaml", manifest("web", metadata={"labels": {"a": "b"}}))
    await asyncio.sleep(0.3)
    assert not node.alive("web"), "it is of the sort that waits for memory"
    request = {"resources": {"requests": {"memory": "1Mi"}}}
    node.signals.left[Signal.MEMORY] = PLENTY
    node.write("web.yaml", manifest("web", container=request))
    await node.running_pod("web")
    assert node.session("web").record.evicted is None


async def test_an_eviction_is_remembered_over_an_agents_restart(node: SimulatedNode) -> None:
    await run(node, "web")
    node.signals.left[Signal.MEMORY] = LITTLE
    await evicted(node, "web")
    await node.crash()
    calls = len(node.runtime.calls)
    await node.start()
    await node.until("it is known", lambda: node.pod("web") is not None)
    await asyncio.sleep(TRANSITION_SECONDS + 0.3)
    assert status(node, "web") == ("Failed", "Evicted")
    assert "RunPodSandbox" not in node.runtime.calls[calls:]
    node.signals.left[Signal.MEMORY] = PLENTY
    await node.running_pod("web")


async def test_an_agent_that_dies_while_a_pod_goes_ends_it_all_the_same(node: SimulatedNode) -> None:
    await run(node, "web")
    node.runtime.faults.add(Fault.HANG, method="StopContainer", times=1)
    node.signals.left[Signal.MEMORY] = LITTLE
    await node.until("it is being stopped", lambda: "StopContainer" in node.runtime.calls)
    await node.crash()
    await node.start()
    await evicted(node, "web")


async def test_a_removed_manifest_ends_an_evicted_pod(node: SimulatedNode) -> None:
    await run(node, "web")
    node.signals.left[Signal.MEMORY] = LITTLE
    await evicted(node, "web")
    node.remove("web.yaml")
    await node.gone("web")


async def test_a_job_that_was_evicted_runs_again(node: SimulatedNode) -> None:
    await run(node, "job", restartPolicy="Never")
    node.signals.left[Signal.MEMORY] = LITTLE
    await evicted(node, "job")
    node.signals.left[Signal.MEMORY] = PLENTY
    await node.running_pod("job")


async def test_a_volume_beyond_its_size_ends_its_pod_and_only_that(node: SimulatedNode) -> None:
    mount = {"volumeMounts": [{"name": "v", "mountPath": "/v"}]}
    limited = [{"name": "v", "emptyDir": {"sizeLimit": "1Mi"}}]
    for name, more in (("web", {}), ("other", {}), ("mysql", {"priorityClassName": CRITICAL})):
        await run(node, name, volumes=limited, container=mount, **more)
    for name in ("web", "mysql"):
        held = node.settings.paths.pods / node.session(name).uid / "volumes" / "kubernetes.io~empty-dir" / "v"
        (held / "file").write_bytes(b"x" * (2 << 20))
    await evicted(node, "web")
    (said,) = node.events("Evicted")
    assert said == 'Usage of EmptyDir volume "v" exceeds the limit "1Mi".'
    assert node.alive("other")
    assert node.alive("mysql")
    assert any("It is critical: it stays." in text for text in node.events("StorageLimitExceeded"))
    await node.running_pod("web")  # with an empty volume, once the time of transition is over


async def test_a_container_that_writes_too_much_ends_its_pod(node: SimulatedNode) -> None:
    limit = {"resources": {"limits": {"ephemeral-storage": "1Mi"}}}
    await run(node, "web", container=limit)
    (web,) = node.alive("web")
    web.written_bytes = 2 << 20
    await evicted(node, "web")
    assert "exceeds the total limit of containers 1Mi." in node.events("Evicted")[0]


async def test_what_is_left_of_unknown_pods_goes(node: SimulatedNode) -> None:
    await run(node, "web")
    await node.crash()
    paths = node.settings.paths
    unknown = "99999999-8888-4777-8666-555555555555"
    (paths.pods / unknown / "volumes").mkdir(parents=True)
    logs = paths.pod_logs / f"default_old_{unknown}" / "c"
    logs.mkdir(parents=True)
    (logs / "0.log").write_bytes(b"")
    theirs = paths.pod_logs / "default_theirs_77777777-8888-4777-8666-555555555555"
    theirs.mkdir()
    await node.start()
    await node.until("it is gone", lambda: not (paths.pods / unknown).exists())
    assert not logs.parent.exists()
    assert theirs.exists()
    assert node.alive("web")
    assert (paths.pods / node.session("web").uid).exists()
