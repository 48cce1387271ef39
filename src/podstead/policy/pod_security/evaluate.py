"""The verdict of a level on a pod: every control that it violates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.policy.pod_security.controls import controls_of

if TYPE_CHECKING:
    from podstead.k8s import core_v1 as v1
    from podstead.policy.pod_security.levels import Standard


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One control that a pod violates at one field."""

    control: str
    field: str
    problem: str


def violations(pod: v1.Pod, standard: Standard) -> tuple[Violation, ...]:
    """Return what the standard does not allow of a pod with its defaults filled in; empty: it is allowed."""
    return tuple(
        Violation(control=name, field=fault.field, problem=fault.problem)
        for name, judge in controls_of(standard.level, standard.minor)
        for fault in judge(pod)
    )
