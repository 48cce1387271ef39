"""Who waits for whom at the start, and who does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from podstead.admission.order import AWAITING
from podstead.admission.plan import plan_node
from podstead.k8s import core_v1 as v1
from podstead.k8s.annotations import START_AFTER
from tests.support.computing import computing

from .pods import key, node, pod, restarting, running, waiting

if TYPE_CHECKING:
    from podstead.admission.values import NodePod


def named(name: str, *after: str) -> v1.Pod:
    content = pod()
    metadata = v1.ObjectMeta(name=name, namespace="default", annotations={START_AFTER: ", ".join(after)})
    return v1.Pod(metadata=metadata, spec=v1.PodSpec(containers=content.spec.containers, node_name="n"))


def said(*pods: NodePod) -> dict[str, str]:
    """By pod: why it waits, empty where it may start."""
    decisions = plan_node(pods, node()).decisions
    return {one.name: it.blocked.message if it.blocked else "" for one, it in decisions.items()}


def new(name: str, *after: str, **more: Any) -> NodePod:
    return waiting(f"{name}-n", named(f"{name}-n", *after), **more)


def test_a_new_pod_waits_until_the_other_is_ready() -> None:
    db = running("db-n", named("db-n"))
    assert said(new("web", "db"), db)["web-n"] == "starts after pod default/db-n, which is not ready"
    assert said(new("web", "db"), running("db-n", named("db-n"), ready=True))["web-n"] == ""


def test_a_pod_that_is_not_there_is_waited_for() -> None:
    assert said(new("web", "other/db"))["web-n"] == "starts after pod other/db-n, which is not on this node"
    assert "db-n, which is not on this node" in said(new("web", "db-n"))["web-n"]


def test_one_that_is_leaving_is_not_there() -> None:
    db = running("db-n", named("db-n"), ready=True, terminating=True)
    assert "not on this node" in said(new("web", "db"), db)["web-n"]


def test_after_a_reboot_the_order_counts_again_and_room_is_held() -> None:
    back = restarting("web-n", named("web-n", "db"))
    plan = plan_node([back, running("db-n", named("db-n"))], node())
    decision = plan.decisions[key("web-n")]
    assert decision.blocked is not None
    assert (decision.preempted, decision.blocked.reason) == (True, AWAITING)
    assert not plan_node([back, new("late")], node(max_pods=1)).decisions[key("late-n")].admitted


def test_what_runs_or_ran_waits_for_nobody() -> None:
    db = running("db-n", named("db-n"))
    assert said(running("web-n", named("web-n", "db")), db)["web-n"] == ""
    assert said(restarting("web-n", named("web-n", "db"), started=True), db)["web-n"] == ""


def test_an_edit_of_a_running_pod_waits_for_nobody() -> None:
    web = running("web-n", named("web-n"), candidate=named("web-n", "db"), images_present=True)
    assert said(web, running("db-n", named("db-n")))["web-n"] == ""


def test_pods_in_a_circle_do_not_keep_each_other_down() -> None:
    a, b, c = (restarting(f"{x}-n", named(f"{x}-n", y)) for x, y in (("a", "b"), ("b", "a"), ("c", "a")))
    assert said(a, b, c) == {"a-n": "", "b-n": "", "c-n": "starts after pod default/a-n, which is not ready"}


def test_a_plan_of_300_pods_that_each_wait_for_16_costs_little() -> None:
    pods = [new(f"p{i}", *(f"p{i - back}" for back in range(1, 17) if i >= back)) for i in range(300)]
    with computing() as cost:
        waits = said(*pods)
    assert cost.seconds < 0.8, "it was 2.7 s, at each change of any pod, on the loop that probes run on"
    assert [name for name, why in waits.items() if not why] == ["p0-n"]
