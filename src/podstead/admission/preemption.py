"""Who must go for a critical pod: as few as possible, the least important first (foundation 18)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.admission.room import conflicting, shortage
from podstead.k8s.labels import SYSTEM_CRITICAL_PRIORITY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from podstead.admission.room import Holding
    from podstead.admission.values import NodeFacts
    from podstead.identity import PodKey
    from podstead.k8s import core_v1 as v1

NEVER = "Never"


def may_preempt(pod: v1.Pod, ask: Holding) -> bool:
    """Return whether a pod is one that others make room for."""
    return ask.priority >= SYSTEM_CRITICAL_PRIORITY and pod.spec.preemption_policy != NEVER


def victims(ask: Holding, held: Sequence[Holding], node: NodeFacts) -> frozenset[PodKey] | None:
    """Return the pods that must go so that `ask` fits; None when no set of lower ones is enough.

    No victim is superfluous: with any one of them left `ask` would not fit. A pod that stops already counts as gone,
    and one that an earlier plan chose is chosen again before others, so that two plans do not stop two pods.
    """
    staying = [one for one in held if one.key != ask.key and not one.terminating]
    lower = [one for one in staying if one.priority < ask.priority and not one.waiting]
    needed = conflicting(ask, staying)
    if not needed <= {one.key for one in lower}:
        return None
    chosen = set(needed)
    # Least important first: already stopping, then the lowest priority, then the youngest.
    order = sorted(lower, key=lambda one: (not one.stopping, one.priority, -one.created_at, one.key))
    for one in order:
        if shortage(ask, _without(staying, chosen), node) is None:
            break
        chosen.add(one.key)
    if shortage(ask, _without(staying, chosen), node) is not None:
        return None
    for one in reversed(order):
        if one.key in chosen - needed and shortage(ask, _without(staying, chosen - {one.key}), node) is None:
            chosen.discard(one.key)
    return frozenset(chosen)


def _without(held: Sequence[Holding], gone: set[PodKey]) -> list[Holding]:
    return [one for one in held if one.key not in gone]
