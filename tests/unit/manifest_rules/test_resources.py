"""QoS, priority, OOM score and cgroup values, with the vectors of spec/kubelet-static-pods.md 5.7."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from podstead.k8s import core_v1 as v1
from podstead.k8s import qos, resources

from .pods import MYSQL, defaulted

GI = 1 << 30


def pod(*containers: dict[str, Any], init: tuple[dict[str, Any], ...] = (), **spec: object) -> v1.Pod:
    """Return a defaulted pod whose containers have these resources (limits, requests)."""
    regular = [{"name": f"c{n}", "image": "a:1", "resources": r} for n, r in enumerate(containers)]
    inits = [
        {"name": f"i{n}", "image": "a:1", "resources": r, "restartPolicy": r.get("policy")} for n, r in enumerate(init)
    ]
    return defaulted(
        {"metadata": {"name": "p"}, "spec": {"containers": regular, "initContainers": inits, **spec}},
    )


def asks(cpu: str = "", memory: str = "", **more: str) -> dict[str, Any]:
    return {"requests": {k: v for k, v in {"cpu": cpu, "memory": memory}.items() if v}, **more}


def limits(cpu: str = "", memory: str = "") -> dict[str, Any]:
    return {"limits": {k: v for k, v in {"cpu": cpu, "memory": memory}.items() if v}}


@pytest.mark.parametrize(
    ("milli", "shares", "quota"),
    [(0, 2, 0), (1, 2, 1000), (250, 256, 25_000), (1000, 1024, 100_000), (300_000, 262_144, 30_000_000)],
)
def test_cpu_vectors(milli: int, shares: int, quota: int) -> None:
    assert (resources.cpu_shares(milli), resources.cpu_quota(milli)) == (shares, quota)


def test_quota_follows_the_period() -> None:
    assert resources.cpu_quota(500, 20_000) == 10_000


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (pod({}), "BestEffort"),
        (pod({"limits": {"ephemeral-storage": "1Gi"}}), "BestEffort"),
        (pod(asks(cpu="0")), "BestEffort"),
        (pod(asks(cpu="200m")), "Burstable"),
        (pod(limits(cpu="1")), "Burstable"),
        (pod(limits("1", "1Gi")), "Guaranteed"),
        (pod({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1000m"}}), "Guaranteed"),
        (pod({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "999m"}}), "Burstable"),
        (pod(limits("1", "1Gi"), {}), "Burstable"),
        (pod(limits("1", "1Gi"), init=({},)), "Burstable"),
        (pod(limits("1", "1Gi"), init=(limits("1", "1Gi"),)), "Guaranteed"),
        (pod({}, resources=limits("1", "1Gi")), "Guaranteed"),
        (pod(limits("1", "1Gi"), resources=limits(cpu="2")), "Burstable"),
        (defaulted(MYSQL), "Burstable"),
    ],
)
def test_qos_class(found: v1.Pod, expected: str) -> None:
    assert qos.qos_class(found) == expected


@pytest.mark.parametrize(
    ("spec", "priority"),
    [
        ({}, 0),
        ({"priority": 7}, 7),
        ({"priority": 0, "priorityClassName": "system-cluster-critical"}, 0),
        ({"priorityClassName": "system-cluster-critical"}, 2_000_000_000),
        ({"priorityClassName": "system-node-critical"}, 2_000_001_000),
        ({"priorityClassName": "mine"}, 0),
    ],
)
def test_effective_priority(spec: dict[str, Any], priority: int) -> None:
    assert qos.effective_priority(pod({}, **spec)) == priority


@pytest.mark.parametrize(
    ("found", "score"),
    [
        (pod({}), 1000),
        (pod(limits("1", "1Gi")), -997),
        (pod({}, priorityClassName="system-node-critical"), -997),
        (pod({}, priorityClassName="system-cluster-critical"), 1000),
        (pod(asks(memory="1Gi")), 938),
        (pod(asks(cpu="1")), 999),
        (pod(asks(memory="16Gi")), 3),
        (pod(asks(memory="1Gi"), resources=asks(memory="8Gi")), 500),
        (pod(asks(memory="1Gi"), {}, resources=asks(memory="8Gi")), 719),
    ],
)
def test_oom_score_on_a_node_of_16_gib(found: v1.Pod, score: int) -> None:
    assert qos.oom_score_adj(found, found.spec.containers[0], 16 * GI) == score


def test_a_sidecar_outlives_every_regular_container() -> None:
    found = pod(asks(memory="1Gi"), asks(memory="4Gi"), init=(asks(memory="1Mi", policy="Always"), asks(memory="1Mi")))
    sidecar, plain = found.spec.init_containers
    scores = [qos.oom_score_adj(found, c, 16 * GI) for c in (*found.spec.containers, sidecar, plain)]
    assert scores == [938, 750, 750, 999]


def test_container_values() -> None:
    found = pod({"limits": {"cpu": "500m", "memory": "1Gi"}, "requests": {"cpu": "250m"}})
    values = resources.container_values(found, found.spec.containers[0])
    assert values == resources.CgroupValues(shares=256, quota=50_000, period=100_000, memory_limit=GI)


def test_a_container_without_limits_has_none_but_the_pods() -> None:
    free = pod({})
    assert resources.container_values(free, free.spec.containers[0]) == resources.CgroupValues(
        shares=2, quota=0, period=100_000, memory_limit=0
    )
    bound = pod({}, resources=limits("1", "2Gi"))
    assert resources.container_values(bound, bound.spec.containers[0]) == resources.CgroupValues(
        shares=1024, quota=100_000, period=100_000, memory_limit=2 * GI
    )


def test_a_pod_is_limited_only_when_all_its_containers_are() -> None:
    both = pod(limits("1", "1Gi"), limits(memory="1Gi"))
    assert resources.pod_values(both) == resources.CgroupValues(
        shares=1024, quota=0, period=100_000, memory_limit=2 * GI
    )
    free_init = pod(limits("1", "1Gi"), init=({},))
    assert resources.pod_values(free_init) == resources.CgroupValues(
        shares=1024, quota=0, period=100_000, memory_limit=0
    )
    own = pod({}, resources=limits("1", "1Gi"))
    assert resources.pod_values(own) == resources.CgroupValues(
        shares=1024, quota=100_000, period=100_000, memory_limit=GI
    )
    assert resources.pod_values(pod({})).shares == 2


def test_requests_take_the_peak_of_initialisation() -> None:
    found = pod(
        asks("1", "1Gi"),
        asks("1"),
        init=(asks(cpu="3"), asks("500m", "3Gi", policy="Always"), asks(memory="2Gi")),
    )
    # cpu: 3 while the first runs; memory: the sidecar's 3Gi and the last one's 2Gi together.
    assert resources.pod_requests(found) == {"cpu": Fraction(3), "memory": Fraction(5 * GI)}


def test_pod_level_and_overhead_in_the_sums() -> None:
    found = pod(asks("1"), resources={"requests": {"cpu": "4"}}, overhead={"cpu": "500m", "memory": "1Mi"})
    assert resources.pod_requests(found) == {"cpu": Fraction(9, 2), "memory": Fraction(1 << 20)}
    bound = pod(limits("1"), overhead={"cpu": "500m", "memory": "1Mi"})
    assert resources.pod_limits(bound) == {"cpu": Fraction(3, 2)}
