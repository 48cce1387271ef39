"""The order in which pods end: by priority, and against the order of their starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.admission.shutdown import shutdown_stages
from podstead.config.node import CRITICAL_LAST, ShutdownGroup
from podstead.k8s import core_v1 as v1
from podstead.k8s.annotations import START_AFTER

from .pods import CRITICAL, key

if TYPE_CHECKING:
    from collections.abc import Sequence


def content(*after: str, priority: int = 0) -> v1.Pod:
    metadata = v1.ObjectMeta(name="p", namespace="default", annotations={START_AFTER: ",".join(after)})
    return v1.Pod(metadata=metadata, spec=v1.PodSpec(containers=(), priority=priority))


def stages(groups: Sequence[ShutdownGroup] = CRITICAL_LAST, **pods: v1.Pod) -> list[str]:
    found = shutdown_stages({key(name): pod for name, pod in pods.items()}, groups)
    return [f"{stage.group}:{' '.join(one.name for one in stage.pods)}" for stage in found]


def test_critical_pods_end_last() -> None:
    assert stages(a=content(priority=CRITICAL), b=content(), c=content(priority=-5)) == ["0:b c", "1:a"]


def test_who_started_after_another_ends_before_it() -> None:
    found = stages(db=content(), cache=content("db"), web=content("cache", "db"), alone=content())
    assert found == ["0:alone web", "0:cache", "0:db"]


def test_priority_comes_before_the_order_of_starts() -> None:
    assert stages(db=content(), web=content("db", priority=CRITICAL)) == ["0:db", "1:web"]


def test_a_circle_ends_together() -> None:
    assert stages(a=content("b"), b=content("a"), c=content("a")) == ["0:c", "0:a b"]


def test_groups_by_priority() -> None:
    groups = (ShutdownGroup(priority=100, seconds=5), ShutdownGroup(priority=10, seconds=60))
    found = stages(
        groups, low=content(priority=1), ten=content(priority=10), mid=content(priority=99), high=content(priority=100)
    )
    assert found == ["0:low mid ten", "1:high"]
    assert [s.seconds for s in shutdown_stages({key("a"): content()}, groups)] == [60]
