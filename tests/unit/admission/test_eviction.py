"""Who goes, who waits, who comes back; and pods that exceed what they said they would store."""

from __future__ import annotations

import pytest

from podstead.admission.eviction import Candidate, may_return, message, order_of_leaving, refused
from podstead.admission.plan import plan_node
from podstead.admission.pressure import Measured
from podstead.admission.storage import StorageUse, excess, is_limited
from podstead.clock import Instant
from podstead.config.upkeep import Amount, Threshold
from podstead.identity import PodUID
from podstead.k8s import core_v1 as v1
from podstead.k8s.signals import Pressure, Signal
from podstead.state.records import Eviction

from .pods import CRITICAL, node, pod, restarting, running, waiting
from .test_plan import message as blocked_message
from .test_plan import reasons

MIB = 1 << 20
NOW = Instant(boot_id="boot", boot=1000.0, wall=5000.0)


def candidate(name: str, content: v1.Pod, used: int = 0, **by_container: int) -> Candidate:
    return Candidate(uid=PodUID(name), pod=content, used=used * MIB, by_container=by_container or None)


def leaving(*candidates: Candidate, signal: Signal = Signal.MEMORY) -> list[str]:
    return [one.uid for one in order_of_leaving(candidates, signal)]


def test_who_exceeds_its_request_goes_first_then_the_lower_priority_then_the_larger() -> None:
    found = leaving(
        candidate("modest", pod(memory="100Mi", priority=-5), 100),
        candidate("small", pod(), 10),
        candidate("large", pod(), 20),
        candidate("important", pod(priority=7), 500),
        candidate("beyond", pod(memory="100Mi"), 115),
        candidate("modest-and-important", pod(memory="900Mi", priority=9), 800),
        candidate("mysql", pod(priority=CRITICAL), 4000),
        candidate("dns", pod(priority=2_000_001_000), 4000),
    )
    assert found == ["large", "beyond", "small", "important", "modest", "modest-and-important"]


def test_equals_go_in_a_fixed_order() -> None:
    assert leaving(candidate("b", pod(), 5), candidate("a", pod(), 5)) == ["a", "b"]


def test_without_a_request_of_the_resource_all_use_counts() -> None:
    found = leaving(candidate("a", pod(memory="1Gi"), 5), candidate("b", pod(), 6), signal=Signal.NODEFS)
    assert found == ["b", "a"]
    assert leaving(candidate("a", pod(), 0), candidate("b", pod(), 1), signal=Signal.PID) == ["b", "a"]


def test_what_is_said_of_a_pod_that_goes() -> None:
    threshold = Threshold(signal=Signal.NODEFS, amount=Amount(number=100 * MIB))
    measured = Measured(capacity=1000 * MIB, available=80 * MIB)
    said = message(threshold, measured, candidate("a", pod(), 30, c=30 * MIB))
    assert said == (
        "The node was low on resource: ephemeral-storage. Threshold quantity: 100Mi, available: 80Mi."
        " Container c was using 30Mi, request is 0, has larger consumption of ephemeral-storage."
    )
    bare = message(Threshold(signal=Signal.MEMORY, amount=Amount(number=0)), measured, candidate("a", pod()))
    assert bare == "The node was low on resource: memory. Threshold quantity: 0, available: 80Mi."


BURSTABLE, BEST_EFFORT, TOP = pod(memory="1Mi"), pod(), pod(priority=CRITICAL)


@pytest.mark.parametrize(
    ("content", "conditions", "runs", "waits"),
    [
        (BEST_EFFORT, {Pressure.MEMORY}, False, "MemoryPressure"),
        (BURSTABLE, {Pressure.MEMORY}, False, ""),
        (BEST_EFFORT, {Pressure.MEMORY}, True, ""),
        (BURSTABLE, {Pressure.DISK}, False, "DiskPressure"),
        (BURSTABLE, {Pressure.DISK}, True, "DiskPressure"),
        (BURSTABLE, {Pressure.PID}, False, "PIDPressure"),
        (BURSTABLE, {Pressure.PID}, True, ""),
        (TOP, set(Pressure), False, ""),
        (BEST_EFFORT, set(), False, ""),
    ],
)
def test_who_waits_while_the_node_is_short(
    content: v1.Pod, conditions: set[Pressure], *, runs: bool, waits: str
) -> None:
    found = refused(content, conditions, runs=runs)
    assert (found.reason if found is not None else "") == waits


def eviction(signal: str = "memory.available", since: float = 600.0, boot_id: str = "boot") -> Eviction:
    return Eviction(signal=signal, message="m", at=0.0, boot_id=boot_id, since=since)


