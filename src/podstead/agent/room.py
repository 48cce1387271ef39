"""The node's room, shared out: asks the node planner about all pods at once and tells each what came of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from podstead.admission.eviction import EVICTED
from podstead.admission.order import AWAITING
from podstead.admission.plan import PREEMPTED, plan_node, start_rank
from podstead.admission.ports import host_ports
from podstead.admission.shutdown import NODE_STOPS, REFUSED
from podstead.admission.values import Decision, NodePod
from podstead.k8s.volumes import needed_images
from podstead.state.observed import ContainerState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from podstead.admission.values import NodeFacts, NodePlan
    from podstead.agent.ports import Recorder
    from podstead.agent.session import PodSession
    from podstead.agent.slots import Rank
    from podstead.agent.table import PodTable
    from podstead.agent.view import PodView
    from podstead.identity import PodKey, PodUID
    from podstead.k8s import core_v1 as v1
    from podstead.state.desired import Blocked
    from podstead.state.records import Revision


class NodeRoom:
    """Judges pods against the node (foundation 17 and 18)."""

    def __init__(
        self,
        table: PodTable,
        node: Callable[[bool], NodeFacts],
        view: Callable[[PodUID], PodView],
        is_ready: Callable[[PodUID], bool],
        recorder: Recorder,
    ) -> None:
        self._table = table
        self._node = node
        self._view = view
        self._is_ready = is_ready
        self._recorder = recorder
        self._closing = False
        self._closed: dict[PodKey, Blocked] = {}

    def close(self, keys: Iterable[PodKey], why: Blocked = NODE_STOPS) -> None:
        """Take the room from these pods until it is opened again, and let nobody else in: the node goes down."""
        self._closing = True
        self._closed.update(dict.fromkeys(keys, why))
        self.judge()

    def reopen(self) -> None:
        """Give the room back: the node stays. Pods come back in the order in which they start after one another."""
        for session in self._table.sessions():
            if session.key in self._closed:
                session.appeared = False
        self._closing = False
        self._closed.clear()
        self.judge()

    def _closed_to(self, session: PodSession) -> Decision | None:
        """Return what a pod is told that the room is closed to; None for one that it is open to."""
        why = self._closed.get(session.key)
        if why is None and self._closing and session.record.effective is None:
            why = REFUSED
        return None if why is None else Decision(blocked=why, preempted=True)

    def judge(self) -> bool:
        """Give every pod its answer and wake those whose answer changed; returns whether some pod waits."""
        sessions = {s.key: s for s in self._table.sessions() if not s.stray}
        plan = self._plan(self._present())
        waits = False
        for key, judged in plan.decisions.items():
            session = sessions.get(key)
            if session is None or session.record.terminating:
                continue
            decision = self._closed_to(session) or _still_preempted(session, judged)
            waits = waits or not decision.admitted or decision.preempted
            if (session.blocked, session.preempted) != (decision.blocked, decision.preempted):
                self._tell(session, decision)
        return waits

    def admitted(self, new: Sequence[Revision], created_at: float) -> frozenset[PodKey]:
        """Return which of these pods, that do not exist yet, may start at once beside all others."""
        if not new or self._closing:
            return frozenset()
        asking = [NodePod(key=r.key, candidate=r.pod, created_at=created_at) for r in new]
        plan = self._plan([*self._present(), *asking])
        return frozenset(r.key for r in new if plan.decisions[r.key].admitted and r.key not in plan.preempt.values())

    def _present(self) -> list[NodePod]:
        """Return what is there or may come; a stopped pod holds its place until nothing of it runs, and then none."""
        pods = [(session, self._node_pod(session)) for session in self._table.sessions()]
        return [pod for session, pod in pods if pod.occupies or pod.terminating or not session.record.stopped]

    def _plan(self, pods: Sequence[NodePod]) -> NodePlan:
        # Who listens on the node takes the kernel some 8 ms to tell: it is asked only when new content wants a port.
        ports = any(pod.candidate is not None and host_ports(pod.candidate) for pod in pods)
        return plan_node(pods, self._node(ports))

    def _tell(self, session: PodSession, decision: Decision) -> None:
        blocked = decision.blocked
        if blocked is not None and session.blocked != blocked:
            told = blocked.reason == EVICTED  # when it was decided
            reason = "Preempting" if blocked.reason == PREEMPTED and not session.preempted else blocked.reason
            is_trouble = blocked.reason != AWAITING
            if not told:
                self._recorder.event(session.key, session.uid, reason, blocked.message, warning=is_trouble)
        session.blocked, session.preempted = blocked, decision.preempted
        self._table.wake(session.uid)

    def _node_pod(self, session: PodSession) -> NodePod:
        desired = session.desired()
        view = self._view(session.uid)
        alive = any(s.ready for s in view.sandboxes) or any(c.state is ContainerState.RUNNING for c in view.containers)
        asks = desired.candidate or desired.effective
        images = needed_images(asks.pod) if asks else ()
        # A pod that has ended takes nothing of the node any more, and waits for nothing but an edit.
        holds = alive or session.record.completion is None
        return NodePod(
            key=session.key,
            effective=desired.effective.pod if desired.effective and holds else None,
            candidate=desired.candidate.pod if desired.candidate and not session.record.stopped else None,
            created_at=session.record.created_at,
            occupies=alive or bool(session.flights),
            terminating=session.record.terminating,
            images_present=all(image in session.images for image in images),
            leaving=tuple(_leaving(session, view)),
            preempted=session.preempted or session.record.stopped,
            started=session.appeared or alive,
            ready=self._is_ready(session.uid),
            evicted=session.record.evicted.message if session.record.evicted is not None else "",
        )


def _still_preempted(session: PodSession, decision: Decision) -> Decision:
    """Keep the reason of a pod that made room, as long as it has none to come back to."""
    was = session.blocked is not None and session.blocked.reason == PREEMPTED
    if not was or decision.blocked is None or not decision.preempted:
        return decision
    return replace(decision, blocked=replace(decision.blocked, reason=PREEMPTED))


def _leaving(session: PodSession, view: PodView) -> Iterator[v1.Pod]:
    """Yield the earlier contents of which a container still runs."""
    running = {c.revision for c in view.containers if c.state is ContainerState.RUNNING}
    for revision in session.revisions.values():
        if revision.id in running and revision.id != session.record.effective:
            yield revision.pod


def slot_rank(session: PodSession) -> Rank:
    """Return the rank by which start slots are given: priority, then age (foundation 17)."""
    revision = session.revision(session.record.effective)
    pod = NodePod(key=session.key, effective=revision.pod if revision else None, created_at=session.record.created_at)
    priority, age, _ = start_rank(pod)
    return (priority, age)
