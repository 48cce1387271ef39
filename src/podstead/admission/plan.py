"""The node planner: of all pods at once, which may start, which must wait and for whom, which must go.

Numbered as in the code; each step sees what the steps before it hold.
(1) What is there stays: a pod that occupies the node is never stopped but by preemption, and one that is going holds
    its ports and its memory until it is gone, so that a port is handed over and never bound twice.
(2) What was admitted before comes back: effective contents that are not there at the moment (a reboot, a lost sandbox)
    are placed by priority and age. Only room counts for them, not labels, sysctls or what the node
    can: last good stays good.
(3) What asks is placed in the room that is left, by priority and age: new pods, and edits, which may use the place of
    the content that they replace. What does not fit, or would take a port from a program of the node, waits and leaves
    the old content where it is.
    What must start after others waits for them with its room held.
    What was evicted holds nothing once it is gone; like new pods, its edit waits while the node is short of something.
(4) In (2) and (3) a critical pod that lacks nothing but room takes that of lower ones, once its images are there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from podstead.admission import abilities, eviction, placement, ports, preemption, room, sysctls
from podstead.admission.order import StartOrder
from podstead.admission.values import Decision, NodeFacts, NodePlan, NodePod
from podstead.k8s.qos import effective_priority
from podstead.state.desired import Blocked

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from podstead.admission.room import Holding
    from podstead.identity import PodKey
    from podstead.k8s import core_v1 as v1

PREEMPTED = "Preempted"

Rank = tuple[int, float, "PodKey"]


def start_rank(pod: NodePod) -> Rank:
    """Return what start slots and room are given by: the higher priority, then the older pod, then the name."""
    content = pod.effective or pod.candidate
    return (-effective_priority(content) if content is not None else 0, pod.created_at, pod.key)


def plan_node(pods: Sequence[NodePod], node: NodeFacts) -> NodePlan:
    """Return what each pod may do on this node now; deterministic, whatever the order of `pods`."""
    return _Planner(pods, node).plan()


class _Planner:
    """The room as it fills; lives for one call of `plan_node`."""

    def __init__(self, pods: Sequence[NodePod], node: NodeFacts) -> None:
        self._node = node
        self._pods = sorted(pods, key=start_rank)
        self._order = StartOrder(pods)
        # Apart from the rest: an incarnation that ends may have the name of one that waits for it.
        self._ending: list[Holding] = []
        self._held: dict[PodKey, Holding] = {}
        self._decisions: dict[PodKey, Decision] = {}
        self._preempt: dict[PodKey, PodKey] = {}
        self._want_images: set[PodKey] = set()

    def plan(self) -> NodePlan:
        """Place all pods."""
        for pod in self._pods:  # (1)
            if pod.effective is not None and (pod.occupies or pod.terminating):
                self._hold_present(pod, pod.effective)
        going = [pod for pod in self._pods if not pod.terminating]
        # One that lost its place comes after those that kept theirs: else a lost sandbox would be as good as preempting.
        for pod in sorted(going, key=lambda pod: (pod.preempted, start_rank(pod))):  # (2)
            if pod.effective is not None and not pod.occupies:
                self._place_effective(pod, pod.effective)
        for pod in sorted(going, key=_candidate_rank):  # (3)
            if pod.candidate is not None and pod.key not in self._preempt:
                self._place_candidate(pod, pod.candidate)
        for victim, preemptor in self._preempt.items():
            message = f"made room for pod {preemptor}, whose priority is higher; comes back when both fit"
            self._decisions[victim] = Decision(blocked=Blocked(reason=PREEMPTED, message=message), preempted=True)
        return NodePlan(decisions=self._decisions, preempt=self._preempt)

    def _hold_present(self, pod: NodePod, content: v1.Pod) -> None:
        present = self._holding(pod, content)
        for leaving in pod.leaving:
            present = present.beside(self._holding(pod, leaving))
        if pod.terminating:
            self._ending.append(replace(present, occupies=True, terminating=True))
            return
        self._held[pod.key] = replace(present, occupies=True, stopping=pod.preempted)
        self._decisions[pod.key] = _leaving(pod)

    def _place_effective(self, pod: NodePod, content: v1.Pod) -> None:
        if pod.evicted:
            self._decisions[pod.key] = _leaving(pod)
            return
        ask = self._holding(pod, content)
        blocked = self._make_room(pod, content, ask) or self._order.awaited(pod)
        self._decisions[pod.key] = Decision(
            blocked=blocked, preempted=blocked is not None, wants_images=pod.key in self._want_images
        )

    def _place_candidate(self, pod: NodePod, content: v1.Pod) -> None:
        ask = self._holding(pod, content)
        held = [port for old in (pod.effective, *pod.leaving) if old is not None for port in ports.host_ports(old)]
        blocked = (
            eviction.refused(content, self._node.pressure, runs=pod.effective is not None and not pod.evicted)
            or sysctls.forbidden(content, self._node.allowed_unsafe_sysctls)
            or abilities.lacking(content, self._node.abilities)
            or placement.misplaced(content, self._node)
            or ports.stolen(content, held, self._node.listening)
        )
        if blocked is None:
            blocked = self._make_room(pod, content, ask)
        if blocked is None and pod.effective is None:
            blocked = self._order.awaited(pod)
        # A candidate that waits does not take the effective content down: that has its own answer already.
        before = self._decisions.get(pod.key, Decision())
        self._decisions[pod.key] = Decision(
            blocked=blocked, preempted=before.preempted, wants_images=pod.key in self._want_images
        )

    def _make_room(self, pod: NodePod, content: v1.Pod, ask: Holding) -> Blocked | None:
        """Hold the room that `ask` needs, that of others if need be; return what it still waits for."""
        lacking = room.shortage(ask, self._all(), self._node)
        if lacking is None:
            self._hold(ask)
            return None
        if not preemption.may_preempt(content, ask):
            return lacking
        chosen = preemption.victims(ask, self._all(), self._node)
        if chosen is None:
            return lacking
        if chosen and not pod.images_present:
            # Nobody is stopped for a pod that could not start then.
            self._want_images.add(pod.key)
            return lacking
        for victim in chosen:
            self._preempt[victim] = pod.key
        present = [one for one in self._held.values() if one.key in chosen and one.occupies]
        for victim in chosen:
            # What is there holds its room until it is gone; what is not there gives it up at once.
            if self._held[victim].occupies:
                self._held[victim] = replace(self._held[victim], terminating=True)
            else:
                del self._held[victim]
        remaining = room.shortage(ask, self._all(), self._node)
        self._hold(replace(ask, waiting=remaining is not None))
        if remaining is None:
            return None
        return Blocked(reason=lacking.reason, message=f"{lacking.message}; {_making_room(present) or 'waits for it'}")

    def _holding(self, pod: NodePod, content: v1.Pod) -> Holding:
        whole = self._node.abilities.classes.with_overhead(content)
        return room.holding(pod.key, whole, pod.created_at)

    def _all(self) -> tuple[Holding, ...]:
        return (*self._ending, *self._held.values())

    def _hold(self, ask: Holding) -> None:
        old = self._held.get(ask.key)
        self._held[ask.key] = ask if old is None else ask.beside(old)


def _leaving(pod: NodePod) -> Decision:
    if not pod.evicted:
        return Decision()
    return Decision(blocked=Blocked(reason=eviction.EVICTED, message=pod.evicted), preempted=True)


def _candidate_rank(pod: NodePod) -> Rank:
    content = pod.candidate or pod.effective
    return (-effective_priority(content) if content is not None else 0, pod.created_at, pod.key)


def _making_room(present: Iterable[Holding]) -> str:
    names = sorted(str(one.key) for one in present)
    return f"pod {', '.join(names)} makes room" if names else ""
