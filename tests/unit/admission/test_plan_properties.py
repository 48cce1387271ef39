"""What holds for every node: nothing is bound twice, nothing is overfull, nobody is stopped without need."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from podstead.admission.plan import plan_node
from podstead.admission.ports import host_ports
from podstead.admission.values import NodePlan, NodePod
from podstead.k8s.qos import effective_priority
from podstead.k8s.resources import pod_requests

from .pods import CRITICAL, key, node, pod

if TYPE_CHECKING:
    from random import Random

    from podstead.k8s import core_v1 as v1

CONTENT = st.builds(
    pod,
    st.lists(st.sampled_from([80, 81, 82]), max_size=2, unique=True).map(tuple),
    cpu=st.sampled_from(["", "1", "2", "3"]),
    priority=st.sampled_from([0, 10, CRITICAL, CRITICAL + 1000]),
)
POD = st.builds(
    NodePod,
    key=st.sampled_from("abcdef").map(key),
    effective=st.none() | CONTENT,
    candidate=st.none() | CONTENT,
    created_at=st.integers(0, 3).map(float),
    occupies=st.booleans(),
    terminating=st.booleans(),
    images_present=st.booleans(),
    preempted=st.booleans(),
)
PODS = st.lists(POD, max_size=6, unique_by=lambda one: one.key)
NODE = node(cpu=5, max_pods=4)


def starts(pods: list[NodePod], plan: NodePlan) -> dict[str, v1.Pod]:
    """What begins or comes back by this plan, by pod."""
    found: dict[str, v1.Pod] = {}
    for one in pods:
        decision = plan.decisions.get(one.key)
        if decision is None or decision.blocked is not None:
            continue
        if one.candidate is not None:
            found[one.key.name] = one.candidate
        elif one.effective is not None and not one.occupies:
            found[one.key.name] = one.effective
    return found


def present(pods: list[NodePod]) -> dict[str, v1.Pod]:
    return {
        one.key.name: one.effective for one in pods if one.effective is not None and (one.occupies or one.terminating)
    }


@settings(max_examples=500)
@given(PODS, st.randoms(use_true_random=False))
def test_the_order_of_the_pods_does_not_matter(pods: list[NodePod], random: Random) -> None:
    shuffled = random.sample(pods, len(pods))
    assert plan_node(shuffled, NODE) == plan_node(pods, NODE)


@settings(max_examples=500)
@given(PODS)
def test_what_starts_fits_beside_what_is_there(pods: list[NodePod]) -> None:
    plan = plan_node(pods, NODE)
    new, there = starts(pods, plan), present(pods)
    for name, content in new.items():
        others = {**there, **new}
        del others[name]
        for other in others.values():
            assert not any(one.conflicts_with(two) for one in host_ports(content) for two in host_ports(other))
    if new:
        everything = {**there, **new}
        # An edit needs the larger of both; what was there before may be overfull already, what starts may not add to it.
        total = sum((pod_requests(content).get("cpu", Fraction(0)) for content in everything.values()), Fraction(0))
        before = sum((pod_requests(content).get("cpu", Fraction(0)) for content in there.values()), Fraction(0))
        assert total <= max(before, NODE.allocatable["cpu"])
        assert len(everything) <= max(len(there), NODE.max_pods)


@settings(max_examples=500)
@given(PODS)
def test_every_pod_has_an_answer_and_a_victim_a_reason(pods: list[NodePod]) -> None:
    plan = plan_node(pods, NODE)
    by_key = {one.key: one for one in pods}
    asked = {one.key for one in pods if not one.terminating and (one.effective or one.candidate)}
    assert set(plan.decisions) == asked
    for victim, by in plan.preempt.items():
        strong, weak = by_key[by], by_key[victim]
        asking = [content for content in (strong.effective, strong.candidate) if content is not None]
        assert max(effective_priority(content) for content in asking) >= CRITICAL
        assert strong.images_present
        assert not weak.terminating
        held = [content for content in (weak.effective, weak.candidate) if content is not None]
        assert min(map(effective_priority, held)) < max(map(effective_priority, asking))
        assert plan.decisions[victim].preempted
    for one in pods:
        decision = plan.decisions.get(one.key)
        if decision is not None and one.occupies and one.effective is not None:
            assert decision.preempted == (one.key in plan.preempt), "what runs is stopped by preemption only"


@settings(max_examples=300)
@given(st.lists(st.tuples(st.sampled_from(["1", "2", "3"]), st.sampled_from([0, 10])), max_size=5), st.integers(1, 5))
def test_no_victim_is_superfluous(others: list[tuple[str, int]], asked: int) -> None:
    held = [
        NodePod(key=key(f"p{n}"), effective=pod(cpu=cpu, priority=priority), created_at=float(n), occupies=True)
        for n, (cpu, priority) in enumerate(others)
    ]
    vip = NodePod(key=key("vip"), candidate=pod(cpu=str(asked), priority=CRITICAL), images_present=True)
    facts = node(cpu=6, max_pods=100)
    victims = set(plan_node([*held, vip], facts).preempt)
    cpus = {one.key: int(cpu) for one, (cpu, _) in zip(held, others, strict=True)}

    def fits(gone: set[object]) -> bool:
        return sum(cpu for one, cpu in cpus.items() if one not in gone) + asked <= 6

    assert fits(set(victims))
    for fewer in combinations(victims, max(0, len(victims) - 1)):
        assert not victims or not fits(set(fewer))
