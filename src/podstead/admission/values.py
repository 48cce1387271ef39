"""What the node planner is given and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from podstead.admission.abilities import Abilities

if TYPE_CHECKING:
    from collections.abc import Mapping
    from fractions import Fraction

    from podstead.admission.ports import HostPort
    from podstead.identity import PodKey
    from podstead.k8s import core_v1 as v1
    from podstead.k8s.signals import Pressure
    from podstead.state.desired import Blocked


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePod:
    """One incarnation as the node sees it.

    `effective` is the content that runs or is restarted after a crash, `candidate` the one that waits to replace it.
    `occupies` says that a sandbox or a container of it is there, so that its ports and its memory are in use;
    a pod whose sandbox is about to be made again does not occupy, and keeps its place all the same. `leaving` are
    earlier contents of which a container still runs: their ports are not free yet. `preempted` is what the plan
    before said: it is stopping for another, or waits to come back. `images_present` concerns the content that asks.
    `created_at` is Unix seconds. `started` says that it has been there since the agent or the machine began: its place
    in the order of starts lies behind it. `ready` is what others wait for: it is ready, or has done its work.
    `evicted` says why the effective content must not run until the node has room again; empty for one that may.
    """

    key: PodKey
    effective: v1.Pod | None = None
    candidate: v1.Pod | None = None
    created_at: float = 0.0
    occupies: bool = False
    terminating: bool = False
    images_present: bool = False
    leaving: tuple[v1.Pod, ...] = ()
    preempted: bool = False
    started: bool = False
    ready: bool = False
    evicted: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    """The node. `allocatable` is cores, bytes or pieces by resource; what is not named there is not limited.

    `listening` is where programs listen on the node's own network, those of pods among them.
    """

    name: str
    labels: Mapping[str, str]
    allocatable: Mapping[str, Fraction]
    max_pods: int
    allowed_unsafe_sysctls: tuple[str, ...] = ()
    listening: frozenset[HostPort] = frozenset()
    abilities: Abilities = field(default_factory=Abilities)
    pressure: frozenset[Pressure] = frozenset()
    """What the node is short of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a pod may do, in the words of `state.desired.DesiredPod`.

    `blocked` says why what asks must wait, and is None when it may start (or nothing asks and what runs goes on).
    `preempted` says that the effective content must not run. Both are set for a pod that makes room and for one that
    has none to come back to, or that was evicted; `preempted` alone is a pod whose candidate fits where its effective content does not.
    """

    blocked: Blocked | None = None
    preempted: bool = False
    wants_images: bool = False
    """Others would make room if the images were there: they must be pulled although the pod waits."""

    @property
    def admitted(self) -> bool:
        """Whether nothing has to wait."""
        return self.blocked is None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePlan:
    """A decision for every pod that is not terminating; `preempt` names each victim and for whom it makes room."""

    decisions: Mapping[PodKey, Decision]
    preempt: Mapping[PodKey, PodKey] = field(default_factory=dict)
