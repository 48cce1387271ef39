"""Who may make others go: a priority from 2,000,000,000 on preempts (foundation 18)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.k8s.labels import PRIORITY_CLASSES, SYSTEM_CRITICAL_PRIORITY
from podstead.k8s.qos import effective_priority
from podstead.policy.entitlement import names, withheld
from podstead.policy.violation import Breach

if TYPE_CHECKING:
    from collections.abc import Iterator

    from podstead.k8s import core_v1 as v1
    from podstead.policy.values import Origin, Policy

CRITICAL = "Critical Priority"


def priority_breaches(pod: v1.Pod, policy: Policy, origin: Origin, namespace: str, name: str) -> Iterator[Breach]:
    """Yield the field by which a pod would preempt others without the policy's leave."""
    number = effective_priority(pod)
    if number < SYSTEM_CRITICAL_PRIORITY:
        return
    asked = class_of(number)
    field = "spec.priorityClassName" if pod.spec.priority is None else "spec.priority"
    why = "the policy's priorities do not list the pod for it"
    for rule in policy.priorities:
        if asked not in rule.classes or not names(rule.grant, namespace, name):
            continue
        if not (why := withheld(rule.grant, origin, policy.signers, namespace, name)):
            return
    value = pod.spec.priority_class_name or str(number)
    yield Breach(control=CRITICAL, field=field, problem=f"pods of {asked} make others go, and {why}", value=value)


def class_of(number: int) -> str:
    """Return the lowest class that allows a critical priority of this number."""
    rising = sorted(PRIORITY_CLASSES, key=lambda name: PRIORITY_CLASSES[name])
    return next((name for name in rising if PRIORITY_CLASSES[name] >= number), rising[-1])