@pytest.mark.parametrize(
    ("evicted", "content", "conditions", "back"),
    [
        (eviction(), BURSTABLE, set(), True),
        (eviction(since=701.0), BURSTABLE, set(), False),
        (eviction(since=701.0, boot_id="before"), BURSTABLE, set(), True),
        (eviction(), BURSTABLE, {Pressure.MEMORY}, False),
        (eviction(), BURSTABLE, {Pressure.DISK}, False),
        (eviction("nodefs.available"), BURSTABLE, {Pressure.MEMORY}, True),
        (eviction("nodefs.available"), BEST_EFFORT, {Pressure.MEMORY}, False),
        (eviction(""), BURSTABLE, set(), True),
        (eviction("", since=900.0), BURSTABLE, set(), False),
    ],
)
def test_who_comes_back(evicted: Eviction, content: v1.Pod, conditions: set[Pressure], *, back: bool) -> None:
    assert may_return(evicted, content, conditions, 300.0, NOW) is back


# The node planner.


def test_an_evicted_pod_goes_and_its_room_is_free_once_it_is_gone() -> None:
    big = pod((80,), cpu="3")
    plan = plan_node([running("a", big, evicted="low"), waiting("b", big)], node())
    assert reasons(plan) == {"a": "-Evicted", "b": "NodePorts"}
    assert blocked_message(plan, "a") == "low"
    plan = plan_node([restarting("a", big, evicted="low"), waiting("b", big)], node())
    assert reasons(plan) == {"a": "-Evicted", "b": ""}


def test_the_edit_of_an_evicted_pod_runs_where_it_may() -> None:
    plan = plan_node([restarting("a", pod(), evicted="low", candidate=pod(memory="1Mi"))], node())
    assert reasons(plan) == {"a": "-"}
    short = node(pressure=frozenset({Pressure.MEMORY}))
    plan = plan_node([restarting("a", pod(), evicted="low", candidate=pod())], short)
    assert reasons(plan) == {"a": "-MemoryPressure"}


def test_new_pods_wait_while_the_node_is_short_and_what_was_admitted_does_not() -> None:
    short = node(pressure=frozenset({Pressure.DISK}))
    pods = [waiting("new", pod()), running("edit", pod(), candidate=pod((80,))), restarting("old", pod())]
    assert reasons(plan_node(pods, short)) == {"new": "DiskPressure", "edit": "DiskPressure", "old": ""}
    assert reasons(plan_node([waiting("mysql", pod(priority=CRITICAL))], short)) == {"mysql": ""}


# A pod's own limits.


def storing(*limits: str | None, size: str | None = None, medium: str | None = None, whole: str = "") -> v1.Pod:
    """Return a pod with containers c0, c1, … of these ephemeral-storage limits and a volume `v`."""
    containers = tuple(
        v1.Container(
            name=f"c{number}",
            resources=v1.ResourceRequirements(limits={"ephemeral-storage": limit} if limit else {}),
            volume_mounts=(v1.VolumeMount(name="v", mount_path="/v"),),
        )
        for number, limit in enumerate(limits)
    )
    volume = v1.Volume(name="v", empty_dir=v1.EmptyDirVolumeSource(size_limit=size, medium=medium))
    resources = v1.ResourceRequirements(limits={"ephemeral-storage": whole}) if whole else None
    spec = v1.PodSpec(containers=containers, volumes=(volume,), resources=resources)
    return v1.Pod(metadata=v1.ObjectMeta(name="p", namespace="default"), spec=spec)


def use(volume: int = 0, **containers: int) -> StorageUse:
    return StorageUse(volumes={"v": volume * MIB}, containers={name: mib * MIB for name, mib in containers.items()})


@pytest.mark.parametrize(
    ("content", "used", "said"),
    [
        (storing(None, size="10Mi"), use(10), None),
        (storing(None, size="10Mi"), use(11), 'Usage of EmptyDir volume "v" exceeds the limit "10Mi".'),
        (storing("10Mi"), use(c0=11), "Pod ephemeral local storage usage exceeds the total limit of containers 10Mi."),
        (
            storing("10Mi"),
            use(5, c0=6),
            "Pod ephemeral local storage usage exceeds the total limit of containers 10Mi.",
        ),
        (storing("10Mi"), use(4, c0=6), None),
        (storing("10Mi", None), use(c0=11), 'Container c0 exceeded its local ephemeral storage limit "10Mi".'),
        (storing("10Mi", None), use(9, c0=9, c1=500), None),
        (storing("10Mi", "10Mi"), use(c0=11), 'Container c0 exceeded its local ephemeral storage limit "10Mi".'),
        (
            storing(None, whole="10Mi"),
            use(11),
            "Pod ephemeral local storage usage exceeds the total limit of containers 10Mi.",
        ),
    ],
)
def test_limits_of_a_pods_own(content: v1.Pod, used: StorageUse, said: str | None) -> None:
    assert is_limited(content)
    assert excess(content, used) == said


@pytest.mark.parametrize("content", [storing(None), storing(None, size="1Mi", medium="Memory")])
def test_a_pod_without_limits_is_not_measured(content: v1.Pod) -> None:
    assert not is_limited(content)
    assert excess(content, use(9999, c0=9999)) is None


def test_the_order_of_leaving_does_not_depend_on_that_of_asking() -> None:
    pods = [candidate(f"p{n}", pod(priority=n % 3), used=n) for n in range(9)]
    assert leaving(*pods) == leaving(*reversed(pods))
