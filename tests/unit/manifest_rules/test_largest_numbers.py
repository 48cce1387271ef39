"""No number passes that the runtime's messages or the kernel cannot hold: what is admitted can be encoded."""

from __future__ import annotations

from typing import Any

import pytest

from podstead.cri._pb import cri_pb2 as pb
from podstead.cri.resources import cgroup_resources, hugepage_limits, sandbox_overhead, sandbox_resources
from podstead.k8s import resources

from .pods import MYSQL, defaulted, edited
from .rules import C, problems

CPU = "175921860444m"
BYTES = str(2**63 - 4096)
PATH = "spec.containers[0].resources"
LIMITS, REQUESTS, POD = f"{C}.resources.limits", f"{C}.resources.requests", "spec.resources.limits"
VOLUME = "spec.volumes.0"
GRACE = 9_223_372_036


def beside(*limits: dict[str, str]) -> tuple[str, object]:
    """Return containers that each have these limits."""
    return (
        "spec.containers",
        [{"name": f"c{n}", "image": "a:1", "resources": {"limits": one}} for n, one in enumerate(limits)],
    )


@pytest.mark.parametrize(
    ("edit", "field"),
    [
        ((LIMITS, {"cpu": "1e30"}), f"{PATH}.limits[cpu]"),
        ((LIMITS, {"cpu": "175921860445m"}), f"{PATH}.limits[cpu]"),
        ((REQUESTS, {"cpu": "1e30"}), f"{PATH}.requests[cpu]"),
        ((LIMITS, {"memory": "1e30"}), f"{PATH}.limits[memory]"),
        ((REQUESTS, {"memory": "8Ei"}), f"{PATH}.requests[memory]"),
        ((LIMITS, {"ephemeral-storage": "1e30"}), f"{PATH}.limits[ephemeral-storage]"),
        ((LIMITS, {"cpu": "1", "hugepages-2Mi": "8Ei"}), f"{PATH}.limits[hugepages-2Mi]"),
        ((POD, {"cpu": "1e30"}), "spec.resources.limits[cpu]"),
        (("spec.overhead", {"memory": "1e30"}), "spec.overhead[memory]"),
        (("spec.overhead", {"cpu": "1e30"}), "spec.overhead[cpu]"),
        (beside({"memory": "5Ei"}, {"memory": "5Ei"}), "spec.containers"),
        (beside({"cpu": CPU}, {"cpu": "1m"}), "spec.containers"),
        (
            (VOLUME, {"name": MYSQL["spec"]["volumes"][0]["name"], "emptyDir": {"sizeLimit": "1e30"}}),
            "spec.volumes[0].emptyDir.sizeLimit",
        ),
        (("spec.terminationGracePeriodSeconds", GRACE + 1), "spec.terminationGracePeriodSeconds"),
        (("spec.activeDeadlineSeconds", 2**31), "spec.activeDeadlineSeconds"),
        (("spec.priority", 2**31), "spec.priority"),
        (("spec.securityContext", {"runAsUser": 2**31}), "spec.securityContext.runAsUser"),
        (("spec.securityContext", {"fsGroup": 2**31}), "spec.securityContext.fsGroup"),
        (("spec.securityContext", {"supplementalGroups": [2**31]}), "spec.securityContext.supplementalGroups[0]"),
    ],
    ids=str,
)
def test_a_number_that_nothing_can_hold_is_refused_at_its_field(edit: tuple[str, object], field: str) -> None:
    # A request that is left out is the limit's, and is refused with it.
    found = [problem.field.replace(".requests[", ".limits[") for problem in problems(MYSQL, edit)]

    assert set(found) == {field.replace(".requests[", ".limits[")}


def test_the_refusal_names_the_largest_amount() -> None:
    (cpu,) = problems(MYSQL, (LIMITS, {"cpu": "175921860445m"}))
    memory, _ = problems(MYSQL, (LIMITS, {"memory": "8Ei"}))

    assert CPU in cpu.message
    assert "9007199254740988Ki" in memory.message


def test_overhead_over_what_the_containers_leave_is_refused_at_the_overhead() -> None:
    found = problems(MYSQL, beside({"memory": BYTES}), ("spec.overhead", {"memory": "1"}))

    assert [problem.field for problem in found] == ["spec.overhead[memory]"]


@pytest.mark.parametrize(
    "limits",
    [{"cpu": CPU}, {"memory": BYTES}, {"cpu": "1", "hugepages-2Mi": str(2**63 - 2**21)}, {"ephemeral-storage": BYTES}],
    ids=str,
)
def test_the_largest_amounts_pass_and_fit_the_messages_of_the_runtime(limits: dict[str, Any]) -> None:
    pod = defaulted(edited(MYSQL, beside(limits)))

    assert problems(MYSQL, beside(limits)) == ()
    (container,) = pod.spec.containers
    sent = cgroup_resources(resources.container_values(pod, container))
    sent.hugepage_limits.extend(hugepage_limits(container))
    assert pb.LinuxContainerResources.FromString(sent.SerializeToString()) == sent
    assert sandbox_resources(pod).cpu_quota in {0, 100_000, 2**44 - 16}


def test_overhead_that_a_class_of_the_node_adds_does_not_overflow_a_sum_that_passed() -> None:
    full = beside({"cpu": CPU, "memory": BYTES})
    pod = defaulted(edited(MYSQL, full, ("spec.overhead", {"cpu": "1e30", "memory": "1e30"})))

    values, overhead = resources.pod_values(pod), sandbox_overhead(pod)

    assert (values.quota, values.memory_limit) == (2**44 - 1, 2**63 - 4096)
    assert overhead is not None
    assert (overhead.cpu_quota, overhead.memory_limit_in_bytes) == (2**44 - 1, 2**63 - 4096)


def test_the_longest_grace_and_a_sleep_as_long_pass() -> None:
    sleep = (f"{C}.lifecycle", {"preStop": {"sleep": {"seconds": GRACE}}})

    assert problems(MYSQL, ("spec.terminationGracePeriodSeconds", GRACE), sleep) == ()
